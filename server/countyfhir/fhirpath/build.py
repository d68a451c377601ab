"""The tree of an expression to Python closures (FHIRPath N1).

Every tree becomes ``run(scope, focus) -> nodes``; ``focus`` is ``$this`` as a collection. What is known of the result's
types is kept beside it: strict expressions are refused when they name what no type has, and tests against literals in
criteria take a short way that builds no collections.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from countyfhir.fhirpath import arithmetic, comparison, equality, logic
from countyfhir.fhirpath.error import FhirPathError, at
from countyfhir.fhirpath.functions import FUNCTIONS
from countyfhir.fhirpath.functions.collections import union
from countyfhir.fhirpath.functions.filtering import sort
from countyfhir.fhirpath.functions.table import Function, Predicate, Run, single_integer, truth
from countyfhir.fhirpath.item import EMPTY, FALSE, TRUE, Nodes, Quantity, boolean
from countyfhir.fhirpath.reference import resolves_to
from countyfhir.fhirpath.schema import (
    ANY_RESOURCE,
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
from countyfhir.fhirpath.syntax import (
    Binary,
    Call,
    Empty,
    Expression,
    Index,
    Literal,
    Member,
    Polarity,
    Special,
    TypeTest,
    Variable,
    walk,
)
from countyfhir.fhirpath.variables import variable

Types = frozenset[str] | None
_BOOLEAN: Types = frozenset({"System.Boolean"})


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled tree: how to run it, the types its result can have (None: not known), whether its order means something."""

    run: Run
    types: Types = None
    ordered: bool = True


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a tree is compiled in: the types of ``$this``, and whether the strict rules apply."""

    types: Types
    strict: bool
    restores: bool = False  # defineVariable() occurs: criteria put back what they define


def build(tree: Expression, around: Surroundings) -> Code:
    """The compiled form of a tree. Raises FhirPathError for unknown functions, types and (strict) elements."""
    return _BUILDERS[type(tree)](tree, around)


def surroundings(tree: Expression, type_name: str | None, strict: bool) -> Surroundings:
    """What the whole expression is compiled in."""
    restores = any(isinstance(part, Call) and part.name == "defineVariable" for part in walk(tree))
    types = None if type_name is None else frozenset({type_name})
    return Surroundings(types, strict, restores)


def _literal(tree: Literal, around: Surroundings) -> Code:
    if tree.type_name == "System.Boolean":
        nodes = TRUE if tree.value else FALSE
    elif tree.unit is not None:
        nodes = [(Quantity(tree.value, tree.unit), tree.type_name, None)]  # type: ignore[arg-type]
    else:
        nodes = [(tree.value, tree.type_name, None)]
    return Code(lambda scope, focus: nodes, frozenset({tree.type_name}))


def _empty(tree: Empty, around: Surroundings) -> Code:
    return Code(lambda scope, focus: EMPTY, frozenset())


def _variable(tree: Variable, around: Surroundings) -> Code:
    name, position = tree.name, tree.position
    return Code(lambda scope, focus: variable(name, scope, position))


def _special(tree: Special, around: Surroundings) -> Code:
    if tree.name == "$this":
        return Code(lambda scope, focus: focus, around.types)
    if tree.name == "$index":
        return Code(
            lambda scope, focus: EMPTY if scope.index is None else [(scope.index, "System.Integer", None)],
            frozenset({"System.Integer"}),
        )
    return Code(lambda scope, focus: scope.total)


def _member(tree: Member, around: Surroundings) -> Code:
    if tree.source is None:
        return _head(tree, around)
    source = build(tree.source, around)
    follow, before = stepper(tree.name), source.run
    types = _member_types(tree, source.types, around.strict)
    return Code(lambda scope, focus: follow(scope, before(scope, focus)), types)


def _head(tree: Member, around: Surroundings) -> Code:
    """A name at the head of a path: the type of ``$this`` itself (``Patient.name``), or one of its elements."""
    name = tree.name
    is_type = name[0].isupper() and definition_of(name) is not None
    if not is_type:
        follow = stepper(name)
        return Code(follow, _member_types(tree, around.types, around.strict))
    if around.strict and around.types and not any(_may_be(known, name) for known in around.types):
        raise FhirPathError(f"The expression starts at {name}, but is for {_listed(around.types)}", tree.position)

    def itself(scope: Scope, focus: Nodes) -> Nodes:
        if len(focus) == 1 and focus[0][1] == name:
            return focus
        return [node for node in focus if is_a(node[1], name)]

    return Code(itself, frozenset({name}))


def _may_be(known: str, name: str) -> bool:
    return is_a(known, name) or is_a(name, known)


def _member_types(tree: Member, types: Types, strict: bool) -> Types:
    if types is None or any(definition_of(name) is None and name != "System.TypeInfo" for name in types):
        if strict and types and all(name.startswith("System.") for name in types) and "System.TypeInfo" not in types:
            raise FhirPathError(f"{_listed(types)} has no element '{tree.name}'", tree.position)
        return None
    if types & ANY_RESOURCE or "Element" in types or "BackboneElement" in types:
        return None
    steps = {name: step_of(name, tree.name) for name in types}
    known = [step for name, step in steps.items() if step and not (strict and is_choice_key(name, tree.name))]
    if strict and types and not known:
        raise FhirPathError(f"{_listed(types)} has no element '{tree.name}'", tree.position)
    found: set[str] = set()
    for step in known:
        if step.choices is None and step.type_name is None:
            return None
        found |= set(step.choices.values()) if step.choices is not None else {step.type_name or ""}
    return frozenset(found)


def _listed(types: frozenset[str]) -> str:
    names = sorted(types)
    return names[0] if len(names) == 1 else f"None of {len(names)} possible types"


def _index(tree: Index, around: Surroundings) -> Code:
    source, index = build(tree.source, around), build(tree.index, around)
    _check_order(source, "An index", tree.position, around)
    before, which = source.run, index.run

    def run(scope: Scope, focus: Nodes) -> Nodes:
        nodes = before(scope, focus)
        number = single_integer(which(scope, focus), "The index")
        return nodes[number : number + 1] if number is not None and number >= 0 else EMPTY

    return Code(_placed(run, tree.position), source.types)


def _check_order(source: Code, what: str, position: int, around: Surroundings) -> None:
    if around.strict and not source.ordered:
        raise FhirPathError(
            f"{what} needs an ordered collection, but children() and descendants() have no order", position
        )


def _placed(run: Run, position: int) -> Run:
    def placed(scope: Scope, focus: Nodes) -> Nodes:
        try:
            return run(scope, focus)
        except FhirPathError as problem:
            raise at(problem, position) from None

    return placed


def _polarity(tree: Polarity, around: Surroundings) -> Code:
    operand = build(tree.operand, around)
    before, sign = operand.run, tree.sign
    return Code(
        _placed(lambda scope, focus: arithmetic.signed(sign, before(scope, focus)), tree.position), operand.types
    )


def _type_test(tree: TypeTest, around: Surroundings) -> Code:
    wanted = named_types(tree.type_name, tree.position)
    if tree.operator == "is":
        return Code(_is(tree, wanted, around), _BOOLEAN)
    source = build(tree.source, around)
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
        references = (
            build(inner.source, around).run if inner.source else build(Special(tree.position, "$this"), around).run
        )
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


def _binary(tree: Binary, around: Surroundings) -> Code:
    if tree.operator in logic.CONNECTIVES:
        decide = predicate(tree, around)
        return Code(lambda scope, focus: boolean(decide(scope, focus)), _BOOLEAN)
    left, right = build(tree.left, around), build(tree.right, around)
    run, types = _operator(tree.operator, left, right)
    return Code(_placed(run, tree.position), types)


def _operator(operator: str, left: Code, right: Code) -> tuple[Run, Types]:
    ours, theirs = left.run, right.run
    if operator == "|":
        both = None if left.types is None or right.types is None else left.types | right.types
        return (lambda scope, focus: union(scope, ours(scope, focus), theirs(scope, focus))), both
    if operator in _TESTS:
        test = _TESTS[operator]
        return (lambda scope, focus: boolean(test(ours(scope, focus), theirs(scope, focus), scope))), _BOOLEAN
    if operator in comparison.ORDERS:
        holds = comparison.ORDERS[operator]

        def compared(scope: Scope, focus: Nodes) -> Nodes:
            order = comparison.compare_collections(ours(scope, focus), theirs(scope, focus), scope)
            return EMPTY if order is None else boolean(holds(order))

        return compared, _BOOLEAN
    types = frozenset({"System.String"}) if operator == "&" else None
    return (lambda scope, focus: arithmetic.calculate(operator, ours(scope, focus), theirs(scope, focus), scope)), types


def _not_equal(left: Nodes, right: Nodes, scope: Scope) -> bool | None:
    answer = equality.equal_collections(left, right, scope)
    return None if answer is None else not answer


def _not_equivalent(left: Nodes, right: Nodes, scope: Scope) -> bool | None:
    return not equality.equivalent_collections(left, right, scope)


def _contains(left: Nodes, right: Nodes, scope: Scope) -> bool | None:
    if len(right) > 1:
        raise FhirPathError("Membership takes a single value, but there are several")
    return None if not right else any(equality.equal(node, right[0], scope) for node in left)


_TESTS: dict[str, Callable[[Nodes, Nodes, Scope], bool | None]] = {
    "=": equality.equal_collections,
    "!=": _not_equal,
    "~": equality.equivalent_collections,
    "!~": _not_equivalent,
    "contains": _contains,
    "in": lambda left, right, scope: _contains(right, left, scope),
}


def _call(tree: Call, around: Surroundings) -> Code:
    source = build(tree.source or Special(tree.position, "$this"), around)
    if tree.name == "sort":
        return Code(_placed(_sort(tree, source, around), tree.position), source.types)
    function = FUNCTIONS.get(tree.name)
    if function is None:
        raise FhirPathError(f"'{tree.name}' is not a function of FHIRPath", tree.position)
    if not function.minimum <= len(tree.arguments) <= function.maximum:
        raise FhirPathError(f"{tree.name}() takes {_count(function)}, not {len(tree.arguments)}", tree.position)
    if function.needs_order:
        _check_order(source, f"{tree.name}()", tree.position, around)
    return _ARGUMENTS[function.arguments](tree, function, source, around)


def _count(function: Function) -> str:
    if function.minimum == function.maximum:
        return f"{function.minimum} argument{'' if function.minimum == 1 else 's'}"
    return f"{function.minimum} to {function.maximum} arguments"


def _result(function: Function, source: Code, arguments: list[Code]) -> tuple[Types, bool]:
    if function.result == "input":
        return source.types, source.ordered
    if function.result == "argument":
        return arguments[0].types, source.ordered
    return (frozenset({function.result}) if function.result else None), function.ordered


def _call_with_values(tree: Call, function: Function, source: Code, around: Surroundings) -> Code:
    codes = [build(argument, around) for argument in tree.arguments]
    before, work, values = source.run, function.run, [code.run for code in codes]

    def run(scope: Scope, focus: Nodes) -> Nodes:
        return work(scope, before(scope, focus), *[value(scope, focus) for value in values])

    def run_bare(scope: Scope, focus: Nodes) -> Nodes:
        return work(scope, before(scope, focus))

    return Code(_placed(run if values else run_bare, tree.position), *_result(function, source, codes))


def _call_with_lambdas(tree: Call, function: Function, source: Code, around: Surroundings) -> Code:
    inner = Surroundings(None if tree.name in ("repeat", "repeatAll") else source.types, around.strict, around.restores)
    codes = [build(argument, inner) for argument in tree.arguments]
    return _with_lambdas(tree, function, source, [_restoring(code.run, inner) for code in codes], codes)


def _restoring(run: Run, around: Surroundings) -> Run:
    """Variables defined in an argument end with it."""
    if not around.restores:
        return run

    def restored(scope: Scope, focus: Nodes) -> Nodes:
        defined = scope.defined
        try:
            return run(scope, focus)
        finally:
            scope.defined = defined

    return restored


def _call_with_criterion(tree: Call, function: Function, source: Code, around: Surroundings) -> Code:
    inner = Surroundings(source.types, around.strict, around.restores)
    decide = predicate(tree.arguments[0], inner) if tree.arguments else None
    return _with_lambdas(tree, function, source, [decide] if decide else [], [])


def _with_lambdas(
    tree: Call, function: Function, source: Code, given: list[Run] | list[Predicate], codes: list[Code]
) -> Code:
    before, work = source.run, function.run
    if len(given) == 1:
        only = given[0]
        return Code(
            _placed(lambda scope, focus: work(scope, before(scope, focus), only), tree.position),
            *_result(function, source, codes),
        )
    run = _placed(lambda scope, focus: work(scope, before(scope, focus), *given), tree.position)
    return Code(run, *_result(function, source, codes))


def _sort(tree: Call, source: Code, around: Surroundings) -> Run:
    inner = Surroundings(source.types, around.strict, around.restores)
    keys: list[tuple[Run, bool]] = []
    for argument in tree.arguments or (Special(tree.position, "$this"),):
        descending = isinstance(argument, Polarity) and argument.sign == "-"
        key = argument.operand if isinstance(argument, Polarity) and descending else argument
        keys.append((build(key, inner).run, descending))
    before = source.run
    return lambda scope, focus: sort(scope, before(scope, focus), keys)


_ARGUMENTS: dict[str, Callable[[Call, Function, Code, Surroundings], Code]] = {
    "values": _call_with_values,
    "lambda": _call_with_lambdas,
    "criterion": _call_with_criterion,
}
_BUILDERS: dict[type, Callable[..., Code]] = {
    Literal: _literal,
    Empty: _empty,
    Variable: _variable,
    Special: _special,
    Member: _member,
    Index: _index,
    Polarity: _polarity,
    TypeTest: _type_test,
    Binary: _binary,
    Call: _call,
}


def predicate(tree: Expression, around: Surroundings) -> Predicate:
    """A tree as a three-valued criterion."""
    if isinstance(tree, Binary) and tree.operator in logic.CONNECTIVES:
        connect = logic.CONNECTIVES[tree.operator]
        return connect(predicate(tree.left, around), predicate(tree.right, around), tree.position)
    if isinstance(tree, Binary) and tree.operator in ("=", "!=") and isinstance(tree.right, Literal):
        if tree.right.type_name == "System.String":
            return _equals_text(tree, around)
    run = _restoring(build(tree, around).run, around)
    return lambda scope, focus: truth(run(scope, focus))


def _equals_text(tree: Binary, around: Surroundings) -> Predicate:
    """``path = 'text'``: compared without building collections when the path gives one plain string."""
    whole, path = build(tree, around).run, build(tree.left, around).run
    text, same = tree.right.value, tree.operator == "="  # type: ignore[union-attr]

    def decide(scope: Scope, focus: Nodes) -> bool | None:
        nodes = path(scope, focus)
        if not nodes:
            return None
        if len(nodes) == 1 and nodes[0][1] in _TEXTS and nodes[0][0] is not None:
            return (nodes[0][0] == text) is same
        return truth(whole(scope, focus))

    return decide


_TEXTS = frozenset({"string", "code", "uri", "id", "url", "canonical", "System.String", "markdown", "oid", "uuid"})
