"""lowBoundary, highBoundary, precision, comparable (FHIRPath 2.1, section 5.7 and 5.10)."""

from __future__ import annotations

from calendar import monthrange
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

from countyfhir.fhirpath import dates
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.table import BOOLEAN, INTEGER, Function, single, single_integer
from countyfhir.fhirpath.item import EMPTY, Node, Nodes, Quantity, boolean, decimal, integer, kind_of
from countyfhir.fhirpath.quantity import number_of, quantity_of, same_dimension
from countyfhir.fhirpath.scope import Scope

MOST_DIGITS = 28
_DEFAULT_DIGITS = 8
_LENGTHS = {4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 14: 6, 17: 7}
"""Digits of a date or dateTime to its number of parts; 7 stands for milliseconds."""
_TIME_LENGTHS = {2: 1, 4: 2, 6: 3, 9: 4}
_LOW = (1, 1, 1, 0, 0, 0)
_HIGH = (9999, 12, 31, 23, 59, 59)


def _boundary(high: bool) -> Function:
    def run(scope: Scope, nodes: Nodes, precision: Nodes = EMPTY) -> Nodes:
        node, digits = single(nodes), single_integer(precision, "The precision of a boundary")
        if node is None or node[0] is None:
            return EMPTY
        kind = kind_of(node)
        if kind == "number":
            value = _decimal_boundary(Decimal(number_of(node[0])), digits, high)
            return EMPTY if value is None else decimal(value)
        if kind == "quantity":
            return _quantity_boundary(node, digits, high)
        if kind in ("date", "time"):
            return _moment_boundary(node, digits, high, kind == "time")
        raise FhirPathError(f"A {kind} value has no boundaries")

    return Function(run, 0, 1)


def _decimal_boundary(value: Decimal, digits: int | None, high: bool) -> Decimal | None:
    digits = _DEFAULT_DIGITS if digits is None else digits
    if not 0 <= digits <= MOST_DIGITS:
        return None
    step, exponent = Decimal(1).scaleb(-digits), int(value.as_tuple().exponent)
    if 0 < abs(value) < step:
        return Decimal(0).copy_sign(value).quantize(step)
    half = Decimal(5).scaleb(min(exponent, 0) - 1)
    with localcontext() as context:
        context.prec = 60
        edge = value + half if high else value - half
        return edge.quantize(step, ROUND_CEILING if high else ROUND_FLOOR)


def _quantity_boundary(node: Node, digits: int | None, high: bool) -> Nodes:
    amount = quantity_of(node)
    value = None if amount is None else _decimal_boundary(amount.value, digits, high)
    return EMPTY if amount is None or value is None else [(Quantity(value, amount.unit), "System.Quantity", None)]


def _moment_boundary(node: Node, digits: int | None, high: bool, is_time: bool) -> Nodes:
    point = dates.moment(node[0], is_time)
    only_date = node[1] in ("date", "System.Date")
    lengths = _TIME_LENGTHS if is_time else _LENGTHS
    length = lengths.get((9 if is_time else 8 if only_date else 17) if digits is None else digits)
    if point is None or length is None or (only_date and length > 3):
        return EMPTY
    parts = _filled(point, high)
    text = _time_written(parts, length) if is_time else _date_written(parts, length, point.offset, high)
    return [(text, node[1], None)]


def _filled(point: dates.Moment, high: bool) -> list[int | Decimal]:
    """All parts to the second. An hour alone is no FHIR dateTime: it is taken as the full hour's first minute."""
    known = list(point.parts)
    if len(known) == (1 if point.is_time else 4):
        known.append(0)
    edge = (_HIGH if high else _LOW)[3 if point.is_time else 0 :]
    parts = known + list(edge[len(known) :])
    if not point.is_time and high and len(known) < 3:
        parts[2] = monthrange(int(parts[0]), int(parts[1]))[1]
    if high and (len(known) < len(edge) or not isinstance(parts[-1], Decimal)):
        parts[-1] = Decimal(parts[-1]) + Decimal("0.999")
    return parts


def _seconds(part: int | Decimal) -> str:
    return f"{Decimal(part):06.3f}"


def _time_written(parts: list[int | Decimal], length: int) -> str:
    shown = [f"{int(part):02d}" for part in parts[:length]]
    if length == 4:
        shown[2] = _seconds(parts[2])
    return ":".join(shown)


def _date_written(parts: list[int | Decimal], length: int, offset: int | None, high: bool) -> str:
    day = "-".join([f"{int(parts[0]):04d}", *[f"{int(part):02d}" for part in parts[1:3]]][:length])
    if length < 4:
        return day
    return f"{day}T{_time_written(parts[3:], length - 3)}{_zone(offset, high)}"


def _zone(offset: int | None, high: bool) -> str:
    """The zone as given; without one, the one in which the moment comes first or last."""
    minutes = offset if offset is not None else -12 * 60 if high else 14 * 60
    return "Z" if offset == 0 else f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _precision(scope: Scope, nodes: Nodes) -> Nodes:
    node = single(nodes)
    if node is None or node[0] is None:
        return EMPTY
    kind = kind_of(node)
    if kind == "number":
        return integer(max(0, -int(Decimal(number_of(node[0])).as_tuple().exponent)))
    if kind in ("date", "time"):
        return integer(sum(character.isdigit() for character in dates.without_zone(node[0])))
    raise FhirPathError(f"A {kind} value has no precision")


def _comparable(scope: Scope, nodes: Nodes, other: Nodes) -> Nodes:
    left, right = single(nodes), single(other, "The argument of comparable()")
    ours = quantity_of(left) if left is not None else None
    theirs = quantity_of(right) if right is not None else None
    return EMPTY if ours is None or theirs is None else boolean(same_dimension(ours, theirs, scope))


FUNCTIONS: dict[str, Function] = {
    "lowBoundary": _boundary(high=False),
    "highBoundary": _boundary(high=True),
    "precision": Function(_precision, result=INTEGER),
    "comparable": Function(_comparable, 1, 1, result=BOOLEAN),
}
