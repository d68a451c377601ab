"""Existence: empty, exists, all, allTrue, subsetOf, count, distinct … (FHIRPath N1 section 5.1)."""

from __future__ import annotations

from collections.abc import Hashable

from countyfhir.fhirpath.equality import key_of
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.table import BOOLEAN, INTEGER, Function, Predicate, truth
from countyfhir.fhirpath.item import FALSE, TRUE, Node, Nodes, boolean, integer
from countyfhir.fhirpath.scope import Scope


def _empty(scope: Scope, nodes: Nodes) -> Nodes:
    return FALSE if nodes else TRUE


def _exists(scope: Scope, nodes: Nodes, criterion: Predicate | None = None) -> Nodes:
    if criterion is None:
        return TRUE if nodes else FALSE
    return FALSE if first_that(scope, nodes, criterion, (True,)) is None else TRUE


def _all(scope: Scope, nodes: Nodes, criterion: Predicate) -> Nodes:
    return TRUE if first_that(scope, nodes, criterion, (False, None)) is None else FALSE


def first_that(scope: Scope, nodes: Nodes, criterion: Predicate, answers: tuple[bool | None, ...]) -> Node | None:
    """The first node for which the criterion gives one of the answers."""
    outer = scope.index
    try:
        for index, node in enumerate(nodes):
            scope.index = index
            if criterion(scope, [node]) in answers:
                return node
    finally:
        scope.index = outer
    return None


def _booleans(nodes: Nodes) -> list[bool]:
    values = [node[0] for node in nodes if node[0] is not None]
    if any(value.__class__ is not bool for value in values):
        raise FhirPathError("The input must be booleans")
    return values


def _not(scope: Scope, nodes: Nodes) -> Nodes:
    answer = truth(nodes)
    return boolean(None if answer is None else not answer)


def _subset_of(scope: Scope, nodes: Nodes, other: Nodes) -> Nodes:
    known = {key_of(node, scope) for node in other}
    return boolean(all(key_of(node, scope) in known for node in nodes))


def _superset_of(scope: Scope, nodes: Nodes, other: Nodes) -> Nodes:
    return _subset_of(scope, other, nodes)


def distinct(scope: Scope, nodes: Nodes) -> Nodes:
    """Each node once, in the order of first occurrence."""
    if len(nodes) < 2:
        return nodes
    first: dict[Hashable, Node] = {}
    for node in nodes:
        first.setdefault(key_of(node, scope), node)
    return list(first.values())


def _is_distinct(scope: Scope, nodes: Nodes) -> Nodes:
    return boolean(len({key_of(node, scope) for node in nodes}) == len(nodes))


FUNCTIONS: dict[str, Function] = {
    "empty": Function(_empty, result=BOOLEAN),
    "exists": Function(_exists, 0, 1, "criterion", BOOLEAN),
    "all": Function(_all, 1, 1, "criterion", BOOLEAN),
    "allTrue": Function(lambda scope, nodes: boolean(all(_booleans(nodes))), result=BOOLEAN),
    "anyTrue": Function(lambda scope, nodes: boolean(any(_booleans(nodes))), result=BOOLEAN),
    "allFalse": Function(lambda scope, nodes: boolean(not any(_booleans(nodes))), result=BOOLEAN),
    "anyFalse": Function(lambda scope, nodes: boolean(not all(_booleans(nodes))), result=BOOLEAN),
    "not": Function(_not, result=BOOLEAN),
    "subsetOf": Function(_subset_of, 1, 1, result=BOOLEAN),
    "supersetOf": Function(_superset_of, 1, 1, result=BOOLEAN),
    "count": Function(lambda scope, nodes: integer(len(nodes)), result=INTEGER),
    "distinct": Function(distinct, result="input"),
    "isDistinct": Function(_is_distinct, result=BOOLEAN),
}
