"""One type's matches in the order asked for, from a cursor on (DESIGN decision 6).

The cursor holds the sort keys of the last row, None for a missing one, and the resource's number as the last tie-break.
Missing values come last both ways. Without ``_sort`` the latest registered comes first. By one key, matches that have
it are asked in its order and then those that lack it; by several keys MongoDB sorts what matches.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from countyfhir.search.query import Sort
from countyfhir.store.mongodb.index_keys import LAST, sort_name
from countyfhir.store.mongodb.reading import BATCH, Document, Reading
from countyfhir.store.mongodb.selecting import Selection, passing

Row = tuple[Any, ...]
"""The sort keys of a match, its number, then "Type/id"."""
Cursor = tuple[Any, ...]

_OWN = {"_id": "i", "_lastUpdated": "u"}
_LETTER = {"token": "t", "string": "s", "date": "d", "number": "n", "quantity": "n", "uri": "u", "reference": "r"}


def path_of(sort: Sort) -> str:
    """The field a key is sorted by."""
    if sort.parameter in _OWN:
        return _OWN[sort.parameter]
    return f"o.{sort_name(sort.parameter, _LETTER[sort.kind])}.{'d' if sort.descending else 'a'}"


async def page(
    reading: Reading, selection: Selection, sort: tuple[Sort, ...], cursor: Cursor | None, limit: int
) -> list[Row]:
    """At most ``limit`` rows after the cursor."""
    if len(sort) > 1:
        return await _taken(reading, selection, _sorted(reading, selection, sort, cursor, limit), sort, limit)
    rows: list[Row] = []
    for where, order in _walks(selection, sort, cursor):
        found = _walked(reading, selection, where, order, limit - len(rows))
        rows += await _taken(reading, selection, found, sort, limit - len(rows))
        if len(rows) >= limit:
            break
    return rows


async def _taken(
    reading: Reading, selection: Selection, found: AsyncIterator[Document], sort: tuple[Sort, ...], limit: int
) -> list[Row]:
    """The first rows for which the rest of the conditions hold."""
    rows: list[Row] = []
    batch: list[Document] = []
    async for document in found:
        batch.append(document)
        if len(batch) == BATCH:
            rows += [_row(each, sort) for each in await passing(reading, selection, batch)]
            batch = []
            if len(rows) >= limit:
                break
    rows += [_row(each, sort) for each in await passing(reading, selection, batch)]
    return rows[:limit]


def _row(document: Document, sort: tuple[Sort, ...]) -> Row:
    return (*(_value(document, path_of(key)) for key in sort), document["n"], document["_id"])


def _value(document: Document, path: str) -> Any:
    value: Any = document
    for step in path.split("."):
        value = value.get(step) if value is not None else None
    return value


def _fields(sort: tuple[Sort, ...]) -> Document:
    return {"n": 1, **{path_of(key): 1 for key in sort}}


def _walks(selection: Selection, sort: tuple[Sort, ...], cursor: Cursor | None) -> list[tuple[Document, Document]]:
    """Queries and their orders, one after the other."""
    if not sort:
        return [(_and(selection.where, {"n": {"$lt": cursor[-1]}} if cursor else {}), {"n": -1})]
    (key,) = sort
    found = _and({"t": selection.resource_type}, selection.where)  # the indexes of an order begin with the type
    path, way = path_of(key), -1 if key.descending else 1
    beyond = "$lt" if key.descending else "$gt"
    by_number = {"n": {beyond: cursor[-1]}} if cursor else {}
    walks = []
    if not cursor:
        walks.append((_and(found, {path: {"$exists": True}}), {path: way, "n": way}))
    elif cursor[0] is not None:
        bound = "$lte" if key.descending else "$gte"
        after = {"$or": [{path: {beyond: cursor[0]}}, {path: cursor[0], **by_number}]}
        walks.append((_and(found, {path: {bound: cursor[0], "$exists": True}}, after), {path: way, "n": way}))
        by_number = {}
    if key.parameter not in _OWN:
        walks.append((_and(found, {path: {"$exists": False}}, by_number), {"n": way}))
    return walks


def _and(*parts: Document) -> Document:
    listed = [part for part in parts if part]
    return listed[0] if len(listed) == 1 else {"$and": listed}


async def _walked(
    reading: Reading, selection: Selection, where: Document, order: Document, limit: int
) -> AsyncIterator[Document]:
    fields = {"n": 1, **dict.fromkeys(order, 1)}
    found = reading.find("entry", where, fields, sort=list(order.items()), batch_size=BATCH, allow_disk_use=True)
    if not selection.rest:
        found = found.limit(limit)
    async for document in found:
        yield document


async def _sorted(
    reading: Reading, selection: Selection, sort: tuple[Sort, ...], cursor: Cursor | None, limit: int
) -> AsyncIterator[Document]:
    """Computed keys: a missing one as text that sorts last in its direction."""
    names = [f"s{place}" for place in range(len(sort))]
    computed = {
        name: {"$ifNull": [f"${path_of(key)}", "" if key.descending else LAST]}
        for name, key in zip(names, sort, strict=True)
    }
    ways = [-1 if key.descending else 1 for key in sort]
    pipeline: list[Document] = [{"$match": selection.where}, {"$addFields": computed}]
    if cursor:
        pipeline.append({"$match": _after(names, sort, cursor, sort[0].descending)})
    pipeline.append({"$sort": {**dict(zip(names, ways, strict=True)), "n": ways[0]}})
    if not selection.rest:
        pipeline.append({"$limit": limit})
    pipeline.append({"$project": _fields(sort)})
    collection = reading.database["entry"]
    asked = collection.aggregate(pipeline, session=reading.session, allowDiskUse=True, batchSize=BATCH)
    async with await asked as found:
        async for document in found:
            yield document


def _after(names: Sequence[str], sort: Sequence[Sort], cursor: Cursor, descending: bool) -> Document:
    """Rows that come after the cursor, key by key, at last by number."""
    if not names:
        return {"n": {"$lt" if descending else "$gt": cursor[-1]}}
    rest = _after(names[1:], sort[1:], cursor[1:], descending)
    key = sort[0]
    value = cursor[0] if cursor[0] is not None else "" if key.descending else LAST
    return {"$or": [{names[0]: {"$lt" if key.descending else "$gt": value}}, {"$and": [{names[0]: value}, rest]}]}
