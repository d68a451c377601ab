"""Observations of a visit as the facts that rules speak of: pressures, glucose in mmol/L, signs, adherence (UCUM;
DOMAIN 3.3, 3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.terminology.ucum import canonical
from countyfhir.workflow.chronic.conditions import Range, reading
from countyfhir.workflow.chronic.days import local_day

UNUSABLE = frozenset(("entered-in-error", "cancelled", "registered"))
UCUM = "http://unitsofmeasure.org"
EMERGENCY_SIGN = "https://fhir.county-hc.example/cs/emergency-sign"
GLUCOSE_TIMING = "https://fhir.county-hc.example/StructureDefinition/glucose-timing"
_WRITTEN = {"mmHg": "mm[Hg]", "mmhg": "mm[Hg]", "mg/dl": "mg/dL", "mmol/l": "mmol/L", "次/分": "/min", "℃": "Cel"}

Table = Mapping[str, Any]


def facts_of(observations: Iterable[Resource], table: Table) -> dict[str, Any]:
    """The facts that some Observations tell. A value whose unit cannot be converted tells none."""
    found: dict[str, Any] = {}
    by_code = _sources(table)
    for observation in observations:
        if observation.get("status") in UNUSABLE:
            continue
        for part in (observation, *observation.get("component", ())):
            for name in _names(part, by_code):
                spec = table["facts"][name]
                name = spec["fasting"] if "fasting" in spec and _fasting(observation) else name
                _add(found, name, spec, part, table)
    return found


def age_on(birth: str | None, day: str) -> int | None:
    """Full years on a day; None when the day of birth is not known to the year."""
    told = birth or ""
    try:
        born = date.fromisoformat(told[:10] if len(told) >= 10 else told + "-01-01"[len(told) - 4 :])
        on = date.fromisoformat(day[:10])
    except ValueError:
        return None
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def day_of(observation: Resource) -> str:
    """The day (YYYY-MM-DD, in the county's zone) of an Observation; "" when it tells none."""
    period = observation.get("effectivePeriod") or {}
    told = observation.get("effectiveDateTime") or observation.get("effectiveInstant") or period.get("start")
    return local_day(told or observation.get("issued"))


def converted(quantity: Mapping[str, Any], unit: str, molar_mass: float | None = None) -> Decimal | None:
    """The value in another unit: by UCUM, and between mass and amount of a substance by its molar mass (g/mol)."""
    value = quantity.get("value")
    if not isinstance(value, Decimal | int) or isinstance(value, bool):
        return None
    told = str(quantity.get("code") if quantity.get("system") == UCUM else quantity.get("unit", ""))
    told = _WRITTEN.get(told, told)
    if told == unit:
        return Decimal(value)
    of, to = canonical(Decimal(value), told), canonical(Decimal(1), unit)
    if of is None or to is None:
        return None
    if of[1] == to[1]:
        return _rounded(of[0] / to[0])
    grams, mole = canonical(Decimal(1), "g/L"), canonical(Decimal(1), "mol/L")
    if molar_mass is None or grams is None or mole is None or of[1] != grams[1] or to[1] != mole[1]:
        return None
    moles = of[0] / grams[0] / Decimal(str(molar_mass))
    return _rounded(moles * mole[0] / to[0])


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.0001"))


def _add(found: dict[str, Any], name: str, spec: Table, part: Resource, table: Table) -> None:
    if spec.get("several"):
        found[name] = found.get(name, frozenset()) | frozenset(signs_in(part, table))
    elif spec.get("coded"):
        codes = frozenset(str(one.get("code")) for one in part.get("valueCodeableConcept", {}).get("coding", ()))
        found[name] = found.get(name, frozenset()) | codes
    else:
        quantity = part.get("valueQuantity") or {}
        value = quantity.get("value")
        number = converted(quantity, spec["unit"], spec.get("molar-mass")) if "unit" in spec else value
        if isinstance(number, Decimal | int):
            before = found.get(name)
            found[name] = before.with_reading(Decimal(number)) if isinstance(before, Range) else reading(number)


def signs_in(part: Resource, table: Table) -> Iterator[str]:
    """The signs that a coded or written symptom stands for."""
    concept = part.get("valueCodeableConcept") or {}
    for coding in concept.get("coding", ()):
        if coding.get("system") == EMERGENCY_SIGN:
            yield str(coding.get("code"))
        sign = table["signs"]["codes"].get(f"{coding.get('system')}|{coding.get('code')}")
        if sign is not None:
            yield sign
    written = [str(one) for one in (concept.get("text"), part.get("valueString")) if one]
    if not concept.get("coding"):
        for text in written:
            yield from signs_written(text, table)


def signs_written(text: str, table: Table) -> Iterator[str]:
    """The signs that free text names, unless it denies them."""
    for sign, words in table["signs"]["words"].items():
        if any(_said(text, word, table["signs"]["negations"]) for word in words):
            yield sign


def _said(text: str, word: str, negations: Iterable[str]) -> bool:
    place = text.find(word)
    while place >= 0:
        clause = max(text.rfind(mark, 0, place) for mark in "，。；;,. ") + 1
        if not any(negation in text[clause:place] for negation in negations):
            return True
        place = text.find(word, place + 1)
    return False


def _fasting(observation: Resource) -> bool:
    timings = (one.get("valueCoding", {}) for one in observation.get("extension", ()) if one["url"] == GLUCOSE_TIMING)
    return any(one.get("code") == "fasting" for one in timings)


def _names(part: Resource, by_code: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for coding in (part.get("code") or {}).get("coding", ()):
        yield from by_code.get(f"{coding.get('system')}|{coding.get('code')}", ())


def _sources(table: Table) -> Mapping[str, tuple[str, ...]]:
    return _by_code(tuple((name, tuple(spec["codes"])) for name, spec in table["facts"].items()))


@lru_cache(maxsize=8)
def _by_code(facts: tuple[tuple[str, tuple[str, ...]], ...]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, codes in facts:
        for code in codes:
            found[code] = (*found.get(code, ()), name)
    return found
