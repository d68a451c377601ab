"""Fixed values, patterns and limits of values (R4 ElementDefinition: fixed[x], pattern[x], minValue[x], maxValue[x],
maxLength)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from countyfhir.model.instants import interval
from countyfhir.validation.profiles.element_tree import Definition
from countyfhir.validation.profiles.spot import Judge, Run, Spot
from countyfhir.validation.rules.finding import Finding

LONGEST_SHOWN = 120


def same(wanted: Any, value: Any) -> bool:
    """fixed[x]: exactly this value; numbers by what they are worth."""
    if isinstance(wanted, dict):
        return (
            isinstance(value, dict) and wanted.keys() == value.keys() and all(same(wanted[k], value[k]) for k in wanted)
        )
    if isinstance(wanted, list):
        return isinstance(value, list) and len(wanted) == len(value) and all(map(same, wanted, value))
    if type(wanted) is bool or type(value) is bool:
        return wanted is value
    return bool(wanted == value)


def fits(pattern: Any, value: Any) -> bool:
    """pattern[x]: everything in the pattern is there; of lists, each entry somewhere."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(key in value and fits(pattern[key], value[key]) for key in pattern)
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(fits(one, each) for each in value) for one in pattern)
    return same(pattern, value)


def stated(definition: Definition, group: str) -> Any:
    """The value of ``fixed[x]`` and the like, None when there is none."""
    return next((value for key, value in definition.items() if key.startswith(group) and key != group), None)


def value_judges(definition: Definition, label: str) -> Iterator[Judge]:
    """The judges that an element's fixed value, pattern and limits ask for."""
    fixed, pattern = stated(definition, "fixed"), stated(definition, "pattern")
    if fixed is not None:
        yield equals(fixed, label)
    if pattern is not None:
        yield follows(pattern, label)
    if "maxLength" in definition:
        yield not_longer(int(definition["maxLength"]), label)
    low, high = stated(definition, "minValue"), stated(definition, "maxValue")
    if low is not None or high is not None:
        yield within(low, high, label)


def equals(fixed: Any, label: str) -> Judge:
    """The judge of a fixed value."""
    text = f"The value must be exactly {shown(fixed)}."

    def judge(spot: Spot, run: Run) -> list[Finding] | None:
        return None if same(fixed, spot.value) else [Finding("", "value", text, "error", label)]

    return judge


def follows(pattern: Any, label: str) -> Judge:
    """The judge of a pattern."""
    text = f"The value must contain {shown(pattern)}."

    def judge(spot: Spot, run: Run) -> list[Finding] | None:
        return None if fits(pattern, spot.value) else [Finding("", "value", text, "error", label)]

    return judge


def shown(value: Any) -> str:
    """What a profile asks for, short: codings as system#code."""
    if isinstance(value, dict):
        if isinstance(value.get("coding"), list):
            return " and ".join(shown(one) for one in value["coding"])
        if "code" in value and "system" in value:
            return f"{value['system']}#{value['code']}"
        text = ", ".join(f"{key} {shown(one)}" for key, one in value.items())
    elif isinstance(value, list):
        text = " and ".join(map(shown, value))
    else:
        text = str(value).lower() if isinstance(value, bool) else f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def not_longer(length: int, label: str) -> Judge:
    """The judge of maxLength."""

    def judge(spot: Spot, run: Run) -> list[Finding] | None:
        if not isinstance(spot.value, str) or len(spot.value) <= length:
            return None
        return [Finding("", "too-long", f"At most {length} characters, there are {len(spot.value)}.", "error", label)]

    return judge


def within(low: Any, high: Any, label: str) -> Judge:
    """The judge of minValue[x] and maxValue[x]; what cannot be compared (other units) is not judged."""

    def judge(spot: Spot, run: Run) -> list[Finding] | None:
        found = []
        if low is not None and comparison(spot, low) == -1:
            found.append(Finding("", "value", f"The least value is {shown(low)}.", "error", label))
        if high is not None and comparison(spot, high) == 1:
            found.append(Finding("", "value", f"The greatest value is {shown(high)}.", "error", label))
        return found or None

    return judge


def comparison(spot: Spot, limit: Any) -> int | None:
    """-1, 0 or 1 as the value is below, at or above a limit; None when they do not compare."""
    value = spot.value
    if isinstance(limit, dict):
        if not isinstance(value, dict) or any(value.get(key) != limit.get(key) for key in ("system", "code")):
            return None
        value, limit = value.get("value"), limit.get("value")
    if isinstance(limit, str):
        return compared_moments(value, limit) if isinstance(value, str) else None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not isinstance(limit, (int, Decimal)):
        return None
    return (value > limit) - (value < limit)


def compared_moments(value: str, limit: str) -> int | None:
    """The order of two dates or times, None where one lies within the other."""
    if ":" in value[:3] and ":" in limit[:3]:
        return (value > limit) - (value < limit)
    zone = ZoneInfo("UTC")
    try:
        (low, high), (from_, to) = interval(value, zone), interval(limit, zone)
    except ValueError:
        return None
    if high <= from_:
        return -1
    return 1 if low >= to else 0 if (low, high) == (from_, to) else None
