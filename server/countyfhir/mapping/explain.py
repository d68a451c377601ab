"""What each element of a record's resources is made of: the expression of the mapping file and the cells it read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.mapping.apply import EMPTY, apply, turns_of
from countyfhir.mapping.expression import Environment, Expression, Scope, compile_expression
from countyfhir.mapping.record import Context, RecordMapping, Row, Target
from countyfhir.mapping.syntax import Call, ListOf, Node, Operation, Path, parse
from countyfhir.mapping.template import PIECE, compile_each, compile_template

RESERVED = frozenset({"when", "each"})


@dataclass(frozen=True, slots=True)
class Explained:
    """One output element: where it is (``Patient/x.name[0].text``), its value, the expression (None: it is constant),
    the named values the expression leans on (name -> expression), and the cells of the record that went into it."""

    element: str
    value: Any
    expression: str | None
    leans_on: Mapping[str, str]
    inputs: Mapping[str, Any]


def explain(
    mapping: RecordMapping, record: Row, context: Context = EMPTY, reused: frozenset[str] = frozenset()
) -> list[Explained]:
    """Every element of the resources the record becomes, in their order. It shows values of the record: for the person
    who mends the mapping, never for a report."""
    environment = apply(mapping, record, context, reused).environment
    found: list[Explained] = []
    for target in mapping.targets:
        for reference, turn in turns_of(mapping, target, environment):
            walk = Walk(mapping, target, turn, dict((*mapping.values, *target.values)))
            found += walk.elements(target.content, reference, target.scope)
    return found


@dataclass(frozen=True, slots=True)
class Walk:
    """One turn of one resource."""

    mapping: RecordMapping
    target: Target
    turn: Environment
    values: Mapping[str, Expression]

    def elements(self, template: Any, place: str, scope: Scope) -> Iterator[Explained]:
        """The elements below a part of the template that came out with a value."""
        value = compile_template(template, scope, self.mapping.source).render(self.turn)
        if value is None:
            return
        if isinstance(template, dict) and "value of" in template:
            yield from self.elements(template["value of"], place, scope)
        elif isinstance(template, dict) and "ref" in template:
            yield self.explained(place, value, str(template["key"]), scope)
        elif isinstance(template, dict) and "all of" in template:
            own = [name for name in value if name not in template]
            yield from (
                self.explained(f"{place}.{name}", value[name], f"{{{template['all of']}}}", scope) for name in own
            )
            rest = {name: part for name, part in template.items() if name not in ("all of", "instead of")}
            yield from self.elements(rest, place, scope)
        elif isinstance(template, dict):
            for name, part in template.items():
                if name not in RESERVED:
                    yield from self.elements(part, f"{place}.{name}", scope)
        elif isinstance(template, list):
            yield from self.items(template, place, scope)
        else:
            yield self.explained(place, value, template if isinstance(template, str) else "", scope)

    def items(self, template: list[Any], place: str, scope: Scope) -> Iterator[Explained]:
        """The items of a list; those of a loop once for every element."""
        number = 0
        for item in template:
            for walk, part, inner in self.repeated(item, scope):
                made = list(walk.elements(part, f"{place}[{number}]", inner))
                number += bool(made)
                yield from made

    def repeated(self, item: Any, scope: Scope) -> Iterator[tuple[Walk, Any, Scope]]:
        if not isinstance(item, dict) or "each" not in item:
            yield self, item, scope
            return
        loop = compile_each(item["each"], scope)
        rest = {name: part for name, part in item.items() if name != "each"}
        for turn in loop.turns(self.turn):
            yield Walk(self.mapping, self.target, turn, self.values), rest, loop.scope

    def explained(self, place: str, value: Any, template: str, scope: Scope) -> Explained:
        texts = [match[1] for match in PIECE.finditer(template) if match[1] is not None]
        columns = [column for text in texts for column in compile_expression(text, scope).columns]
        inputs = {column: self.cell(column) for column in dict.fromkeys(columns)}
        leans = {name: self.values[name].text for text in texts for name in self.named(parse(text))}
        return Explained(place, value, template if texts else None, leans, inputs)

    def named(self, node: Node) -> Iterator[str]:
        """The values an expression names, and those that these name."""
        match node:
            case Path(name, _):
                if name in self.values:
                    yield name
                    yield from self.named(parse(self.values[name].text)) if name not in self.mapping_columns else ()
            case Call(_, parts, _) | Operation(_, parts) | ListOf(parts):
                for part in parts:
                    yield from self.named(part)

    @property
    def mapping_columns(self) -> frozenset[str]:
        return frozenset(self.mapping.format.columns)

    def cell(self, column: str) -> Any:
        """What stood in a column of the record, or of a row that was looked up."""
        if column in self.turn:
            return self.turn[column]
        name, _, member = column.partition(".")
        row = self.turn.get(name)
        return row.get(member) if isinstance(row, dict) else self.turn.get(column.partition("-")[0])
