"""``+ - * / div mod &`` and signs (FHIRPath N1 section 6.6)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Any

from countyfhir.fhirpath import dates, quantity
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.item import EMPTY, Node, Nodes, Quantity, decimal, integer, kind_of, string
from countyfhir.fhirpath.scope import Scope
from countyfhir.fhirpath.units import CALENDAR_UNITS

LARGEST_INTEGER = 2**63 - 1
LARGEST_EXPONENT = 60
LONGEST_TEXT = 1_000_000


def number(value: int | Decimal) -> Nodes:
    """A collection of one number with its System type; an overflow is empty."""
    if isinstance(value, int):
        return integer(value) if abs(value) <= LARGEST_INTEGER else EMPTY
    return decimal(value) if value.is_finite() and value.adjusted() <= LARGEST_EXPONENT else EMPTY


def text(value: str) -> Nodes:
    """A collection of one string. Raises FhirPathError for one that only an expression without end would make."""
    if len(value) > LONGEST_TEXT:
        raise FhirPathError(f"A text may have {LONGEST_TEXT} characters at most")
    return string(value)


def calculate(operator: str, left: Nodes, right: Nodes, scope: Scope) -> Nodes:
    """The result of a binary operator; empty when a side is. Raises FhirPathError for kinds it does not take."""
    if operator == "&":
        return text(_text(left) + _text(right))
    if not left or not right:
        return EMPTY
    if len(left) > 1 or len(right) > 1:
        raise FhirPathError(f"'{operator}' takes single values, but a side has several")
    ours, theirs = left[0], right[0]
    if ours[0] is None or theirs[0] is None:
        return EMPTY
    kinds = (kind_of(ours), kind_of(theirs))
    rule = _RULES.get(kinds)
    if rule is None:
        raise FhirPathError(f"'{operator}' does not take a {kinds[0]} and a {kinds[1]}")
    return rule(operator, ours, theirs, scope)


def _text(nodes: Nodes) -> str:
    if len(nodes) > 1:
        raise FhirPathError("'&' takes single values, but a side has several")
    if nodes and kind_of(nodes[0]) not in ("string", "date", "time"):
        raise FhirPathError(f"'&' joins strings, not a {kind_of(nodes[0])}")
    return str(nodes[0][0] or "") if nodes else ""


def _numbers(operator: str, left: Node, right: Node, scope: Scope) -> Nodes:
    ours, theirs = quantity.number_of(left[0]), quantity.number_of(right[0])
    if operator in _DIVISIONS:
        return EMPTY if theirs == 0 else number(_DIVISIONS[operator](ours, theirs))
    return number(_SIMPLE[operator](ours, theirs))


def _remainder(ours: int | Decimal, theirs: int | Decimal) -> int | Decimal:
    rest = Decimal(ours) % Decimal(theirs)
    return int(rest) if isinstance(ours, int) and isinstance(theirs, int) else rest


_SIMPLE: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda ours, theirs: ours + theirs,
    "-": lambda ours, theirs: ours - theirs,
    "*": lambda ours, theirs: ours * theirs,
}
_DIVISIONS: dict[str, Callable[[Any, Any], Any]] = {
    "/": lambda ours, theirs: Decimal(ours) / Decimal(theirs),
    "div": lambda ours, theirs: int((Decimal(ours) / Decimal(theirs)).to_integral_value(ROUND_DOWN)),
    "mod": _remainder,
}


def _strings(operator: str, left: Node, right: Node, scope: Scope) -> Nodes:
    if operator != "+":
        raise FhirPathError(f"'{operator}' does not take strings")
    return text(left[0] + right[0])


def _quantities(operator: str, left: Node, right: Node, scope: Scope) -> Nodes:
    ours, theirs = quantity.quantity_of(left), quantity.quantity_of(right)
    if ours is None or theirs is None:
        return EMPTY
    if operator in ("+", "-"):
        return _sum(operator, ours, theirs, scope)
    if operator not in ("*", "/"):
        raise FhirPathError(f"'{operator}' does not take quantities")
    if operator == "/" and theirs.value == 0:
        return EMPTY
    result = ours.value * theirs.value if operator == "*" else ours.value / theirs.value
    return [(Quantity(result, _unit(operator, ours, theirs)), "System.Quantity", None)]


def _sum(operator: str, ours: Quantity, theirs: Quantity, scope: Scope) -> Nodes:
    if CALENDAR_UNITS.get(ours.unit, ours.unit) == CALENDAR_UNITS.get(theirs.unit, theirs.unit):
        amount = theirs.value
    else:
        first, second = quantity.canonical_of(ours, scope), quantity.canonical_of(theirs, scope)
        if first is None or second is None or first[1][1] != second[1][1]:
            return EMPTY
        amount = second[0] / first[1][0]
    return [(Quantity(_SIMPLE[operator](ours.value, amount), ours.unit), "System.Quantity", None)]


def _unit(operator: str, ours: Quantity, theirs: Quantity) -> str:
    left, right = quantity.code_of(ours.unit), quantity.code_of(theirs.unit)
    if left is None or right is None:
        raise FhirPathError(f"'{operator}' does not take years and months")
    if operator == "/":
        return "'1'" if left == right else ours.unit if right == "1" else f"'({left})/({right})'"
    return ours.unit if right == "1" else theirs.unit if left == "1" else f"'({left}).({right})'"


def _moved(operator: str, left: Node, right: Node, scope: Scope) -> Nodes:
    amount = quantity.quantity_of(right)
    if amount is None:
        return EMPTY
    unit = quantity.calendar_unit(amount.unit)
    if unit is None or operator not in ("+", "-"):
        raise FhirPathError(f"'{operator}' takes a date or time and a calendar duration such as '7 days'")
    count = amount.value if operator == "+" else -amount.value
    return [(dates.add(left[0], kind_of(left) == "time", count, unit), left[1], None)]


_RULES: dict[tuple[str, str], Callable[[str, Node, Node, Scope], Nodes]] = {
    ("number", "number"): _numbers,
    ("string", "string"): _strings,
    ("quantity", "quantity"): _quantities,
    ("quantity", "number"): _quantities,
    ("number", "quantity"): _quantities,
    ("date", "quantity"): _moved,
    ("time", "quantity"): _moved,
}


def signed(sign: str, nodes: Nodes) -> Nodes:
    """``+x`` and ``-x``."""
    if not nodes:
        return EMPTY
    value, kind = nodes[0][0], kind_of(nodes[0])
    if len(nodes) > 1 or kind not in ("number", "quantity"):
        raise FhirPathError(f"The sign '{sign}' takes a single number or quantity")
    if sign == "+" or value is None:
        return nodes
    if kind == "number":
        return number(-quantity.number_of(value))
    amount = quantity.quantity_of(nodes[0])
    return EMPTY if amount is None else [(Quantity(-amount.value, amount.unit), "System.Quantity", None)]
