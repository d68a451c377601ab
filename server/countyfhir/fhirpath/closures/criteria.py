"""Trees as three-valued criteria; the frequent ones take a short way that builds no collections (FHIRPath N1 4.5)."""

from __future__ import annotations

from countyfhir.fhirpath import logic
from countyfhir.fhirpath.closures.code import Surroundings, build, restoring
from countyfhir.fhirpath.closures.paths import is_type_name
from countyfhir.fhirpath.functions.table import Predicate, truth
from countyfhir.fhirpath.item import Nodes
from countyfhir.fhirpath.schema import Step, step_of
from countyfhir.fhirpath.scope import Scope
from countyfhir.fhirpath.syntax import Binary, Call, Expression, Literal, Member

_COMPARED_AS_WRITTEN: dict[str, frozenset[str]] = {
    "System.String": frozenset(
        {"string", "code", "uri", "id", "url", "canonical", "markdown", "oid", "uuid", "System.String"}
    ),
    "System.Boolean": frozenset({"boolean", "System.Boolean"}),
}
"""Types whose values equal a literal exactly when Python says so."""


def criterion(tree: Expression, around: Surroundings) -> Predicate:
    """A tree as a criterion."""
    if isinstance(tree, Binary) and tree.operator in logic.CONNECTIVES:
        connect = logic.CONNECTIVES[tree.operator]
        return connect(criterion(tree.left, around), criterion(tree.right, around), tree.position)
    if isinstance(tree, Binary) and tree.operator in ("=", "!=") and _is_plain(tree.right):
        return _equals(tree, around)
    if isinstance(tree, Call) and tree.name in ("exists", "empty") and tree.source and not tree.arguments:
        return _occurs(tree.source, around, tree.name == "exists")
    run = restoring(build(tree, around).run, around)
    return lambda scope, focus: truth(run(scope, focus))


def _is_plain(tree: Expression) -> bool:
    return isinstance(tree, Literal) and tree.type_name in _COMPARED_AS_WRITTEN


def _occurs(source: Expression, around: Surroundings, wanted: bool) -> Predicate:
    """``path.exists()`` and ``path.empty()``."""
    run = restoring(build(source, around).run, around)
    return lambda scope, focus: bool(run(scope, focus)) is wanted


def _equals(tree: Binary, around: Surroundings) -> Predicate:
    """``path = 'text'`` and the like: the whole comparison only where the path gives no single plain value."""
    assert isinstance(tree.right, Literal)
    whole = restoring(build(tree, around).run, around)
    path = restoring(build(tree.left, around).run, around)
    constant, same = tree.right.value, tree.operator == "="
    plain = _COMPARED_AS_WRITTEN[tree.right.type_name]

    def decide(scope: Scope, focus: Nodes) -> bool | None:
        nodes = path(scope, focus)
        if not nodes:
            return None
        if len(nodes) == 1 and nodes[0][1] in plain and nodes[0][0] is not None:
            return (nodes[0][0] == constant) is same
        return truth(whole(scope, focus))

    name = tree.left
    if isinstance(name, Member) and name.source is None and not is_type_name(name):
        return _own_element_equals(name.name, constant, plain, same, decide)
    return decide


def _own_element_equals(
    name: str, constant: object, plain: frozenset[str], same: bool, otherwise: Predicate
) -> Predicate:
    """``name = 'text'`` where the name is an element of ``$this``."""
    steps: dict[str, Step | None] = {}

    def decide(scope: Scope, focus: Nodes) -> bool | None:
        if len(focus) == 1:
            value, type_name = focus[0][0], focus[0][1]
            if type_name not in steps:
                steps[type_name] = step_of(type_name, name)
            step = steps[type_name]
            if step is not None and step.type_name in plain and value.__class__ is dict and step.sibling not in value:
                found = value.get(step.key)
                if found.__class__ is not list:
                    return None if found is None else (found == constant) is same
        return otherwise(scope, focus)

    return decide
