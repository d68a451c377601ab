"""Compiles the expressions of a mapping file once into Python closures over the environment of one record."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from countyfhir.fhirpath import FhirPathError
from countyfhir.mapping.code_map import CodeMap
from countyfhir.mapping.finding import Finding, HeldBack, Noted
from countyfhir.mapping.functions import FUNCTIONS, Function
from countyfhir.mapping.syntax import Call, ExpressionError, ListOf, Literal, Node, Operation, Path, parse
from countyfhir.mapping.tree_path import tree_path

Environment = dict[str, Any]
"""The names of one record: its columns, the values computed so far, the rows looked up; ``NOTES`` collects findings."""
Evaluate = Callable[[Environment], Any]
NOTES = "%notes"
MADE = "%made"
"""The resources that the record became so far, by reference."""
SEGMENT_NAME = 3
"""Letters of the name of an HL7 v2 segment."""


@dataclass(slots=True)
class Scope:
    """What an expression may name: columns and values (each with the columns it comes from), code maps,
    institutions."""

    columns: dict[str, tuple[str, ...]]
    codes: Mapping[str, CodeMap] = field(default_factory=dict)
    institutions: Mapping[str, str] = field(default_factory=dict)  # code, name or alias -> Organization id
    zone: str = "+08:00"
    lookups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name -> columns of the other table


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression, the columns its value comes from, and its text."""

    evaluate: Evaluate
    columns: tuple[str, ...]
    text: str

    def __call__(self, environment: Environment) -> Any:
        return self.evaluate(environment)


def compile_expression(text: str, scope: Scope) -> Expression:
    """``text`` as a function of the environment; absent is None. ExpressionError for unknown names and functions."""
    node = parse(text)
    return Expression(compiled(node, scope), columns_of(node, scope), text)


def columns_of(node: Node, scope: Scope) -> tuple[str, ...]:
    """The columns of the record that the value stems from (arguments of a pipe only refine it)."""
    match node:
        case Path(name, members):
            if members and name in scope.lookups:
                return (f"{name}.{members[0]}",)
            stems = scope.columns.get(name, ())
            return tuple(named_field(stem, members) for stem in stems)
        case Call(_, arguments, piped):
            parts = arguments[:1] if piped else arguments
        case Operation(_, operands):
            parts = operands
        case ListOf(items):
            parts = items
        case _:
            parts = ()
    return tuple(dict.fromkeys(column for part in parts for column in columns_of(part, scope)))


def named_field(column: str, members: tuple[str, ...]) -> str:
    """What an issue calls a place in a message: ``OBX.f5`` is OBX-5."""
    is_field = len(column) == SEGMENT_NAME and members and members[0][:1] == "f" and members[0][1:].isdigit()
    return f"{column}-{members[0][1:]}" if is_field else column


def compiled(node: Node, scope: Scope) -> Evaluate:
    match node:
        case Literal(value):
            return lambda environment: value
        case Path():
            return compiled_path(node, scope)
        case ListOf(items):
            parts = [compiled(item, scope) for item in items]
            return lambda environment: [part(environment) for part in parts]
        case Operation():
            return compiled_operation(node, scope)
        case Call():
            return compiled_call(node, scope)


def compiled_path(node: Path, scope: Scope) -> Evaluate:
    name = node.name
    if name not in scope.columns:
        raise ExpressionError(f"'{name}' is neither a column nor a value defined above")
    if not node.members:
        return lambda environment: environment.get(name)
    if name in scope.lookups and node.members[0] not in scope.lookups[name]:
        raise ExpressionError(f"'{node.members[0]}' is not among the columns of the lookup '{name}'")

    def walk(environment: Environment) -> Any:
        value = environment.get(name)
        for member in node.members:
            if not isinstance(value, dict):
                return None
            value = value.get(member)
        return value

    return walk


def compiled_operation(node: Operation, scope: Scope) -> Evaluate:
    parts = [compiled(operand, scope) for operand in node.operands]
    first, last = parts[0], parts[-1]
    if node.operator == "not":
        return lambda environment: not first(environment)
    if node.operator == "and":
        return lambda environment: all(part(environment) for part in parts)
    if node.operator == "or":
        return lambda environment: next((found for part in parts if (found := part(environment))), None)
    if node.operator == "in":
        return lambda environment: first(environment) in (last(environment) or ())
    return partial(compared, COMPARE[node.operator], first, last)


COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compared(test: Callable[[Any, Any], bool], first: Evaluate, last: Evaluate, environment: Environment) -> bool:
    """Absent is equal to nothing and neither before nor after anything; text is compared as a number with a number."""
    left, right = first(environment), last(environment)
    if left is None or right is None:
        return test is operator.ne and left is not right
    if isinstance(left, (Decimal, int)) != isinstance(right, (Decimal, int)):
        try:
            left, right = Decimal(str(left)), Decimal(str(right))
        except InvalidOperation:
            return test is operator.ne
    return test(left, right)


def compiled_call(node: Call, scope: Scope) -> Evaluate:
    if node.function in ("code", "recognise"):
        return compiled_code(node, scope)
    if node.function == "organization":
        return compiled_organization(node, scope)
    if node.function == "path":
        return compiled_tree_path(node, scope)
    function = FUNCTIONS.get(node.function)
    if function is None:
        raise ExpressionError(f"there is no function '{node.function}'")
    call = partial(function.call, zone=scope.zone) if function.zoned else function.call
    parts = [compiled(argument, scope) for argument in node.arguments]
    check_arity(node, function)
    columns = columns_of(node, scope)
    return partial(called, call, function.absent, parts[0], parts[1:], columns)


def check_arity(node: Call, function: Function) -> None:
    low, high = function.arity
    if not low <= len(node.arguments) <= high:
        raise ExpressionError(f"'{node.function}' takes {low} to {high} values (the piped one included)")


def called(
    call: Callable[..., Any],
    takes_absent: bool,
    first: Evaluate,
    rest: list[Evaluate],
    columns: tuple[str, ...],
    environment: Environment,
) -> Any:
    value = first(environment)
    if value is None and not takes_absent:
        return None
    return unwrapped(call(value, *[part(environment) for part in rest]), columns, environment)


def unwrapped(value: Any, columns: tuple[str, ...], environment: Environment) -> Any:
    if type(value) is Noted:
        environment[NOTES].append(Finding(value.code, columns, value.severity))
        return value.value
    return value


def compiled_code(node: Call, scope: Scope) -> Evaluate:
    """``column | code(map)`` reports a code that is not in the map; ``text | recognise(map)`` leaves free text
    alone."""
    if len(node.arguments) != 2 or not isinstance(node.arguments[1], Path):
        raise ExpressionError(f"'{node.function}' takes the name of a code map")
    name = node.arguments[1].name
    if name not in scope.codes:
        raise ExpressionError(f"there is no code map '{name}' under 'codes'")
    table, first, columns = scope.codes[name], compiled(node.arguments[0], scope), columns_of(node, scope)
    if node.function == "recognise":
        return lambda environment: table.entries.get(str(first(environment)))
    return lambda environment: unwrapped(table.translate(first(environment)), columns, environment)


def compiled_tree_path(node: Call, scope: Scope) -> Evaluate:
    """``element | path('FHIRPath')``: what the expression finds in a part of a record that is a tree."""
    if len(node.arguments) != 2 or not isinstance(node.arguments[1], Literal):
        raise ExpressionError("'path' takes a FHIRPath expression in single quotes")
    first = compiled(node.arguments[0], scope)
    try:
        find = tree_path(str(node.arguments[1].value))
    except FhirPathError as error:
        raise ExpressionError(f"path: {error}") from error

    def evaluate(environment: Environment) -> Any:
        value = first(environment)
        return None if value is None else find(value)

    return evaluate


def compiled_organization(node: Call, scope: Scope) -> Evaluate:
    """``column | organization``: the reference of the institution with that code, name or alias."""
    first, columns, known = compiled(node.arguments[0], scope), columns_of(node, scope), scope.institutions
    (named, *_) = node.arguments
    if isinstance(named, Literal) and str(named.value) not in known:
        raise ExpressionError(f"the institution '{named.value}' is not in the table of institutions; add it there")

    def find(environment: Environment) -> Any:
        value = first(environment)
        if value is None:
            return None
        logical_id = known.get(str(value).strip())
        if logical_id is None:
            environment[NOTES].append(Finding("unknown-institution", columns, "warning"))
            return None
        return f"Organization/{logical_id}"

    return find


def guarded(expression: Expression, environment: Environment) -> Any:
    """The value, or None with a finding when a function holds the cell back."""
    try:
        return expression.evaluate(environment)
    except HeldBack as held:
        for column in expression.columns or ("",):
            environment[NOTES].append(Finding(held.code, (column,), "error", held_back=True))
        return None
