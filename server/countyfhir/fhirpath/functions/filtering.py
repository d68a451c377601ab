"""Filtering, projection and iteration: where, select, repeat, aggregate, iif … (FHIRPath N1 sections 5.2, 5.9, 7)."""

from __future__ import annotations

from functools import cmp_to_key

from countyfhir.fhirpath import comparison
from countyfhir.fhirpath.equality import key_of
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.table import Function, Predicate, Run, single, truth
from countyfhir.fhirpath.item import EMPTY, Node, Nodes, kind_of
from countyfhir.fhirpath.scope import Scope

MOST_REPEATED = 100_000
"""repeat() stops here with an error: an expression such as ``repeat($this & 'x')`` has no end."""


def _where(scope: Scope, nodes: Nodes, criterion: Predicate) -> Nodes:
    outer, result = scope.index, []
    for index, node in enumerate(nodes):
        scope.index = index
        if criterion(scope, [node]):
            result.append(node)
    scope.index = outer
    return result


def _select(scope: Scope, nodes: Nodes, projection: Run) -> Nodes:
    outer, result = scope.index, []
    for index, node in enumerate(nodes):
        scope.index = index
        result += projection(scope, [node])
    scope.index = outer
    return result


def _repeat(scope: Scope, nodes: Nodes, projection: Run) -> Nodes:
    seen, result, waiting = set(), [], nodes
    while waiting:
        found = _select(scope, waiting, projection)
        waiting = []
        for node in found:
            key = key_of(node, scope)
            if key not in seen:
                seen.add(key)
                waiting.append(node)
        result += waiting
        if len(result) > MOST_REPEATED:
            raise FhirPathError(f"repeat() found more than {MOST_REPEATED} values")
    return result


def _repeat_all(scope: Scope, nodes: Nodes, projection: Run) -> Nodes:
    result, waiting = [], nodes
    while waiting:
        waiting = _select(scope, waiting, projection)
        result += waiting
        if len(result) > MOST_REPEATED:
            raise FhirPathError(f"repeatAll() found more than {MOST_REPEATED} values")
    return result


def _aggregate(scope: Scope, nodes: Nodes, step: Run, start: Run | None = None) -> Nodes:
    outer, index = scope.total, scope.index
    total = start(scope, nodes) if start else EMPTY
    for position, node in enumerate(nodes):
        scope.total, scope.index = total, position
        total = step(scope, [node])
    scope.total, scope.index = outer, index
    return total


def _iif(scope: Scope, nodes: Nodes, criterion: Run, then: Run, otherwise: Run | None = None) -> Nodes:
    single(nodes)
    answer = criterion(scope, nodes)
    if answer and kind_of(answer[0]) != "boolean":
        raise FhirPathError("The criterion of iif() must be a boolean")
    if truth(answer):
        return then(scope, nodes)
    return otherwise(scope, nodes) if otherwise else EMPTY


def _trace(scope: Scope, nodes: Nodes, name: Run, projection: Run | None = None) -> Nodes:
    if scope.given.trace is not None:
        label = single(name(scope, nodes[:1]), "The name of trace()")
        shown = _select(scope, nodes, projection) if projection else nodes
        scope.given.trace(str(label[0]) if label else "", [node[0] for node in shown])
    return nodes


def _define_variable(scope: Scope, nodes: Nodes, name: Run, value: Run | None = None) -> Nodes:
    label = single(name(scope, nodes), "The name of a variable")
    if label is None or not isinstance(label[0], str):
        raise FhirPathError("The name of a variable must be a string")
    defined = scope.defined or {}
    if label[0] in defined or label[0] in RESERVED:
        raise FhirPathError(f"The variable %{label[0]} is defined already")
    scope.defined = defined | {label[0]: value(scope, nodes) if value else nodes}
    return nodes


RESERVED = frozenset({"context", "resource", "rootResource", "ucum", "sct", "loinc"})


def sort(scope: Scope, nodes: Nodes, keys: list[tuple[Run, bool]]) -> Nodes:
    """Nodes in the order of their keys (run, descending); an empty key comes first either way."""
    rows: list[tuple[list[Nodes], Node]] = [([run(scope, [node]) for run, _ in keys], node) for node in nodes]

    def order(left: tuple[list[Nodes], Node], right: tuple[list[Nodes], Node]) -> int:
        for ours, theirs, (_, descending) in zip(left[0], right[0], keys, strict=True):
            if bool(ours) != bool(theirs):
                return 1 if ours else -1
            difference = comparison.compare_collections(ours, theirs, scope) or 0
            if difference:
                return -difference if descending else difference
        return 0

    return [node for _, node in sorted(rows, key=cmp_to_key(order))]


FUNCTIONS: dict[str, Function] = {
    "where": Function(_where, 1, 1, "criterion", "input"),
    "select": Function(_select, 1, 1, "lambda", "argument"),
    "repeat": Function(_repeat, 1, 1, "lambda"),
    "repeatAll": Function(_repeat_all, 1, 1, "lambda"),
    "aggregate": Function(_aggregate, 1, 2, "lambda"),
    "iif": Function(_iif, 2, 3, "lambda"),
    "trace": Function(_trace, 1, 2, "lambda", "input"),
    "defineVariable": Function(_define_variable, 1, 2, "lambda", "input"),
}
