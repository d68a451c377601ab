"""Quantities: from FHIR elements, converted, compared (FHIRPath N1 sections 6.1.1, 6.2; R4 section 2.26.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from countyfhir.fhirpath.item import Node, Quantity
from countyfhir.fhirpath.scope import Scope
from countyfhir.fhirpath.units import CALENDAR_OF_UCUM, CALENDAR_UNITS, UCUM_OF_CALENDAR, Canonical

UCUM = "http://unitsofmeasure.org"


def number_of(value: Any) -> int | Decimal:
    """A number as the engine calculates with it."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def quantity_of(node: Node) -> Quantity | None:
    """The System.Quantity of a quantity or number node; None when it has no value."""
    value = node[0]
    if isinstance(value, Quantity):
        return value
    if isinstance(value, dict):
        amount = value.get("value")
        return None if amount is None else Quantity(Decimal(str(amount)), _unit_of(value))
    if isinstance(value, (int, Decimal, float)) and not isinstance(value, bool):
        return Quantity(Decimal(number_of(value)), "'1'")
    return None


def _unit_of(value: dict[str, Any]) -> str:
    code = value.get("code") if value.get("system") == UCUM else None
    return f"'{code or value.get('unit') or value.get('code') or '1'}'"


def code_of(unit: str) -> str | None:
    """The UCUM code of a unit; None for ``year`` and ``month``, which have no fixed length."""
    if unit.startswith("'"):
        return unit[1:-1]
    return UCUM_OF_CALENDAR.get(CALENDAR_UNITS.get(unit, unit))


def calendar_unit(unit: str) -> str | None:
    """The calendar word a date can be moved by: words, the definite UCUM codes, and words in quotes; else None."""
    bare = unit.strip("'")
    return CALENDAR_UNITS.get(bare) or CALENDAR_OF_UCUM.get(bare)


def canonical_of(quantity: Quantity, scope: Scope) -> tuple[Decimal, Canonical] | None:
    """The amount in fundamental units and the unit; None when the unit is not known."""
    code = code_of(quantity.unit)
    unit = scope.given.canonical_unit(code) if code is not None else None
    return None if unit is None else (quantity.value * unit[0], unit)


def same_dimension(left: Quantity, right: Quantity, scope: Scope) -> bool:
    """Whether one can be converted to the other."""
    ours, theirs = canonical_of(left, scope), canonical_of(right, scope)
    if ours is None or theirs is None:
        return _same_unit(left, right)
    return ours[1][1] == theirs[1][1]


def _same_unit(left: Quantity, right: Quantity) -> bool:
    return CALENDAR_UNITS.get(left.unit, left.unit) == CALENDAR_UNITS.get(right.unit, right.unit)


def compare(left: Quantity, right: Quantity, scope: Scope) -> int | None:
    """-1, 0 or 1; None when the units cannot be compared (``1 year`` with ``1 'a'`` too)."""
    if _same_unit(left, right):
        return (left.value > right.value) - (left.value < right.value)
    ours, theirs = canonical_of(left, scope), canonical_of(right, scope)
    if ours is None or theirs is None or ours[1][1] != theirs[1][1]:
        months, others = _months(left), _months(right)
        if months is None or others is None:
            return None
        return (months > others) - (months < others)
    return (ours[0] > theirs[0]) - (ours[0] < theirs[0])


def _months(quantity: Quantity) -> Decimal | None:
    size = {"year": 12, "month": 1}.get(CALENDAR_UNITS.get(quantity.unit, ""))
    return None if size is None else quantity.value * size


def equal(left: Quantity, right: Quantity, scope: Scope) -> bool | None:
    """``=``: False when the dimensions differ, None when a calendar year or month meets a UCUM unit."""
    order = compare(left, right, scope)
    if order is not None:
        return order == 0
    if code_of(left.unit) is None or code_of(right.unit) is None:
        return None
    return False


_ESTIMATE = {"year": "a", "month": "mo"}


def equivalent(left: Quantity, right: Quantity, scope: Scope) -> bool:
    """``~``: equal when both are rounded to the digits of the coarser one; a year is ``'a'``, a month ``'mo'``."""
    ours, theirs = canonical_of(_estimated(left), scope), canonical_of(_estimated(right), scope)
    if ours is None or theirs is None or ours[1][1] != theirs[1][1]:
        return _same_unit(left, right) and numbers_equivalent(left.value, right.value)
    converted = (theirs[0] / ours[1][0]).normalize()
    return numbers_equivalent(left.value, converted)


def _estimated(quantity: Quantity) -> Quantity:
    code = _ESTIMATE.get(CALENDAR_UNITS.get(quantity.unit, ""))
    return quantity if code is None else Quantity(quantity.value, f"'{code}'")


def digits_of(value: int | Decimal) -> int:
    """Digits after the decimal point, trailing zeros not counted."""
    if isinstance(value, int):
        return 0
    return max(0, -int(value.normalize().as_tuple().exponent))


def numbers_equivalent(left: int | Decimal, right: int | Decimal) -> bool:
    """Equal when both are rounded to the digits of the less precise one."""
    step = Decimal(1).scaleb(-min(digits_of(left), digits_of(right)))
    return Decimal(left).quantize(step) == Decimal(right).quantize(step)
