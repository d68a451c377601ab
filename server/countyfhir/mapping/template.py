"""Templates of target resources: YAML with ``{expression}`` in it, compiled once into closures over the environment."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from countyfhir.mapping.expression import MADE, Environment, Evaluate, Scope, compile_expression, guarded
from countyfhir.mapping.stable_id import stable_id
from countyfhir.mapping.syntax import ExpressionError
from countyfhir.mapping.taken_over import taking_over
from countyfhir.model.definitions import definitions

WHOLE = re.compile(r"^\{([^{}]*)\}$")
PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
TEXTS = frozenset({"string", "code", "id", "uri", "url", "canonical", "oid", "uuid", "markdown", "date", "dateTime"})
"""Primitive types whose values are texts (R4 2.24)."""
CALLS = re.compile(r"[|(]")
EACH = re.compile(r"^\s*([^\W\d]\w*)\s+in\s+(.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Compiled:
    """``render`` gives the value or None; ``dynamic``: it depends on the record."""

    render: Evaluate
    dynamic: bool


def compile_template(template: Any, scope: Scope, source: str, of: str | None = None) -> Compiled:
    """A template of any shape. In an object a member that comes out absent is left out; an object none of whose
    expressions gave a value is left out as a whole; a list drops absent items. ``of``: the type of the element, as far
    as it is known; where it is a text, a number (of JSON) becomes one."""
    if isinstance(template, str):
        return compile_text(template, scope, of in TEXTS)
    if isinstance(template, dict):
        return compile_object(template, scope, source, of)
    if isinstance(template, list):
        return compile_list(template, scope, source, of)
    return Compiled(lambda environment: template, False)


def member_type(of: str | None, name: str) -> str | None:
    """The type of a member of a type; None where either is not known."""
    known = definitions().types.get(of) if of else None
    element = known.elements.get(name) if known else None
    return element.type_name if element else None


def compile_text(template: str, scope: Scope, worded: bool = False) -> Compiled:
    """``"{x}"`` keeps the type of x, and is absent when x is an empty object or list; text around makes a text; a text
    with an absent piece is absent."""
    if whole := WHOLE.match(template):
        evaluate = evaluated(whole[1], scope)

        def value_of(environment: Environment) -> Any:
            value = evaluate(environment)
            return None if value == {} or value == [] else value

        def words_of(environment: Environment) -> Any:
            value = value_of(environment)
            return str(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else value

        return Compiled(words_of if worded else value_of, True)
    pieces, at, dynamic = list[Any](), 0, False
    for match in PIECE.finditer(template):
        pieces.append(template[at : match.start()])
        if match[1] is None:
            pieces.append(match[0][0])
        else:
            dynamic = True
            pieces.append(evaluated(match[1], scope))
        at = match.end()
    pieces.append(template[at:])
    if not dynamic:
        constant = "".join(pieces)
        return Compiled(lambda environment: constant, False)

    def render(environment: Environment) -> str | None:
        made = [piece(environment) if callable(piece) else piece for piece in pieces]
        return None if any(part is None for part in made) else "".join(str(part) for part in made)

    return Compiled(render, True)


def evaluated(text: str, scope: Scope) -> Evaluate:
    """The expression; where a function in it holds its cell back, the value is absent, with the issue, and the rest of
    the resource stands."""
    expression = compile_expression(text, scope)
    if not CALLS.search(text):
        return expression.evaluate
    return lambda environment: guarded(expression, environment)


def compile_object(template: dict[str, Any], scope: Scope, source: str, of: str | None = None) -> Compiled:
    if "each" in template:
        raise ExpressionError("'each' stands in an item of a list")
    condition = compile_expression(template["when"], scope).evaluate if "when" in template else None
    if "ref" in template:
        return conditional(compile_reference(template, scope, source), condition)
    if "value of" in template:
        return conditional(compile_template(template["value of"], scope, source, of), condition)
    if "all of" in template:
        return conditional(compile_taken_over(template, scope, source, of), condition)
    members = {
        name: compile_template(part, scope, source, member_type(of, name))
        for name, part in template.items()
        if name != "when"
    }
    constant = {name: part.render({}) for name, part in members.items() if not part.dynamic}
    dynamic = [(name, part.render) for name, part in members.items() if part.dynamic]
    order = list(members)

    def render(environment: Environment) -> dict[str, Any] | None:
        made = {name: value for name, evaluate in dynamic if (value := evaluate(environment)) is not None}
        if dynamic and not made:
            return None
        made |= constant
        return {name: made[name] for name in order if name in made} or None

    return conditional(Compiled(render, bool(dynamic)), condition)


def compile_taken_over(template: dict[str, Any], scope: Scope, source: str, of: str | None) -> Compiled:
    """``{all of: resource, instead of: {…}, …}``: the resource of a record, with what stands beside in the place of its
    own members; one that comes out absent is taken away."""
    whole = compile_expression(template["all of"], scope).evaluate
    content = taking_over(source, template.get("instead of") or {})
    members = {
        name: compile_template(part, scope, source, member_type(of, name)).render
        for name, part in template.items()
        if name not in ("all of", "instead of", "when")
    }

    def render(environment: Environment) -> dict[str, Any] | None:
        made = content(whole(environment)) | {name: member(environment) for name, member in members.items()}
        return {name: value for name, value in made.items() if value is not None} or None

    return Compiled(render, True)


def conditional(inner: Compiled, condition: Evaluate | None) -> Compiled:
    if condition is None:
        return inner
    return Compiled(lambda environment: inner.render(environment) if condition(environment) else None, True)


def compile_reference(template: dict[str, Any], scope: Scope, source: str) -> Compiled:
    """``{ref: Type, key: "…", source: …}``: the reference to the resource of that natural key, without looking it
    up; with ``as: url`` as a text (of an attachment); with ``made: true`` only when this record became it."""
    resource_type, owner = template["ref"], template.get("source", source)
    key = compile_text(template["key"], scope).render
    display = compile_text(template["display"], scope).render if "display" in template else None

    bare, only_made = template.get("as") == "url", template.get("made") is True

    def render(environment: Environment) -> Any:
        found = key(environment)
        if found is None:
            return None
        to = f"{resource_type}/{stable_id(owner, resource_type, str(found))}"
        if only_made and to not in environment.get(MADE, ()):
            return None
        if bare:
            return to
        made = {"reference": to}
        shown = display(environment) if display else None
        return made | {"display": shown} if shown else made

    return Compiled(render, True)


def compile_list(template: list[Any], scope: Scope, source: str, of: str | None = None) -> Compiled:
    items = [compile_item(item, scope, source, of) for item in template]
    dynamic = any(part.dynamic for part, _ in items)

    def render(environment: Environment) -> list[Any] | None:
        made: list[Any] = []
        for part, many in items:
            value = part.render(environment)
            if value is not None:
                made.extend(value) if many else made.append(value)
        return made or None

    return Compiled(render, dynamic)


def compile_item(item: Any, scope: Scope, source: str, of: str | None = None) -> tuple[Compiled, bool]:
    """An item of a list; with ``each: "name in list"`` it stands once for every element."""
    if not isinstance(item, dict) or "each" not in item:
        return compile_template(item, scope, source, of), False
    loop = compile_each(item["each"], scope)
    rest = {name: part for name, part in item.items() if name != "each"}
    inner = compile_template(rest, loop.scope, source, of).render

    def render(environment: Environment) -> list[Any]:
        rendered = (inner(turn) for turn in loop.turns(environment))
        return [value for value in rendered if value is not None]

    return Compiled(render, True), True


@dataclass(frozen=True, slots=True)
class Loop:
    """``scope`` inside the loop knows its name and ``position`` (1, 2, …); ``turns`` gives one environment an
    element."""

    scope: Scope
    turns: Callable[[Environment], list[Environment]]


def compile_each(text: str, scope: Scope) -> Loop:
    """``each: "line in lines"``; a single value is a list of one."""
    match = EACH.match(text)
    if match is None:
        raise ExpressionError(f"'each' is written \"name in list\", not '{text}'")
    name, listed = match[1], compile_expression(match[2], scope)
    columns = {**scope.columns, name: listed.columns, "position": listed.columns}
    inner = Scope(columns, scope.codes, scope.institutions, scope.zone, scope.lookups)

    def turns(environment: Environment) -> list[Environment]:
        found = listed.evaluate(environment) or ()
        several = found if isinstance(found, (list, tuple)) else (found,)
        return [{**environment, name: value, "position": place} for place, value in enumerate(several, 1)]

    return Loop(inner, turns)
