"""toX and convertsToX (FHIRPath N1 section 5.5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from countyfhir.fhirpath import dates
from countyfhir.fhirpath.functions.table import BOOLEAN, Function, single, single_string
from countyfhir.fhirpath.item import EMPTY, Node, Nodes, Quantity, boolean, kind_of
from countyfhir.fhirpath.quantity import number_of, quantity_of
from countyfhir.fhirpath.scope import Scope
from countyfhir.fhirpath.units import CALENDAR_UNITS

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?", re.ASCII)
_QUANTITY = re.compile(r"([+-]?\d{1,40}(?:\.\d{1,40})?)\s*(?:('[^']+')|([A-Za-z]+))?", re.ASCII)
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})


def _to_boolean(node: Node) -> bool | None:
    value, kind = node[0], kind_of(node)
    if kind == "boolean":
        return bool(value)
    if kind == "number":
        return {0: False, 1: True}.get(value)
    if kind != "string":
        return None
    text = value.lower()
    return True if text in _TRUE else False if text in _FALSE else None


def _to_integer(node: Node) -> int | None:
    value, kind = node[0], kind_of(node)
    if kind == "boolean" or isinstance(value, int):
        return int(value)
    return int(value) if kind == "string" and _INTEGER.fullmatch(value) else None


def _to_decimal(node: Node) -> Decimal | None:
    value, kind = node[0], kind_of(node)
    if kind in ("boolean", "number"):
        return Decimal(number_of(value))
    return Decimal(value) if kind == "string" and _DECIMAL.fullmatch(value) else None


def _to_quantity(node: Node) -> Quantity | None:
    value, kind = node[0], kind_of(node)
    if kind == "boolean":
        return Quantity(Decimal("1.0" if value else "0.0"), "'1'")
    if kind in ("number", "quantity"):
        return quantity_of(node)
    match = _QUANTITY.fullmatch(value.strip()) if kind == "string" else None
    if match is None or (match.group(3) and match.group(3) not in CALENDAR_UNITS):
        return None
    return Quantity(Decimal(match.group(1)), match.group(2) or match.group(3) or "'1'")


def _to_string(node: Node) -> str | None:
    value, kind = node[0], kind_of(node)
    if kind == "complex":
        return None
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "quantity":
        amount = quantity_of(node)
        return None if amount is None else str(amount)
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _to_date(node: Node) -> str | None:
    if kind_of(node) not in ("string", "date"):
        return None
    point = dates.moment(node[0])
    return None if point is None else node[0].split("T")[0]


def _to_date_time(node: Node) -> str | None:
    if kind_of(node) not in ("string", "date"):
        return None
    return None if dates.moment(node[0]) is None else node[0]


def _to_time(node: Node) -> str | None:
    if kind_of(node) not in ("string", "time"):
        return None
    text = node[0].removeprefix("T")
    return None if dates.moment(text, True) is None else text


CONVERSIONS: dict[str, tuple[Callable[[Node], Any], str]] = {
    "Boolean": (_to_boolean, "System.Boolean"),
    "Integer": (_to_integer, "System.Integer"),
    "Decimal": (_to_decimal, "System.Decimal"),
    "Quantity": (_to_quantity, "System.Quantity"),
    "String": (_to_string, "System.String"),
    "Date": (_to_date, "System.Date"),
    "DateTime": (_to_date_time, "System.DateTime"),
    "Time": (_to_time, "System.Time"),
}


def convert(nodes: Nodes, name: str) -> Nodes:
    """The single input as the System type ``name``; empty when it cannot be converted."""
    node = single(nodes)
    if node is None or node[0] is None:
        return EMPTY
    conversion, type_name = CONVERSIONS[name]
    value = conversion(node)
    return EMPTY if value is None else [(value, type_name, None)]


def _to(name: str) -> Function:
    return Function(lambda scope, nodes: convert(nodes, name), result=CONVERSIONS[name][1])


def _converts_to(name: str) -> Function:
    return Function(lambda scope, nodes: boolean(bool(convert(nodes, name))) if nodes else EMPTY, result=BOOLEAN)


def _quantity_in(convert_only: bool) -> Callable[..., Nodes]:
    def run(scope: Scope, nodes: Nodes, unit: Nodes = EMPTY) -> Nodes:
        found = convert(nodes, "Quantity")
        wanted = single_string(unit, "The unit")
        if found and wanted is not None:
            found = _in_unit(found[0][0], wanted, scope)
        if convert_only:
            return found
        return boolean(bool(found)) if nodes else EMPTY

    return run


def _in_unit(amount: Quantity, wanted: str, scope: Scope) -> Nodes:
    code = amount.unit.strip("'")
    unit = wanted if wanted in CALENDAR_UNITS else f"'{wanted}'"
    if code == wanted:
        return [(Quantity(amount.value, unit), "System.Quantity", None)]
    ours, theirs = scope.given.canonical_unit(code), scope.given.canonical_unit(wanted)
    if ours is None or theirs is None or ours[1] != theirs[1]:
        return EMPTY
    return [(Quantity(amount.value * ours[0] / theirs[0], unit), "System.Quantity", None)]


FUNCTIONS: dict[str, Function] = {f"to{name}": _to(name) for name in CONVERSIONS}
FUNCTIONS |= {f"convertsTo{name}": _converts_to(name) for name in CONVERSIONS}
FUNCTIONS["toQuantity"] = Function(_quantity_in(True), 0, 1, result="System.Quantity")
FUNCTIONS["convertsToQuantity"] = Function(_quantity_in(False), 0, 1, result=BOOLEAN)
