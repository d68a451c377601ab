"""``and``, ``or``, ``xor`` and ``implies`` over three values (FHIRPath N1 section 6.5)."""

from __future__ import annotations

from collections.abc import Callable

from countyfhir.fhirpath.error import FhirPathError, at
from countyfhir.fhirpath.functions.table import Predicate
from countyfhir.fhirpath.item import Nodes
from countyfhir.fhirpath.scope import Scope


def _and(left: Predicate, right: Predicate) -> Predicate:
    def decide(scope: Scope, focus: Nodes) -> bool | None:
        ours = left(scope, focus)
        if ours is False:
            return False
        theirs = right(scope, focus)
        return False if theirs is False else None if ours is None or theirs is None else True

    return decide


def _or(left: Predicate, right: Predicate) -> Predicate:
    def decide(scope: Scope, focus: Nodes) -> bool | None:
        ours = left(scope, focus)
        if ours is True:
            return True
        theirs = right(scope, focus)
        return True if theirs is True else None if ours is None or theirs is None else False

    return decide


def _xor(left: Predicate, right: Predicate) -> Predicate:
    def decide(scope: Scope, focus: Nodes) -> bool | None:
        ours, theirs = left(scope, focus), right(scope, focus)
        return None if ours is None or theirs is None else ours is not theirs

    return decide


def _implies(left: Predicate, right: Predicate) -> Predicate:
    def decide(scope: Scope, focus: Nodes) -> bool | None:
        ours = left(scope, focus)
        if ours is False:
            return True
        theirs = right(scope, focus)
        return True if theirs is True else None if ours is None else theirs

    return decide


def _connective(join: Callable[[Predicate, Predicate], Predicate]) -> Callable[[Predicate, Predicate, int], Predicate]:
    def connect(left: Predicate, right: Predicate, position: int) -> Predicate:
        decide = join(left, right)

        def placed(scope: Scope, focus: Nodes) -> bool | None:
            try:
                return decide(scope, focus)
            except FhirPathError as problem:
                raise at(problem, position) from None

        return placed

    return connect


CONNECTIVES: dict[str, Callable[[Predicate, Predicate, int], Predicate]] = {
    "and": _connective(_and),
    "or": _connective(_or),
    "xor": _connective(_xor),
    "implies": _connective(_implies),
}
"""By operator: two criteria and the operator's position to one criterion."""
