"""History of an instance, a type or everything, newest first, paged by sequence (R4 section 3.1.0.12).

The newest version of a resource lies in ``resource``, all others in ``version``: a page merges both.
"""

from __future__ import annotations

import heapq

from countyfhir.exchange import Stored
from countyfhir.store.mongodb.bodies import stored_of
from countyfhir.store.mongodb.reading import Document, Reading
from countyfhir.store.ports import HistoryPage, HistoryQuery

COLLECTIONS = ("resource", "version")


async def page(reading: Reading, query: HistoryQuery) -> HistoryPage:
    """The versions that match; ``total`` counts them all, not only from the cursor on."""
    if query.resource_types is not None and query.resource_type and query.resource_type not in query.resource_types:
        return HistoryPage((), None, 0)
    total = await _total(reading, query)
    if query.count <= 0:
        return HistoryPage((), None, total)
    found: list[list[Document]] = []
    for collection in COLLECTIONS:
        where = where_of(query, collection)
        if query.cursor is not None:
            where["s"] = {"$lt": query.cursor}
        cursor = reading.find(collection, where, sort=[("s", -1)], limit=query.count + 1, batch_size=query.count + 1)
        found.append(await cursor.to_list())
    merged = list(heapq.merge(*found, key=lambda document: -document["s"]))
    versions = tuple([await stored_of(reading, document) for document in merged[: query.count]])
    return HistoryPage(versions, versions[-1].sequence if len(merged) > query.count else None, total)


async def following(reading: Reading, after: int, upto: int, count: int) -> list[Stored]:
    """The first versions of a range of sequence numbers that is committed. No snapshot is needed: a version is in
    ``resource`` until, in one transaction, it moves to ``version``; looked at in this order it is met at least once."""
    where = {"s": {"$gt": after, "$lte": upto}}
    found = [await reading.find(name, where, sort=[("s", 1)], limit=count).to_list() for name in COLLECTIONS]
    once = {document["s"]: document for documents in found for document in documents}
    return [await stored_of(reading, once[sequence]) for sequence in sorted(once)[:count]]


def where_of(query: HistoryQuery, collection: str) -> Document:
    """What is asked of a collection."""
    where: Document = {}
    if query.logical_id is not None and query.resource_type is not None:
        where["_id" if collection == "resource" else "k"] = f"{query.resource_type}/{query.logical_id}"
    elif query.resource_type is not None:
        where["t"] = query.resource_type
    elif query.resource_types is not None:
        where["t"] = {"$in": sorted(query.resource_types)}
    if query.since is not None:
        where["u"] = {"$gte": query.since}
    if query.at is not None:
        low, high = query.at
        where["u"] = where.get("u", {}) | {"$lt": high}
        if collection == "version":
            where["e"] = {"$gt": low}
    return where


async def _total(reading: Reading, query: HistoryQuery) -> int:
    """Counted as versions are written; only a part of the time or one resource has to be counted now."""
    if query.logical_id is not None or query.since is not None or query.at is not None:
        counted = [
            await reading.database[name].count_documents(where_of(query, name), session=reading.session)
            for name in COLLECTIONS
        ]
        return sum(counted)
    clock = await reading.one("setting", {"_id": "clock"}, {"versions": 1})
    versions: dict[str, int] = clock["versions"]
    if query.resource_type is not None:
        return int(versions.get(query.resource_type, 0))
    return sum(
        count for name, count in versions.items() if query.resource_types is None or name in query.resource_types
    )
