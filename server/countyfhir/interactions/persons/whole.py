"""Searches that reach a person whole: an id of a Patient stands for all ids of the person, in queries and in what a
grant is narrowed to (docs/persons.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass, replace
from functools import cache

from countyfhir.exchange import Grant
from countyfhir.interactions.world import World
from countyfhir.model.definitions import definitions
from countyfhir.search.compartments import COMPARTMENT
from countyfhir.search.query import (
    AllOf,
    Chain,
    Clause,
    CompositeIs,
    Contained,
    Has,
    InCompartment,
    Not,
    Predicate,
    Query,
    ReferenceIs,
    TokenIs,
)

Linked = Mapping[str, tuple[str, ...]]
MOST_REACHED = 50
"""Patients of one number that are followed to their persons."""
ALSO = frozenset({"patient", "subject", COMPARTMENT})


@cache
def about_a_person() -> frozenset[str]:
    """The reference parameters that say whom a resource is about or by: those of the Patient compartment."""
    named = {code for codes in definitions().compartments["Patient"].values() for code in codes}
    return frozenset(named | ALSO) - {"{def}", "link"}


async def whole_query(query: Query, world: World) -> Query:
    """The query, asking for whole persons: by any id, and by a chain to an identifier of any of the records."""
    if world.person_rules is None:
        return query
    if any(_identifies(one) for clause in query.where for one in clause):
        query = replace(query, where=tuple([await _reached(clause, world) for clause in query.where]))
    ids = set(_ids(query.where))
    linked = await world.store.persons.linked(sorted(ids)) if ids else {}
    return replace(query, where=_clauses(query.where, linked)) if linked else query


def _identifies(predicate: Predicate) -> bool:
    """``patient.identifier=…``: a chain to Patients by a number of theirs."""
    if not isinstance(predicate, Chain) or predicate.target_type != "Patient":
        return False
    numbers = (one for clause in predicate.where for one in clause if isinstance(one, TokenIs))
    return predicate.parameter in about_a_person() and any(one.parameter == "identifier" for one in numbers)


async def _reached(clause: Clause, world: World) -> Clause:
    """The clause with the other records of the persons that its chains reach; a number of very many stays as it is."""
    more: list[Predicate] = []
    for one in clause:
        if isinstance(one, Chain) and _identifies(one):
            page = await world.store.resources.search(Query(("Patient",), one.where, count=MOST_REACHED))
            if page.cursor is None:
                ids = [match.logical_id for match in page.matches]
                linked = await world.store.persons.linked(ids) if ids else {}
                more += [ReferenceIs(one.parameter, "Patient", other) for each in linked.values() for other in each]
    return tuple(dict.fromkeys([*clause, *more])) if more else clause


async def whole_grant(grant: Grant, world: World) -> Grant:
    """The grant, narrowed to whole persons where it is narrowed to the compartment of a Patient."""
    if world.person_rules is None or not grant.narrowing:
        return grant
    ids = _named_by(grant)
    linked = await world.store.persons.linked(ids) if ids else {}
    if not linked:
        return grant
    narrowing = {name: tuple(_clauses(clauses, linked) for clauses in each) for name, each in grant.narrowing.items()}
    return replace(grant, narrowing=narrowing)


_KNOWN: dict[int, tuple[Grant, tuple[str, ...]]] = {}
_MOST = 4096
"""Grants that are remembered with the Patients they name: each is the same object for many requests."""


def _named_by(grant: Grant) -> tuple[str, ...]:
    """The Patients that a grant is narrowed to."""
    known = _KNOWN.get(id(grant))
    if known is not None and known[0] is grant:
        return known[1]
    found = tuple(sorted({one for each in grant.narrowing.values() for clauses in each for one in _ids(clauses)}))
    while len(_KNOWN) >= _MOST:
        _KNOWN.pop(next(iter(_KNOWN)), None)
    _KNOWN[id(grant)] = (grant, found)
    return found


def _ids(clauses: Iterable[Clause]) -> Iterator[str]:
    for clause in clauses:
        for predicate in clause:
            if (named := _patient(predicate)) is not None:
                yield named
            for inner in _inner(predicate):
                yield from _ids(inner)


def _patient(predicate: Predicate) -> str | None:
    if isinstance(predicate, InCompartment):
        return predicate.logical_id if predicate.compartment_type == "Patient" else None
    if isinstance(predicate, ReferenceIs) and predicate.parameter in about_a_person():
        return predicate.target_id if predicate.target_type in (None, "Patient") else None
    return None


def _inner(predicate: Predicate) -> Iterator[tuple[Clause, ...]]:
    if isinstance(predicate, Chain | Has | Contained):
        yield predicate.where
    elif isinstance(predicate, AllOf):
        yield predicate.clauses
    elif isinstance(predicate, Not):
        yield (predicate.clause,)
    elif isinstance(predicate, CompositeIs):
        yield (predicate.parts,)


def _clauses(clauses: tuple[Clause, ...], linked: Linked) -> tuple[Clause, ...]:
    return tuple(tuple(dict.fromkeys(made for one in clause for made in _widened(one, linked))) for clause in clauses)


def _widened(predicate: Predicate, linked: Linked) -> Iterator[Predicate]:
    named = _patient(predicate)
    if named is not None and named in linked:
        for other in dict.fromkeys((named, *linked[named])):
            if isinstance(predicate, InCompartment):
                yield replace(predicate, logical_id=other)
            elif isinstance(predicate, ReferenceIs):
                yield replace(predicate, target_id=other)
        return
    rebuild = _REBUILD.get(type(predicate))
    yield rebuild(predicate, linked) if rebuild is not None and is_dataclass(predicate) else predicate


_REBUILD: dict[type, Callable[..., Predicate]] = {
    Chain: lambda one, linked: replace(one, where=_clauses(one.where, linked)),
    Has: lambda one, linked: replace(one, where=_clauses(one.where, linked)),
    Contained: lambda one, linked: replace(one, where=_clauses(one.where, linked)),
    AllOf: lambda one, linked: replace(one, clauses=_clauses(one.clauses, linked)),
    Not: lambda one, linked: replace(one, clause=_clauses((one.clause,), linked)[0]),
}
