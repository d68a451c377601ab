"""A ``_filter`` as the predicates of ordinary parameters: what each operator means for each search type (R4 page
"Filter parameter")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from countyfhir.search import filters
from countyfhir.search.escapes import escape
from countyfhir.search.filters import FILTER, Comparison, Node, Step
from countyfhir.search.normalise import normalise
from countyfhir.search.query import AllOf, Clause, DateIs, LastUpdatedIs, Not, StringIs
from countyfhir.search.refusals import Unsupported, malformed, shown

_ORDERED = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb"})
_TERMINOLOGY = {"ss": "above", "sb": "below", "in": "in", "ni": "not-in"}
"""Operators on tokens, as the modifiers that mean the same."""
_OPERATORS = {
    "string": frozenset({"eq", "ne", "co", "sw", "ew"}),
    "token": frozenset({"eq", "ne", *_TERMINOLOGY}),
    "uri": frozenset({"eq", "ne"}),
    "reference": frozenset({"eq", "ne", "re"}),
    "number": _ORDERED,
    "quantity": _ORDERED,
    "date": _ORDERED | {"po"},
}
_MATCHES = {"eq": "equals", "co": "contains", "sw": "starts", "ew": "ends"}


@dataclass(frozen=True, slots=True)
class Language:
    """What a filter is compiled by: ``condition(place, name, text)``, the search type of a parameter,
    ``followed(place, link, inside)``, the clause that something holds behind a reference, and ``of_parts(place, name,
    clause)``, a clause as it is asked where the parameter is made of others."""

    condition: Callable[[Any, str, str], Clause]
    type_of: Callable[[Any, str], str]
    followed: Callable[[Any, str, Callable[[Any], tuple[Clause, ...]]], Clause]
    of_parts: Callable[[Any, str, Clause], Clause]


def clause(place: Any, text: str, language: Language) -> Clause:
    """The clause of a filter; Unsupported and FhirError 400 as for ordinary parameters."""
    return _clause(place, filters.read(text), language)


def _clause(place: Any, node: Node, language: Language) -> Clause:
    if isinstance(node, Comparison):
        return _along(place, node, node.path, language)
    clauses = tuple(_clause(place, each, language) for each in node.nodes)
    return _JOINED[node.word](clauses)


_JOINED: dict[str, Callable[[tuple[Clause, ...]], Clause]] = {
    "and": lambda clauses: (AllOf(clauses),),
    "or": lambda clauses: tuple(predicate for each in clauses for predicate in each),
    "not": lambda clauses: (Not(clauses[0]),),
}


def _along(place: Any, comparison: Comparison, path: tuple[Step, ...], language: Language) -> Clause:
    step, *rest = path
    if not rest:
        return _compared(place, comparison, step.name, language)

    def inside(there: Any) -> tuple[Clause, ...]:
        narrowed = () if step.where is None else (_clause(there, step.where, language),)
        return (*narrowed, _along(there, comparison, tuple(rest), language))

    return language.followed(place, step.name, inside)


def _compared(place: Any, comparison: Comparison, name: str, language: Language) -> Clause:
    operator, value = comparison.operator, comparison.value
    if operator == "pr":
        if value not in ("true", "false"):
            raise malformed(FILTER, "pr is followed by true or false")
        return language.condition(place, f"{name}:missing", "false" if value == "true" else "true")
    kind = language.type_of(place, name)
    offered = _OPERATORS.get(kind, frozenset())
    if operator not in offered:
        listed = ", ".join(sorted(offered | {"pr"}))
        raise Unsupported(f"_filter: {name} is a {kind} parameter without {shown(operator)}; it has {listed}.")
    if kind in ("string", "token", "uri", "reference") and operator == "ne":
        equal = _compared(place, replace(comparison, operator="eq"), name, language)
        present = () if name == "_id" else (language.condition(place, f"{name}:missing", "false"),)
        return (AllOf((*present, (Not(equal),))),)
    if operator == "ni":
        return (
            AllOf((language.condition(place, f"{name}:missing", "false"), _coded(place, name, "ni", value, language))),
        )
    if operator in _TERMINOLOGY:
        return _coded(place, name, operator, value, language)
    if kind == "string":
        return language.of_parts(place, name, _string(name, operator, value))
    return _read(place, kind, name, operator, value, language)


def _string(name: str, operator: str, value: str) -> Clause:
    folded = normalise(value)
    if not folded:
        raise malformed(FILTER, f"nothing is left to compare {name} with")
    return (StringIs(name, _MATCHES[operator], folded),)


def _coded(place: Any, name: str, operator: str, value: str, language: Language) -> Clause:
    text = escape(value).replace("\\|", "|") if operator in ("ss", "sb") else escape(value)
    return language.condition(place, f"{name}:{_TERMINOLOGY[operator]}", text)


def _read(place: Any, kind: str, name: str, operator: str, value: str, language: Language) -> Clause:
    """The value as the parameter itself reads it; only its bars keep their meaning."""
    text = escape(value).replace("\\|", "|")
    if kind in ("token", "uri", "reference"):
        return language.condition(place, name, text)
    read = language.condition(place, name, ("eq" if operator == "po" else operator) + text)
    if operator != "po":
        return read
    return tuple(replace(each, prefix="ap") for each in read if isinstance(each, DateIs | LastUpdatedIs))
