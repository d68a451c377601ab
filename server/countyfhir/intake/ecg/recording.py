"""What every reader of ECG recordings gives: leads as R4 SampledData needs them, measurements with UCUM units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

MICROVOLT = "uV"
VOLTS: Mapping[str, tuple[str, Decimal]] = {
    "uv": (MICROVOLT, Decimal(1)),
    "µv": (MICROVOLT, Decimal(1)),
    "μv": (MICROVOLT, Decimal(1)),
    "microvolts": (MICROVOLT, Decimal(1)),
    "mv": ("mV", Decimal(1)),
    "millivolts": ("mV", Decimal(1)),
    "nv": (MICROVOLT, Decimal("0.001")),
    "v": ("mV", Decimal(1000)),
}
"""Spellings of units of voltage -> UCUM unit and what one of it is in that."""
LONGEST = 1_000_000
"""Characters of the samples of one lead: the limit of an R4 string; a recording of days is no ECG of seconds."""


class Damaged(ValueError):
    """A recording cannot be read; ``code`` is the issue, the message says why."""

    def __init__(self, code: str, why: str) -> None:
        self.code = code
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Scale:
    """What a sample means: ``sample * factor + origin`` in ``unit`` (UCUM), one every ``period`` milliseconds."""

    period: Decimal
    factor: Decimal
    unit: str = MICROVOLT
    origin: Decimal = Decimal(0)


def scale(period: Decimal, factor: Decimal, unit: str, origin: Decimal = Decimal(0)) -> Scale:
    """The scale of a lead whose unit is spelled somehow; Damaged ``unmapped-unit`` for one that is no voltage."""
    found = VOLTS.get(unit.strip().lower())
    if found is None:
        raise Damaged("unmapped-unit", "the unit of a lead is not a voltage that is known")
    if period <= 0 or factor == 0:
        raise Damaged("ecg-damaged", "a lead has no sampling interval or no scale")
    return Scale(tidy(period), tidy(factor * found[1]), found[0], tidy(origin * found[1]))


def lead(
    name: str, samples: Iterable[Any], of: Scale, code: str | None = None, system: str | None = None
) -> dict[str, Any]:
    """One lead: its name (I, II, V1), the code it was given, and its samples as SampledData.data."""
    data = " ".join("E" if one is None else str(one) for one in samples)
    if not data:
        raise Damaged("ecg-damaged", "a lead has no samples")
    if len(data) > LONGEST:
        raise Damaged("ecg-too-long", "a lead has more samples than one resource may hold")
    coding = {key: value for key, value in (("system", system), ("code", code)) if value} if code else None
    return {"name": name, "coding": coding, "data": data} | {
        "period": of.period,
        "factor": of.factor,
        "unit": of.unit,
        "origin": of.origin,
    }


def tidy(value: Decimal) -> Any:
    """Without superfluous zeros; a whole number as an integer."""
    plain = value.normalize()
    return int(plain) if plain == plain.to_integral_value() else plain


def differing(leads: list[dict[str, Any]]) -> bool:
    """Whether the leads of a recording are not all sampled at one interval, or one stands twice."""
    return len({one["period"] for one in leads}) > 1 or len({one["name"] for one in leads}) < len(leads)
