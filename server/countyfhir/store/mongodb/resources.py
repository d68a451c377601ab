"""The clinical record in MongoDB: reads by key, searches in one snapshot, commits by the writer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import pymongo
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern

from countyfhir.exchange import ALL, Grant, Plan, Stored
from countyfhir.search.entries import Entry
from countyfhir.search.query import Query
from countyfhir.store.changed import Changed
from countyfhir.store.mongodb import committing, gathering, history, reindexing
from countyfhir.store.mongodb.bodies import stored_of
from countyfhir.store.mongodb.faults import NARROW, SLOW, translated
from countyfhir.store.mongodb.options import Options
from countyfhir.store.mongodb.reading import Document, Reading
from countyfhir.store.mongodb.search import page as search_page
from countyfhir.store.mongodb.transaction import Transaction
from countyfhir.store.mongodb.visible import visible_owners
from countyfhir.store.mongodb.writing import Writer
from countyfhir.store.ports import Extract, Gathered, Gathering, HistoryPage, HistoryQuery, Page, Reindexed

LISTED = 1_000


class MongoResources:
    """``ResourceStore`` on a MongoDB database. ``definitions`` is the version this process made its index entries
    with."""

    def __init__(
        self, database: AsyncDatabase[Document], searched: AsyncDatabase[Document], options: Options, writer: Writer
    ) -> None:
        self._database, self._searched, self._options, self._writer = database, searched, options, writer
        self.definitions = 0
        self.changed = Changed()

    async def read(self, resource_type: str, logical_id: str) -> Stored | None:
        """The current version (a deletion too), or None when the id was never used."""
        return await self._one("resource", f"{resource_type}/{logical_id}")

    async def vread(self, resource_type: str, logical_id: str, version_id: int) -> Stored | None:
        """That version, or None."""
        if not 0 < version_id < 2**63:
            return None
        owner = f"{resource_type}/{logical_id}"
        for _ in range(2):  # a version may be superseded between the two looks
            current = await self._one("resource", owner)
            if current is None or current.version_id == version_id:
                return current
            older = await self._one("version", f"{owner}/{version_id}")
            if older is not None or current.version_id < version_id:
                return older
        return None

    async def _one(self, collection: str, key: str) -> Stored | None:
        reading = Reading(self._database)
        with translated(), pymongo.timeout(self._options.time_limit):
            document = await reading.one(collection, {"_id": key})
            return await stored_of(reading, document) if document else None

    async def read_many(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Stored]:
        """Current versions of many, in one snapshot; absent keys are absent."""
        owners = [f"{kind}/{logical_id}" for kind, logical_id in dict.fromkeys(keys)]
        if not owners:
            return {}
        async with self._snapshot() as reading:
            found = []
            for start in range(0, len(owners), LISTED):
                listed = owners[start : start + LISTED]
                documents = await reading.find("resource", {"_id": {"$in": listed}}).to_list()
                found += [await stored_of(reading, document) for document in documents]
        return {(stored.resource_type, stored.logical_id): stored for stored in found}

    @asynccontextmanager
    async def _snapshot(self, *, limited: bool = True, late: str = SLOW) -> AsyncIterator[Reading]:
        """A reading of one state, ended by the time limit, if it is ``limited``. Where searches go to secondaries, they
        read what the primary had acknowledged when they began (causal consistency), each query for itself."""
        with translated(late), pymongo.timeout(self._options.time_limit if limited else None):
            if self._options.read_preference == "primary":
                async with self._database.client.start_session(snapshot=True) as session:
                    yield Reading(self._database.with_options(read_concern=ReadConcern()), session)
                return
            async with self._searched.client.start_session(causal_consistency=True) as session:
                await self._database.command("ping", session=session)
                yield Reading(self._searched, session)

    async def search(self, query: Query, grant: Grant = ALL) -> Page:
        """Matches the grant lets the caller see, includes likewise. FhirError timeout (503) past the time limit."""
        async with self._snapshot(late=NARROW) as reading:
            return await search_page(reading, query, grant, self._options.include_limit)

    async def gather(self, wanted: Sequence[Gathering]) -> Gathered:
        """Every match of each, all from one snapshot, without a time limit."""
        async with self._snapshot(limited=False) as reading:
            return await gathering.gathered(reading, wanted)

    def shaped(self, entries: tuple[Entry, ...], references: tuple[tuple[str, str], ...]) -> object:
        """Nothing: documents are made in the turn to write."""
        return None

    async def visible(self, keys: Iterable[tuple[str, str]], grant: Grant) -> set[tuple[str, str]]:
        """Those of the current, undeleted resources that the grant lets the caller see."""
        owners = {f"{kind}/{logical_id}": (kind, logical_id) for kind, logical_id in keys}
        async with self._snapshot() as reading:
            return {owners[owner] for owner in await visible_owners(reading, owners, grant)}

    async def history(self, query: HistoryQuery, grant: Grant = ALL) -> HistoryPage:
        """Versions that match. The caller checks ``grant`` by ``visible``: old versions have no index entries."""
        async with self._snapshot() as reading:
            return await history.page(reading, query)

    async def commit(self, plan: Plan) -> tuple[Stored, ...]:
        """All writes of the plan, or none; ConditionFailed or ReferencedStill when a condition fails. Durable."""
        made = committing.prepared(plan, self.definitions, self._options.body_bytes)
        stored = await self._writer.run(lambda transaction: committing.apply(transaction, made), made.weight)
        self.changed.announce(one.resource_type for one in plan.writes)
        return stored

    async def last_sequence(self) -> int:
        """The sequence of the newest version; 0 when there is none."""
        with translated():
            return int((await Reading(self._database).one("setting", {"_id": "clock"}, {"sequence": 1}))["sequence"])

    async def changes(self, after: int, count: int) -> list[Stored]:
        """The next versions in the order they were committed."""
        with translated():
            return await history.following(Reading(self._database), after, await self.last_sequence(), count)

    async def reindex(
        self, extract: Extract, *, resource_types: Iterable[str] | None = None, after: int = 0, count: int = 200
    ) -> Reindexed:
        """Make the index entries of the next ``count`` current resources anew; go on with the returned ``after``."""
        kinds, definitions = None if resource_types is None else tuple(resource_types), self.definitions
        with translated():
            batch = await reindexing.read_batch(Reading(self._database), extract, kinds, after, count)
        return await self._writer.run(lambda transaction: reindexing.write_batch(transaction, batch, definitions))

    async def purge_history(self, resource_type: str, logical_id: str) -> int:
        """Remove all versions but the current one; returns how many."""
        owner = f"{resource_type}/{logical_id}"

        async def purge(transaction: Transaction) -> int:
            await transaction.write()
            database, session = transaction.reading.database, transaction.reading.session
            large = [
                each["_id"]
                async for each in transaction.reading.find("version", {"k": owner, "c": {"$gt": 0}}, {"_id": 1})
            ]
            if large:
                await database["piece"].delete_many({"o": {"$in": large}}, session=session)
            removed = (await database["version"].delete_many({"k": owner}, session=session)).deleted_count
            transaction.counted[f"versions.{resource_type}"] -= removed
            return removed

        return await self._writer.run(purge)

    async def wrote_first(self, resource_type: str, logical_id: str, organizations: Iterable[str]) -> bool:
        """Whether one of these Organizations wrote the resource first; of a deleted one until it is written again."""
        where = {"_id": f"{resource_type}/{logical_id}", "by": {"$in": list(organizations)}}
        with translated():
            return await self._database["resource"].find_one(where, {"_id": 1}) is not None

    async def definitions_version(self) -> int:
        """The version of the search definitions the database is at."""
        with translated():
            clock = await self._database["setting"].find_one({"_id": "clock"}, {"definitions": 1})
        assert clock is not None
        return int(clock["definitions"])

    async def raise_definitions_version(self) -> int:
        """Count the version up: commits of processes that still work with the old one fail until they reload."""

        async def raised(transaction: Transaction) -> int:
            transaction.definitions += 1
            return transaction.definitions

        return await self._writer.run(raised)
