"""Numbers with their implicit precision, and quantities in a few UCUM units (R4 sections 3.1.1.4.4 and 3.1.1.4.12)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

UCUM = "http://unitsofmeasure.org"

_TO_BASE: dict[str, tuple[str, Fraction, Fraction]] = {
    "kg": ("g", Fraction(1000), Fraction(0)),
    "g": ("g", Fraction(1), Fraction(0)),
    "mg": ("g", Fraction(1, 1000), Fraction(0)),
    "ug": ("g", Fraction(1, 10**6), Fraction(0)),
    "K": ("K", Fraction(1), Fraction(0)),
    "Cel": ("K", Fraction(1), Fraction("273.15")),
    "[degF]": ("K", Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
    "a": ("s", Fraction(31_557_600), Fraction(0)),
    "h": ("s", Fraction(3600), Fraction(0)),
    "min": ("s", Fraction(60), Fraction(0)),
    "s": ("s", Fraction(1), Fraction(0)),
    "mm[Hg]": ("Pa", Fraction("133.322"), Fraction(0)),
    "kPa": ("Pa", Fraction(1000), Fraction(0)),
    "mmol/L": ("mol/m3", Fraction(1), Fraction(0)),
    "umol/L": ("mol/m3", Fraction(1, 1000), Fraction(0)),
    "/min": ("/s", Fraction(1, 60), Fraction(0)),
    "%": ("1", Fraction(1, 100), Fraction(0)),
    "1": ("1", Fraction(1), Fraction(0)),
}
"""Unit -> base unit, factor, offset (UCUM 2.2)."""

Bounds = tuple[Fraction, Fraction, Fraction]


def in_base_units(value: Fraction, code: str) -> tuple[str, Fraction] | None:
    """The value in base units; None for a code that has none here."""
    if code not in _TO_BASE:
        return None
    base, factor, offset = _TO_BASE[code]
    return base, value * factor + offset


def bounds(text: str, prefix: str) -> Bounds:
    """Lower bound, number, upper bound of what a number as written stands for; ``ap`` is ten per cent at least."""
    number = Fraction(Decimal(text))
    digits, _, exponent = text.lower().partition("e")
    fraction = digits.partition(".")[2]
    places = len(fraction) - int(exponent or 0) + (1 if exponent and not fraction else 0)
    half = Fraction(10) ** -places / 2
    width = max(half, abs(number) / 10) if prefix == "ap" else half
    return number - width, number, number + width


def compares(prefix: str, found: Fraction, asked: Bounds) -> bool:
    """``eq`` and ``ne`` look at the precision, the others at the number itself."""
    low, exact, high = asked
    return {
        "eq": low <= found < high,
        "ne": not low <= found < high,
        "gt": found > exact,
        "lt": found < exact,
        "ge": found >= exact,
        "le": found <= exact,
        "sa": found > exact,
        "eb": found < exact,
        "ap": low <= found <= high,
    }[prefix]


def sides(value: dict[str, Any], type_name: str) -> Iterator[dict[str, Any]]:
    """The quantities of a Quantity, of Money, and of both ends of a Range."""
    if type_name == "Range":
        yield from (value[side] for side in ("low", "high") if "value" in value.get(side, {}))
    elif type_name == "Money" and "value" in value:
        yield {"value": value["value"], "system": "urn:iso:std:iso:4217", "code": value.get("currency")}
    elif "value" in value:
        yield value


def quantity_matches(value: dict[str, Any], prefix: str, number: str, unit: tuple[str, str] | None) -> bool:
    """A quantity against ``number`` in ``unit`` (system, code), in any unit when there is none."""
    found, asked = Fraction(Decimal(value["value"])), bounds(number, prefix)
    if unit is None:
        return compares(prefix, found, asked)
    system, code = unit
    if not system:
        return code in (value.get("code"), value.get("unit")) and compares(prefix, found, asked)
    if system == UCUM and in_base_units(asked[1], code):
        if value.get("system") != UCUM or "code" not in value:
            return False
        reduced, wanted = in_base_units(found, value["code"]), [in_base_units(each, code) for each in asked]
        if reduced is None or wanted[1] is None or reduced[0] != wanted[1][0]:
            return False
        low, exact, high = (each[1] for each in wanted if each)
        return compares(prefix, reduced[1], (low, exact, high))
    return (value.get("system"), value.get("code")) == unit and compares(prefix, found, asked)
