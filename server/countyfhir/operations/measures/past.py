"""The record as it was at an instant, rebuilt from history in a store of its own, so that a figure can be had again
(docs/indicators.md, "Cut-off")."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

from countyfhir.exchange import Grant, Plan, Stored, Write
from countyfhir.interactions.prepare import indexed
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.search.query import AllOf, Chain, Clause, Contained, Has, LastUpdatedIs, Not, Query
from countyfhir.store.ports import HistoryQuery

AT_A_TIME, TOGETHER = 20_000, 500
"""Versions read from history at a time; resources of one commit."""


@asynccontextmanager
async def as_of(cut_off: int, queries: Iterable[Query], world: World, grant: Grant) -> AsyncIterator[World]:
    """A world whose store holds the versions that were current at the instant (microseconds), of all types that the
    queries reach, as far as the grant shows them today (what is deleted since cannot be judged, and a caller who sees
    only a part does not get it). FhirError 422 for queries by the instant of a version: the copy has its own."""
    listed = list(queries)
    if any(isinstance(one, LastUpdatedIs) for query in listed for one in _predicates(query.where)):
        text = "_lastUpdated cannot be asked together with a cut-off."
        raise FhirError("not-supported", text, status=422)
    if world.scratch is None:
        raise FhirError("not-supported", "This server cannot rebuild earlier states of the record.", status=422)
    async with world.scratch() as store:
        store.resources.definitions = await store.resources.definitions_version()
        then = replace(world, store=store)
        for resource_type in sorted({name for query in listed for name in types_of(query)}):
            await _copy(resource_type, cut_off, world, then, grant)
        yield then


def types_of(query: Query) -> set[str]:
    """The resource types that a query reads."""
    found = set(query.resource_types)
    for one in _predicates(query.where):
        if isinstance(one, Chain):
            found.add(one.target_type)
        elif isinstance(one, Has):
            found.add(one.source_type)
    return found


def _predicates(clauses: Iterable[Clause]) -> Iterator[object]:
    """All predicates, those inside others too."""
    for clause in clauses:
        for one in clause:
            yield one
            if isinstance(one, Chain | Has | Contained):
                yield from _predicates(one.where)
            elif isinstance(one, AllOf):
                yield from _predicates(one.clauses)
            elif isinstance(one, Not):
                yield from _predicates((one.clause,))


async def _copy(resource_type: str, cut_off: int, world: World, then: World, grant: Grant) -> None:
    query = HistoryQuery(resource_type, at=(cut_off, cut_off + 1), count=AT_A_TIME)
    while True:
        page = await world.store.resources.history(query)
        standing = [one for one in page.versions if one.body is not None]
        if grant.narrowed(resource_type) is not None:
            keys = [(one.resource_type, one.logical_id) for one in standing]
            seen = await world.store.resources.visible(keys, grant)
            standing = [one for one in standing if (one.resource_type, one.logical_id) in seen]
        for start in range(0, len(standing), TOGETHER):
            writes = await asyncio.to_thread(_writes, standing[start : start + TOGETHER], then)
            await then.store.resources.commit(Plan(tuple(writes)))
        if page.cursor is None:
            return
        query = replace(query, cursor=page.cursor)


def _writes(versions: Iterable[Stored], then: World) -> list[Write]:
    made = []
    for one in versions:
        resource = json.parse(one.body or b"")
        made.append(indexed(Write("PUT", one.resource_type, one.logical_id, resource), then.search.base, then))
    return made
