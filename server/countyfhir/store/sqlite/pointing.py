"""The ways from a reference to its target as joins: by a literal, by an identifier alone, by a canonical (R4 sections
2.3 and 2.25)."""

from __future__ import annotations

from dataclasses import dataclass

from countyfhir.search import entries as kinds
from countyfhir.search.elements import CANONICAL, LOGICAL
from countyfhir.search.references import CANONICAL_NAME
from countyfhir.store.sqlite.sql import Scope


@dataclass(frozen=True, slots=True)
class Way:
    """One way, as what stands behind FROM: ``back`` goes from the target ``{rid}`` to sources, whose number is
    ``source``; ``onward`` from the source ``{rid}`` to its targets, whose number is ``target``."""

    back: str
    source: str
    onward: str
    target: str


def ways(source: Scope, target: Scope, parameter: str) -> list[Way]:
    """The ways of a reference parameter from resources of one type to those of another, as far as there are entries
    of them."""
    found = [
        _literal(source, parameter),
        _logical(source, target, parameter),
        _canonical(source, target, parameter),
    ]
    return [way for way in found if way is not None]


def _literal(source: Scope, name: str) -> Way | None:
    parameter = source.parameter(name, kinds.REFERENCE)
    if parameter is None:
        return None
    f = source.alias()
    return Way(
        f"reference {f} WHERE {f}.parameter_id = {parameter} AND {f}.target_rid = {{rid}}",
        f"{f}.rid",
        f"reference {f} WHERE {f}.rid = {{rid}} AND {f}.parameter_id = {parameter}",
        f"{f}.target_rid",
    )


def _logical(source: Scope, target: Scope, name: str) -> Way | None:
    said, known = source.parameter(name + LOGICAL, kinds.TOKEN), target.parameter("identifier", kinds.TOKEN)
    if said is None or known is None:
        return None
    s, k = source.alias(), source.alias()
    equal = f"{s}.system_id = {k}.system_id AND {s}.code = {k}.code"
    return Way(
        f"token {k} CROSS JOIN token {s} ON {s}.parameter_id = {said} AND {equal}"
        f" WHERE {k}.rid = {{rid}} AND {k}.parameter_id = {known}",
        f"{s}.rid",
        f"token {s} CROSS JOIN token {k} ON {k}.parameter_id = {known} AND {equal}"
        f" WHERE {s}.rid = {{rid}} AND {s}.parameter_id = {said}",
        f"{k}.rid",
    )


def _canonical(source: Scope, target: Scope, name: str) -> Way | None:
    said, known = source.parameter(name + CANONICAL, kinds.URI), target.parameter(CANONICAL_NAME, kinds.URI)
    if said is None or known is None:
        return None
    s, k = source.alias(), source.alias()
    return Way(
        f"uri {k} CROSS JOIN uri {s} ON {s}.parameter_id = {said} AND {s}.value = {k}.value"
        f" WHERE {k}.rid = {{rid}} AND {k}.parameter_id = {known}",
        f"{s}.rid",
        f"uri {s} CROSS JOIN uri {k} ON {k}.parameter_id = {known} AND {k}.value = {s}.value"
        f" WHERE {s}.rid = {{rid}} AND {s}.parameter_id = {said}",
        f"{k}.rid",
    )
