"""Searches reach other types by chains, ``_has`` and includes: they too are checked and narrowed (SMART App Launch
2.2)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from countyfhir.access.check import may_include, require
from countyfhir.outcome import FhirError
from countyfhir.search.query import AllOf, Chain, Clause, Contained, Has, Not, Predicate, Query

if TYPE_CHECKING:
    from countyfhir.access.grants import Alternative
    from countyfhir.exchange import Grant


def narrow(query: Query, grant: Grant) -> Query:
    """The query whose chains and ``_has`` only look at what the caller may see. FhirError ``forbidden`` (403) when a
    chain, a ``_has`` or a named include reaches a type that is not granted. The matches themselves the store
    narrows."""
    check_includes(query, grant)
    where = tuple(narrow_clause(clause, grant) for clause in query.where)
    return query if where == query.where else replace(query, where=where)


def check_includes(query: Query, grant: Grant) -> None:
    """A ``_revinclude`` of a type, or an ``_include`` with a target type, that is not granted is refused; other
    includes leave out what is not granted."""
    for include in query.includes:
        reached = include.source_type if include.reverse else include.target_type
        if reached not in (None, "*") and not may_include(grant, reached):
            kind = "_revinclude" if include.reverse else "_include"
            raise FhirError("forbidden", f"{kind} reaches {reached}, which the granted scopes do not allow to read.")


def narrow_clause(clause: Clause, grant: Grant) -> Clause:
    """The clause with the grant's narrowing inside its chains."""
    return tuple(narrow_predicate(predicate, grant) for predicate in clause)


def narrow_predicate(predicate: Predicate, grant: Grant) -> Predicate:
    """A chain or ``_has`` with what narrows the type it reaches; other predicates as they are."""
    if isinstance(predicate, Not):
        return Not(narrow_clause(predicate.clause, grant))
    if isinstance(predicate, AllOf):
        return AllOf(tuple(narrow_clause(clause, grant) for clause in predicate.clauses))
    if isinstance(predicate, Contained):  # who sees a resource sees what it contains
        return replace(predicate, where=tuple(narrow_clause(clause, grant) for clause in predicate.where))
    if isinstance(predicate, Chain):
        return replace(predicate, where=reached(predicate.target_type, predicate.where, grant))
    if isinstance(predicate, Has):
        return replace(predicate, where=reached(predicate.source_type, predicate.where, grant))
    return predicate


def reached(resource_type: str, where: tuple[Clause, ...], grant: Grant) -> tuple[Clause, ...]:
    """The conditions on another type: checked, narrowed, and again for chains inside."""
    require("s", resource_type, grant)
    inner = tuple(narrow_clause(clause, grant) for clause in where)
    alternatives = grant.narrowed(resource_type)
    return inner if alternatives is None else (*inner, *conjunction(alternatives))


def conjunction(alternatives: tuple[Alternative, ...]) -> tuple[Clause, ...]:
    """Alternatives of conjunctions as one conjunction of clauses: (A and B) or C is (A or C) and (B or C)."""
    return tuple(dict.fromkeys(tuple(p for clause in chosen for p in clause) for chosen in product(*alternatives)))
