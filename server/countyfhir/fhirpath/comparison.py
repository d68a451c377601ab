"""``<``, ``<=``, ``>`` and ``>=`` (FHIRPath N1 section 6.2)."""

from __future__ import annotations

from collections.abc import Callable

from countyfhir.fhirpath import dates, quantity
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.item import Node, Nodes, kind_of
from countyfhir.fhirpath.scope import Scope

ORDERS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


def compare_collections(left: Nodes, right: Nodes, scope: Scope) -> int | None:
    """-1, 0 or 1; None when one is empty or the order is open. Raises FhirPathError for several nodes, unlike kinds."""
    if not left or not right:
        return None
    if len(left) > 1 or len(right) > 1:
        raise FhirPathError("Only single values can be compared, but a side has several")
    return compare(left[0], right[0], scope)


def compare(left: Node, right: Node, scope: Scope) -> int | None:
    """The order of two nodes; None when it is open."""
    kind, other = kind_of(left), kind_of(right)
    ours, theirs = left[0], right[0]
    if ours is None or theirs is None:
        return None
    if "quantity" in (kind, other) and {kind, other} <= {"quantity", "number"}:
        first, second = quantity.quantity_of(left), quantity.quantity_of(right)
        return None if first is None or second is None else quantity.compare(first, second, scope)
    if kind != other or kind in ("complex", "boolean"):
        raise FhirPathError(f"A {kind} value cannot be ordered against a {other} value")
    if kind in ("date", "time"):
        moment, limit = dates.moment(ours, kind == "time"), dates.moment(theirs, kind == "time")
        return None if moment is None or limit is None else dates.compare(moment, limit)
    if kind == "number":
        ours, theirs = quantity.number_of(ours), quantity.number_of(theirs)
    return int(ours > theirs) - int(ours < theirs)
