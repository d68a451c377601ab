"""Function calls as closures; the table of functions says how each takes its arguments (FHIRPath N1 section 5)."""

from __future__ import annotations

from collections.abc import Callable

from countyfhir.fhirpath.closures.code import Code, Surroundings, Types, build, builds, check_order, restoring
from countyfhir.fhirpath.closures.criteria import criterion
from countyfhir.fhirpath.error import FhirPathError, at
from countyfhir.fhirpath.functions import FUNCTIONS
from countyfhir.fhirpath.functions.filtering import sort
from countyfhir.fhirpath.functions.table import Function, Predicate, Run
from countyfhir.fhirpath.item import Nodes
from countyfhir.fhirpath.scope import Scope
from countyfhir.fhirpath.syntax import Call, Polarity, Special

_FOCUS_UNKNOWN = frozenset({"repeat", "repeatAll"})


@builds(Call)
def _call(tree: Call, around: Surroundings) -> Code:
    source = build(tree.source or Special(tree.position, "$this"), around)
    if tree.name == "sort":
        return Code(_sort(tree, source, around), source.types)
    function = FUNCTIONS.get(tree.name)
    if function is None:
        raise FhirPathError(f"'{tree.name}' is not a function of FHIRPath", tree.position)
    if not function.minimum <= len(tree.arguments) <= function.maximum:
        raise FhirPathError(f"{tree.name}() takes {_count(function)}, not {len(tree.arguments)}", tree.position)
    if function.needs_order:
        check_order(source, f"{tree.name}()", tree.position, around)
    return _ARGUMENTS[function.arguments](tree, function, source, around)


def _count(function: Function) -> str:
    if function.minimum == function.maximum:
        return f"{function.minimum} argument{'' if function.minimum == 1 else 's'}"
    return f"{function.minimum} to {function.maximum} arguments"


def _known(function: Function, source: Code, arguments: list[Code]) -> tuple[Types, bool]:
    """The types of the result, and whether it has an order."""
    if function.result == "input":
        return source.types, source.ordered
    if function.result == "argument":
        return arguments[0].types, source.ordered
    return (frozenset({function.result}) if function.result else None), function.ordered


def _with_values(tree: Call, function: Function, source: Code, around: Surroundings) -> Code:
    codes = [build(argument, around) for argument in tree.arguments]
    before, work, position = source.run, function.run, tree.position
    values = [restoring(code.run, around) for code in codes]

    def run(scope: Scope, focus: Nodes) -> Nodes:
        nodes = before(scope, focus)
        given = [value(scope, focus) for value in values]
        try:
            return work(scope, nodes, *given)
        except FhirPathError as problem:
            raise at(problem, position) from None

    def run_bare(scope: Scope, focus: Nodes) -> Nodes:
        try:
            return work(scope, before(scope, focus))
        except FhirPathError as problem:
            raise at(problem, position) from None

    return Code(run if values else run_bare, *_known(function, source, codes))


def _with_lambdas(tree: Call, function: Function, source: Code, around: Surroundings) -> Code:
    inner = around.on(None if tree.name in _FOCUS_UNKNOWN else source.types)
    codes = [build(argument, inner) for argument in tree.arguments]
    runs = [restoring(code.run, inner) for code in codes]
    return Code(_applied(function, source.run, runs, tree.position), *_known(function, source, codes))


def _with_criterion(tree: Call, function: Function, source: Code, around: Surroundings) -> Code:
    criteria = [criterion(argument, around.on(source.types)) for argument in tree.arguments]
    return Code(_applied(function, source.run, criteria, tree.position), *_known(function, source, []))


def _applied(function: Function, before: Run, given: list[Run] | list[Predicate], position: int) -> Run:
    work, arguments = function.run, tuple(given)

    def run(scope: Scope, focus: Nodes) -> Nodes:
        nodes = before(scope, focus)
        try:
            return work(scope, nodes, *arguments)
        except FhirPathError as problem:
            raise at(problem, position) from None

    return run


def _sort(tree: Call, source: Code, around: Surroundings) -> Run:
    inner, position, before = around.on(source.types), tree.position, source.run
    keys: list[tuple[Run, bool]] = []
    for argument in tree.arguments or (Special(tree.position, "$this"),):
        descending = isinstance(argument, Polarity) and argument.sign == "-"
        key = argument.operand if isinstance(argument, Polarity) and descending else argument
        keys.append((build(key, inner).run, descending))

    def run(scope: Scope, focus: Nodes) -> Nodes:
        nodes = before(scope, focus)
        try:
            return sort(scope, nodes, keys)
        except FhirPathError as problem:
            raise at(problem, position) from None

    return run


_ARGUMENTS: dict[str, Callable[[Call, Function, Code, Surroundings], Code]] = {
    "values": _with_values,
    "lambda": _with_lambdas,
    "criterion": _with_criterion,
}
