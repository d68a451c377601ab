"""Subsetting, combining and tree navigation: first, skip, union, children … (FHIRPath N1 sections 5.3, 5.4, 5.8)."""

from __future__ import annotations

from countyfhir.fhirpath.equality import key_of
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.existence import distinct
from countyfhir.fhirpath.functions.table import Function, single_integer
from countyfhir.fhirpath.item import EMPTY, Nodes
from countyfhir.fhirpath.scope import Scope
from countyfhir.fhirpath.step import all_children


def _single(scope: Scope, nodes: Nodes) -> Nodes:
    if len(nodes) > 1:
        raise FhirPathError(f"single() expects one value at most, but there are {len(nodes)}")
    return nodes


def _skip(scope: Scope, nodes: Nodes, count: Nodes) -> Nodes:
    number = single_integer(count, "The number to skip")
    return nodes[max(number, 0) :] if number is not None else EMPTY


def _take(scope: Scope, nodes: Nodes, count: Nodes) -> Nodes:
    number = single_integer(count, "The number to take")
    return nodes[: max(number, 0)] if number is not None else EMPTY


def union(scope: Scope, nodes: Nodes, other: Nodes) -> Nodes:
    """Both collections, each value once."""
    if not other or not nodes:
        return distinct(scope, nodes or other)
    return distinct(scope, nodes + other)


def _intersect(scope: Scope, nodes: Nodes, other: Nodes) -> Nodes:
    wanted = {key_of(node, scope) for node in other}
    return [node for node in distinct(scope, nodes) if key_of(node, scope) in wanted]


def _exclude(scope: Scope, nodes: Nodes, other: Nodes) -> Nodes:
    unwanted = {key_of(node, scope) for node in other}
    return [node for node in nodes if key_of(node, scope) not in unwanted]


def _children(scope: Scope, nodes: Nodes) -> Nodes:
    return [child for node in nodes for child in all_children(node, scope)]


def _descendants(scope: Scope, nodes: Nodes) -> Nodes:
    result: Nodes = []
    waiting = _children(scope, nodes)
    while waiting:
        result += waiting
        waiting = _children(scope, waiting)
    return result


FUNCTIONS: dict[str, Function] = {
    "single": Function(_single, result="input"),
    "first": Function(lambda scope, nodes: nodes[:1], result="input", needs_order=True),
    "last": Function(lambda scope, nodes: nodes[-1:], result="input", needs_order=True),
    "tail": Function(lambda scope, nodes: nodes[1:], result="input", needs_order=True),
    "skip": Function(_skip, 1, 1, result="input", needs_order=True),
    "take": Function(_take, 1, 1, result="input", needs_order=True),
    "union": Function(union, 1, 1),
    "combine": Function(lambda scope, nodes, other: nodes + other, 1, 1),
    "intersect": Function(_intersect, 1, 1, result="input"),
    "exclude": Function(_exclude, 1, 1, result="input"),
    "children": Function(_children, ordered=False),
    "descendants": Function(_descendants, ordered=False),
}
