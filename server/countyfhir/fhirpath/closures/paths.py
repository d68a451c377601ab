"""Names, ``is``, ``as`` and ``ofType`` as closures (FHIRPath N1 sections 4.1 and 6.3, FHIR R4 section 2.26.3)."""

from __future__ import annotations

from countyfhir.fhirpath.closures.code import BOOLEAN, Code, Surroundings, Types, build, builds
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions.table import Run
from countyfhir.fhirpath.item import EMPTY, FALSE, TRUE, Nodes, boolean
from countyfhir.fhirpath.reference import resolves_to
from countyfhir.fhirpath.schema import (
    ANY_RESOURCE,
    RECORD,
    Step,
    casts,
    definition_of,
    is_a,
    is_choice_key,
    matches,
    named_types,
    step_of,
)
from countyfhir.fhirpath.scope import Scope
from countyfhir.fhirpath.step import stepper
from countyfhir.fhirpath.syntax import Call, Expression, Member, Special, TypeTest

_OPEN_TYPES = ANY_RESOURCE | {"Element", "BackboneElement"}


@builds(Member)
def _member(tree: Member, around: Surroundings) -> Code:
    return _narrowed_member(tree, around, None)


def _narrowed_member(tree: Member, around: Surroundings, wanted: frozenset[str] | None) -> Code:
    if is_type_name(tree) and RECORD not in (around.types or ()):
        return _type_head(tree, around)
    if tree.source is None:
        return Code(stepper(tree.name, wanted), _member_types(tree, around.types, around.strict))
    source = build(tree.source, around)
    types = _member_types(tree, source.types, around.strict)
    return Code(stepper(tree.name, wanted, source.run), types, source.ordered)


def is_type_name(tree: Expression) -> bool:
    """Whether a name at the head of a path is the type of ``$this`` (``Patient`` in ``Patient.name``)."""
    return (
        isinstance(tree, Member)
        and tree.source is None
        and tree.name[:1].isupper()
        and definition_of(tree.name) is not None
    )


def _type_head(tree: Member, around: Surroundings) -> Code:
    name = tree.name
    if around.strict and around.types and not any(is_a(one, name) or is_a(name, one) for one in around.types):
        raise FhirPathError(f"The expression starts at {name}, but is for {_listed(around.types)}", tree.position)

    def itself(scope: Scope, focus: Nodes) -> Nodes:
        if len(focus) == 1 and focus[0][1] == name:
            return focus
        return [node for node in focus if is_a(node[1], name)]

    return Code(itself, frozenset({name}))


def _member_types(tree: Member, types: Types, strict: bool) -> Types:
    """The types a name leads to. Raises FhirPathError when (strict) no type has it."""
    if types is None or types & _OPEN_TYPES:
        return None
    steps = {name: step_of(name, tree.name) for name in types}
    known = [step for name, step in steps.items() if step and not (strict and is_choice_key(name, tree.name))]
    if strict and types and not known:
        raise FhirPathError(f"{_listed(types)} has no element '{tree.name}'", tree.position)
    return _types_of(known)


def _types_of(steps: list[Step]) -> Types:
    found: set[str] = set()
    for step in steps:
        if step.choices is not None:
            found |= set(step.choices.values())
        elif step.type_name is None:
            return None
        else:
            found.add(step.type_name)
    return frozenset(found)


def _listed(types: frozenset[str]) -> str:
    names = sorted(types)
    return names[0] if len(names) == 1 else f"None of the {len(names)} possible types"


@builds(TypeTest)
def _type_test(tree: TypeTest, around: Surroundings) -> Code:
    wanted = named_types(tree.type_name, tree.position)
    if tree.operator == "is":
        return Code(_is(tree, wanted, around), BOOLEAN)
    inner = tree.source
    source = _narrowed_member(inner, around, wanted) if isinstance(inner, Member) else build(inner, around)
    before, single = source.run, tree.operator == "as" and around.strict

    def run(scope: Scope, focus: Nodes) -> Nodes:
        nodes = before(scope, focus)
        if single and len(nodes) > 1:
            raise FhirPathError("'as' takes a single value; use ofType() for several", tree.position)
        return [node for node in nodes if node[1] in wanted or casts(node[1], wanted)]

    return Code(run, wanted, source.ordered)


def _is(tree: TypeTest, wanted: frozenset[str], around: Surroundings) -> Run:
    inner = tree.source
    if isinstance(inner, Call) and inner.name == "resolve" and not inner.arguments:
        references = build(inner.source or Special(tree.position, "$this"), around).run
        return lambda scope, focus: boolean(resolves_to(scope, references(scope, focus), wanted))
    before = build(inner, around).run

    def run(scope: Scope, focus: Nodes) -> Nodes:
        nodes = before(scope, focus)
        if not nodes:
            return EMPTY
        if len(nodes) > 1:
            raise FhirPathError("'is' takes a single value, but there are several", tree.position)
        return TRUE if matches(nodes[0][1], wanted) else FALSE

    return run
