"""``=``, ``~`` and the keys by which sets know equal nodes (FHIRPath N1 section 6.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from decimal import Decimal
from typing import Any

from countyfhir.fhirpath import dates, quantity
from countyfhir.fhirpath.item import Node, Nodes, Quantity, kind_of
from countyfhir.fhirpath.scope import Scope


def equal_collections(left: Nodes, right: Nodes, scope: Scope) -> bool | None:
    """``left = right``: None when one is empty or a pair cannot be decided; order counts."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    answers = [equal(ours, theirs, scope) for ours, theirs in zip(left, right, strict=True)]
    return False if False in answers else None if None in answers else True


def equal(left: Node, right: Node, scope: Scope) -> bool | None:
    """Whether two nodes are equal; None when that is open."""
    ours, theirs = left[0], right[0]
    if ours is None or theirs is None:
        return None
    kind, other = kind_of(left), kind_of(right)
    if kind != other:
        return _equal_mixed(left, right, {kind, other}, scope)
    return _EQUAL[kind](ours, theirs, left, right, scope)


def _equal_mixed(left: Node, right: Node, kinds: set[str], scope: Scope) -> bool | None:
    if kinds == {"number", "quantity"}:
        return _equal_quantities(left[0], right[0], left, right, scope)
    return False


def _plain(ours: Any, theirs: Any, left: Node, right: Node, scope: Scope) -> bool | None:
    return bool(ours == theirs)


def _equal_numbers(ours: Any, theirs: Any, left: Node, right: Node, scope: Scope) -> bool | None:
    return bool(quantity.number_of(ours) == quantity.number_of(theirs))


def _equal_dates(ours: Any, theirs: Any, left: Node, right: Node, scope: Scope) -> bool | None:
    return _equal_moments(dates.moment(ours), dates.moment(theirs), ours, theirs)


def _equal_times(ours: Any, theirs: Any, left: Node, right: Node, scope: Scope) -> bool | None:
    return _equal_moments(dates.moment(ours, True), dates.moment(theirs, True), ours, theirs)


def _equal_moments(ours: dates.Moment | None, theirs: dates.Moment | None, text: str, other: str) -> bool | None:
    if ours is None or theirs is None:
        return text == other
    order = dates.compare(ours, theirs)
    return None if order is None else order == 0


def _equal_quantities(ours: Any, theirs: Any, left: Node, right: Node, scope: Scope) -> bool | None:
    first, second = quantity.quantity_of(left), quantity.quantity_of(right)
    if first is None or second is None:
        return bool(ours == theirs)
    return quantity.equal(first, second, scope)


_EQUAL: dict[str, Callable[[Any, Any, Node, Node, Scope], bool | None]] = {
    "boolean": _plain,
    "string": _plain,
    "complex": _plain,
    "number": _equal_numbers,
    "date": _equal_dates,
    "time": _equal_times,
    "quantity": _equal_quantities,
}


def equivalent_collections(left: Nodes, right: Nodes, scope: Scope) -> bool:
    """``left ~ right``: order does not count."""
    if len(left) != len(right):
        return False
    if len(left) == 1:
        return equivalent(left[0], right[0], scope)
    waiting = list(right)
    for ours in left:
        position = next((at for at, theirs in enumerate(waiting) if equivalent(ours, theirs, scope)), None)
        if position is None:
            return False
        del waiting[position]
    return True


def equivalent(left: Node, right: Node, scope: Scope) -> bool:
    """Whether two nodes are equivalent: case, white space, precision and order do not count."""
    kind, other = kind_of(left), kind_of(right)
    if {kind, other} == {"number", "quantity"} or kind == other == "quantity":
        first, second = quantity.quantity_of(left), quantity.quantity_of(right)
        if first is not None and second is not None:
            return quantity.equivalent(first, second, scope)
    if kind == other == "complex":
        return equivalent_values(left[0], right[0])
    if kind == other == "string":
        return equivalent_values(left[0], right[0])
    if kind == other == "number" and left[0] is not None and right[0] is not None:
        return quantity.numbers_equivalent(quantity.number_of(left[0]), quantity.number_of(right[0]))
    return equal(left, right, scope) is True


def equivalent_values(left: Any, right: Any) -> bool:
    """Equivalence of JSON values, as deep as they go; ``id`` does not count."""
    if isinstance(left, str) and isinstance(right, str):
        return " ".join(left.casefold().split()) == " ".join(right.casefold().split())
    if isinstance(left, dict) and isinstance(right, dict):
        keys = left.keys() - {"id"}
        return keys == right.keys() - {"id"} and all(equivalent_values(left[key], right[key]) for key in keys)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and Counter(map(_loose, left)) == Counter(map(_loose, right))
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, (int, Decimal)) and isinstance(right, (int, Decimal)):
        return quantity.numbers_equivalent(left, right)
    return bool(left == right)


def _loose(value: Any) -> Hashable:
    if isinstance(value, str):
        return " ".join(value.casefold().split())
    if isinstance(value, dict):
        return frozenset((key, _loose(one)) for key, one in value.items() if key != "id")
    if isinstance(value, list):
        return frozenset(Counter(map(_loose, value)).items())
    return frozen(value)


def key_of(node: Node, scope: Scope) -> Hashable:
    """Equal for nodes that are equal (``=`` true), so that sets take constant time a node."""
    value, kind = node[0], kind_of(node)
    if value is None:
        return ("extended", frozen(node[2]))
    if kind in ("date", "time"):
        point = dates.moment(value, kind == "time")
        return (kind, dates.key(point) if point else value)
    if kind == "quantity":
        return _quantity_key(node, scope)
    return (kind, quantity.number_of(value) if kind == "number" else frozen(value))


def _quantity_key(node: Node, scope: Scope) -> Hashable:
    amount = quantity.quantity_of(node)
    if amount is None:
        return ("quantity", frozen(node[0]))
    known = quantity.canonical_of(amount, scope)
    return ("quantity", amount) if known is None else ("quantity", known[0], known[1][1])


def frozen(value: Any) -> Hashable:
    """A hashable form of a JSON value; true and 1 differ."""
    if isinstance(value, dict):
        return frozenset((key, frozen(one)) for key, one in value.items())
    if isinstance(value, list):
        return tuple(map(frozen, value))
    if isinstance(value, Quantity):
        return tuple(value)
    return ("boolean", value) if isinstance(value, bool) else value
