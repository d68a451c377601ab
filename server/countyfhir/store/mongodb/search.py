"""A search page: matches of each type merged in order, totals, includes (R4 section 3.1.1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from countyfhir.exchange import Grant, Stored
from countyfhir.search.query import Query
from countyfhir.store import page_order
from countyfhir.store.mongodb import sorting
from countyfhir.store.mongodb.bodies import stored_of
from countyfhir.store.mongodb.includes import included
from countyfhir.store.mongodb.reading import Reading
from countyfhir.store.mongodb.selecting import Selection, conditions_of, granted, passing, select
from countyfhir.store.mongodb.visible import all_types
from countyfhir.store.ports import Page

COUNTED_EXACTLY = 10_000
"""``_total=estimate`` counts so many; beyond, it reckons from how much of the store they took."""


async def page(reading: Reading, query: Query, grant: Grant, include_limit: int) -> Page:
    """One page of what the grant lets the caller see. No resource type named: all that occur."""
    if query.in_turn:
        return await _page(reading, query, grant, include_limit, await _in_turn(reading, query, grant))
    searched = [each async for each in searched_types(reading, query, grant)]
    total = await _total(reading, searched, query) if query.total != "none" or query.count <= 0 else None
    if query.count <= 0:
        return Page((), total=total)
    rows: list[sorting.Row] = []
    for selection in searched:
        rows += await sorting.page(reading, selection, query.sort, query.cursor, query.count + 1)
    if len(searched) > 1:
        rows.sort(key=page_order.before(query.sort))
    return await _page(reading, query, grant, include_limit, rows, total)


async def _page(
    reading: Reading,
    query: Query,
    grant: Grant,
    include_limit: int,
    rows: list[sorting.Row],
    total: int | None = None,
) -> Page:
    """The page of these rows (one more than it shows, where there are more), and what it brings along."""
    shown = rows[: query.count]
    matches = [row[-1] for row in shown]
    also = (
        await included(reading, matches, query.includes, grant, include_limit) if query.includes and matches else None
    )
    return Page(
        matches=await loaded(reading, matches),
        included=await loaded(reading, list(also.found)) if also else (),
        total=total,
        cursor=tuple(shown[-1][:-1]) if len(rows) > query.count else None,
        truncated=tuple(also.truncated) if also else (),
    )


async def _in_turn(reading: Reading, query: Query, grant: Grant) -> list[sorting.Row]:
    """Rows of one type after another, the place of the type in front; no further than the page goes."""
    number, *keys = query.cursor or (0,)
    assert isinstance(number, int)
    rows: list[sorting.Row] = []
    asked = replace(query, resource_types=query.resource_types[number:])
    async for selection in searched_types(reading, asked, grant):
        place = query.resource_types.index(selection.resource_type)
        after = tuple(keys) if keys and place == number else None
        found = await sorting.page(reading, selection, query.sort, after, query.count + 1 - len(rows))
        rows += [(place, *row) for row in found]
        if len(rows) > query.count:
            break
    return rows


async def searched_types(reading: Reading, query: Query, grant: Grant) -> AsyncIterator[Selection]:
    """The types of which anything may match, each with the query's and the grant's clauses."""
    for kind in await _occurring(reading, query.resource_types):
        narrowing = await granted(reading, kind, grant)
        if narrowing is not None:
            conditions = [*await conditions_of(reading, kind, query.where), *narrowing]
            yield await select(reading, kind, conditions)


async def _occurring(reading: Reading, resource_types: Sequence[str]) -> Sequence[str]:
    """Of several types (none: of all) those that occur: a compartment names dozens, and each is asked by itself."""
    if len(resource_types) == 1:
        return resource_types
    there = await all_types(reading)
    kinds = [kind for kind in resource_types if kind in there] if resource_types else there
    await reading.look_for_overflow(kinds)
    return kinds


async def _total(reading: Reading, searched: Sequence[Selection], query: Query) -> int:
    exactly = query.total != "estimate"
    return sum([await _count(reading, selection, exactly=exactly) for selection in searched])


async def _count(reading: Reading, selection: Selection, *, exactly: bool) -> int:
    if selection.rest:
        counted = 0
        async for batch in reading.in_batches("entry", selection.where, {"_id": 1}):
            counted += len(await passing(reading, selection, batch))
        return counted
    if selection.where.keys() == {"t"}:
        clock = await reading.one("setting", {"_id": "clock"}, {"current": 1})
        return int(clock["current"].get(selection.resource_type, 0))
    collection = reading.database["entry"]
    if exactly:
        return int(await collection.count_documents(selection.where, session=reading.session))
    counted = await collection.count_documents(selection.where, session=reading.session, limit=COUNTED_EXACTLY)
    return counted if counted < COUNTED_EXACTLY else await _reckoned(reading, selection)


async def _reckoned(reading: Reading, selection: Selection) -> int:
    """From how far back the latest of them reach, as if they were spread evenly."""
    latest = [
        document["n"]
        async for document in reading.find("entry", selection.where, {"n": 1}, sort=[("n", -1)], limit=COUNTED_EXACTLY)
    ]
    return COUNTED_EXACTLY * int(latest[0]) // max(1, int(latest[0]) - int(latest[-1]))


async def loaded(reading: Reading, owners: Sequence[str]) -> tuple[Stored, ...]:
    """Their current versions, in the order of ``owners``."""
    documents = {each["_id"]: each async for each in reading.find("resource", {"_id": {"$in": list(owners)}})}
    return tuple([await stored_of(reading, documents[owner]) for owner in owners if owner in documents])


async def matching_ids(reading: Reading, query: Query, limit: int) -> frozenset[str]:
    """Logical ids of matches, at most ``limit``: what a plan's criteria are checked by, whoever asks."""
    found: set[str] = set()
    for kind in query.resource_types:
        selection = await select(reading, kind, await conditions_of(reading, kind, query.where))
        rows = await sorting.page(reading, selection, (), None, limit)
        found.update(row[-1].partition("/")[2] for row in rows)
    return frozenset(found)
