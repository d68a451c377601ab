"""Binary operators as closures (FHIRPath N1 section 6)."""

from __future__ import annotations

from collections.abc import Callable

from countyfhir.fhirpath import arithmetic, comparison, equality, logic
from countyfhir.fhirpath.closures.code import BOOLEAN, Code, Surroundings, Types, build, builds, restoring
from countyfhir.fhirpath.closures.criteria import criterion
from countyfhir.fhirpath.error import FhirPathError, at
from countyfhir.fhirpath.functions.collections import union
from countyfhir.fhirpath.item import EMPTY, Nodes, boolean
from countyfhir.fhirpath.scope import Scope
from countyfhir.fhirpath.syntax import Binary


@builds(Binary)
def _binary(tree: Binary, around: Surroundings) -> Code:
    if tree.operator in logic.CONNECTIVES:
        decide = criterion(tree, around)
        return Code(lambda scope, focus: boolean(decide(scope, focus)), BOOLEAN)
    left, right = build(tree.left, around), build(tree.right, around)
    ours, theirs, position = restoring(left.run, around), restoring(right.run, around), tree.position
    work, types = _operation(tree.operator, left.types, right.types)

    def run(scope: Scope, focus: Nodes) -> Nodes:
        first, second = ours(scope, focus), theirs(scope, focus)
        try:
            return work(first, second, scope)
        except FhirPathError as problem:
            raise at(problem, position) from None

    return Code(run, types)


Operation = Callable[[Nodes, Nodes, Scope], Nodes]


def _operation(operator: str, left: Types, right: Types) -> tuple[Operation, Types]:
    """What an operator does with its two sides, and the types of its result."""
    if operator == "|":
        both = None if left is None or right is None else left | right
        return (lambda ours, theirs, scope: union(scope, ours, theirs)), both
    if operator in TESTS:
        test = TESTS[operator]
        return (lambda ours, theirs, scope: boolean(test(ours, theirs, scope))), BOOLEAN
    if operator in comparison.ORDERS:
        return _comparison(comparison.ORDERS[operator]), BOOLEAN
    types = frozenset({"System.String"}) if operator == "&" else None
    return (lambda ours, theirs, scope: arithmetic.calculate(operator, ours, theirs, scope)), types


def _comparison(holds: Callable[[int], bool]) -> Operation:
    def compared(ours: Nodes, theirs: Nodes, scope: Scope) -> Nodes:
        order = comparison.compare_collections(ours, theirs, scope)
        return EMPTY if order is None else boolean(holds(order))

    return compared


def _not_equal(left: Nodes, right: Nodes, scope: Scope) -> bool | None:
    answer = equality.equal_collections(left, right, scope)
    return None if answer is None else not answer


def _contains(left: Nodes, right: Nodes, scope: Scope) -> bool | None:
    if len(right) > 1:
        raise FhirPathError("Membership takes a single value, but there are several")
    return None if not right else any(equality.equal(node, right[0], scope) for node in left)


TESTS: dict[str, Callable[[Nodes, Nodes, Scope], bool | None]] = {
    "=": equality.equal_collections,
    "!=": _not_equal,
    "~": equality.equivalent_collections,
    "!~": lambda left, right, scope: not equality.equivalent_collections(left, right, scope),
    "contains": _contains,
    "in": lambda left, right, scope: _contains(right, left, scope),
}
