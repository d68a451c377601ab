"""The clinical record in SQLite: read and vread on the event loop, searches on reader threads, commits by the
writer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import apsw

from countyfhir.exchange import ALL, Criteria, Grant, Plan, Stored
from countyfhir.outcome import FhirError
from countyfhir.search.entries import Entry
from countyfhir.search.query import Query
from countyfhir.search.relations import AUTHOR
from countyfhir.store.changed import Changed
from countyfhir.store.ports import Extract, Gathered, Gathering, HistoryPage, HistoryQuery, Page, Reindexed
from countyfhir.store.sqlite import gathering, history, reindexing
from countyfhir.store.sqlite.committing import is_checked_first, prepared, raise_definitions
from countyfhir.store.sqlite.connecting import ThreadConnections, fetch
from countyfhir.store.sqlite.faults import translated
from countyfhir.store.sqlite.names import Names
from countyfhir.store.sqlite.options import Options
from countyfhir.store.sqlite.reading import Readers, snapshot
from countyfhir.store.sqlite.rows import shape
from countyfhir.store.sqlite.search import matching_ids, visible_keys
from countyfhir.store.sqlite.search import page as search_page
from countyfhir.store.sqlite.writing import Transaction, Writer

READ = (
    "SELECT r.version_id, r.last_updated, v.body, v.method, r.seq, r.patient FROM resource r JOIN"
    " version v ON v.seq = r.seq"
    " WHERE r.type_id = ? AND r.logical_id = ?"
)
VREAD = (
    "SELECT v.version_id, v.last_updated, v.body, v.method, v.seq, r.patient FROM resource r JOIN"
    " version v ON v.rid = r.rid"
    " WHERE r.type_id = ? AND r.logical_id = ? AND v.version_id = ?"
)
LAST = "SELECT coalesce(max(seq), 0) FROM version"
VERSIONS = (
    "SELECT t.name, r.logical_id, v.version_id, v.last_updated, v.body, v.method, v.seq, r.patient FROM version v"
    " CROSS JOIN resource r ON r.rid = v.rid CROSS JOIN resource_type t ON t.type_id = v.type_id"
    " WHERE v.seq > ? ORDER BY v.seq LIMIT ?"
)
WROTE = (
    "SELECT 1 FROM resource r CROSS JOIN relation a ON a.rid = r.rid CROSS JOIN resource o ON o.rid = a.actor_rid"
    " WHERE r.type_id = ?1 AND r.logical_id = ?3 AND a.rule = ?4 AND o.type_id = ?2 AND o.logical_id = ?5"
)
SEEN_AT_ONCE, PATIENCE = 8, 0.005
"""So many keys are looked at on the event loop; what takes longer than so many seconds goes to a reader thread."""
DEFINITIONS = "SELECT value FROM setting WHERE name = 'definitions'"


class SqliteResources:
    """``ResourceStore`` on one SQLite file. ``definitions`` is the version this process made its index entries with."""

    def __init__(
        self, options: Options, names: Names, connections: ThreadConnections, readers: Readers, writer: Writer
    ) -> None:
        self._options, self._names = options, names
        self._connections, self._readers, self._writer = connections, readers, writer
        self.definitions = 0
        self.changed = Changed()

    async def read(self, resource_type: str, logical_id: str) -> Stored | None:
        """The current version (a deletion too), or None when the id was never used."""
        with translated():
            return self._read(self._connections.mine(), resource_type, logical_id)

    async def vread(self, resource_type: str, logical_id: str, version_id: int) -> Stored | None:
        """That version, or None."""
        if not 0 < version_id < 2**63:
            return None
        with translated():
            connection = self._connections.mine()
            type_id = self._names.type_id(connection, resource_type)
            rows = fetch(connection, VREAD, (type_id, logical_id, version_id))
        return Stored(resource_type, logical_id, *rows[0]) if rows else None

    async def read_many(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Stored]:
        """Current versions of many, in one snapshot; absent keys are absent."""
        with translated():
            connection = self._connections.mine()
            with snapshot(connection):
                found = {key: self._read(connection, *key) for key in dict.fromkeys(keys)}
        return {key: stored for key, stored in found.items() if stored is not None}

    def _read(self, connection: apsw.Connection, resource_type: str, logical_id: str) -> Stored | None:
        type_id = self._names.types.get(resource_type) or self._names.type_id(connection, resource_type)
        rows = fetch(connection, READ, (type_id, logical_id))
        return Stored(resource_type, logical_id, *rows[0]) if rows else None

    async def search(self, query: Query, grant: Grant = ALL) -> Page:
        """Matches the grant lets the caller see, includes likewise. FhirError timeout (503) past the time limit."""
        if query.total == "none" and query.count > 0 and query.resource_types and not self._occur(query.resource_types):
            return Page(())
        return await self._readers.run(
            lambda connection: search_page(connection, self._names, query, grant, self._options.include_limit)
        )

    def _occur(self, resource_types: Iterable[str]) -> bool:
        """Whether there ever was a resource of any of the types: if not, no thread has to look."""
        if any(name in self._names.types for name in resource_types):
            return True
        with translated():
            connection = self._connections.mine()
            return any(self._names.type_id(connection, name) is not None for name in resource_types)

    def shaped(self, entries: tuple[Entry, ...], references: tuple[tuple[str, str], ...]) -> object:
        """The rows of the index tables, but for what is a number only in the file."""
        return shape(entries, references)

    async def visible(self, keys: Iterable[tuple[str, str]], grant: Grant) -> set[tuple[str, str]]:
        """Those of the current, undeleted resources that the grant lets the caller see."""
        wanted = list(dict.fromkeys(keys))

        def look(connection: apsw.Connection) -> set[tuple[str, str]]:
            return visible_keys(connection, self._names, wanted, grant)

        if len(wanted) <= SEEN_AT_ONCE:
            with suppress(FhirError):
                return self._readers.here(look, PATIENCE)
        return await self._readers.run(look)

    async def gather(self, wanted: Sequence[Gathering]) -> Gathered:
        """Every match of each, all from one snapshot, without a time limit."""
        return await self._readers.run(
            lambda connection: gathering.gathered(connection, self._names, wanted), limited=False
        )

    async def history(self, query: HistoryQuery, grant: Grant = ALL) -> HistoryPage:
        """Versions that match. The caller checks ``grant`` by ``visible``: old versions have no index entries."""
        return await self._readers.run(lambda connection: history.page(connection, self._names, query))

    async def commit(self, plan: Plan) -> tuple[Stored, ...]:
        """All writes of the plan, or none; ConditionFailed or ReferencedStill when a condition fails. Durable."""
        steps = prepared(plan, self.definitions, self._finds)
        stored = await self._writer.run(steps, checked_first=is_checked_first(plan))
        self.changed.announce(one.resource_type for one in plan.writes)
        return stored

    async def last_sequence(self) -> int:
        """The sequence of the newest version; 0 when there is none."""
        with translated():
            return int(fetch(self._connections.mine(), LAST)[0][0])

    async def changes(self, after: int, count: int) -> list[Stored]:
        """The next versions in the order they were committed."""
        return await self._readers.run(
            lambda connection: [Stored(*row) for row in fetch(connection, VERSIONS, (after, count))], limited=False
        )

    @staticmethod
    def _finds(transaction: Transaction, criteria: Criteria) -> frozenset[str]:
        limit = len(criteria.logical_ids) + 1
        return matching_ids(transaction.connection, transaction.seen, criteria.query, limit)

    async def reindex(
        self, extract: Extract, *, resource_types: Iterable[str] | None = None, after: int = 0, count: int = 200
    ) -> Reindexed:
        """Make the index entries of the next ``count`` current resources anew; go on with the returned ``after``."""
        kinds, definitions = None if resource_types is None else tuple(resource_types), self.definitions
        batch = await self._readers.run(
            lambda connection: reindexing.read_batch(connection, self._names, extract, kinds, after, count),
            limited=False,
        )
        return await self._writer.run(reindexing.writing(batch, definitions))

    async def purge_history(self, resource_type: str, logical_id: str) -> int:
        """Remove all versions but the current one; returns how many."""

        def purge(transaction: Transaction) -> int:
            transaction.connection.execute(
                "DELETE FROM version WHERE seq IN (SELECT v.seq FROM version v JOIN resource r ON r.rid = v.rid"
                " JOIN resource_type t USING (type_id) WHERE t.name = ? AND r.logical_id = ? AND v.seq <> r.seq)",
                (resource_type, logical_id),
            )
            removed = transaction.connection.changes()
            transaction.connection.execute(
                "UPDATE resource_type SET versions = versions - ? WHERE name = ?", (removed, resource_type)
            )
            return removed

        return await self._writer.run(lambda: lambda _: purge)

    async def wrote_first(self, resource_type: str, logical_id: str, organizations: Iterable[str]) -> bool:
        """Whether one of these Organizations wrote the resource first; of a deleted one until it is written again."""
        with translated():
            connection = self._connections.mine()
            kinds = [self._names.type_id(connection, name) for name in (resource_type, "Organization")]
            rows = [fetch(connection, WROTE, (*kinds, logical_id, AUTHOR, one)) for one in organizations]
        return any(rows)

    async def definitions_version(self) -> int:
        """The version of the search definitions the database is at."""
        with translated():
            return int(fetch(self._connections.mine(), DEFINITIONS)[0][0])

    async def raise_definitions_version(self) -> int:
        """Count the version up: commits of processes that still work with the old one fail until they reload."""

        return await self._writer.run(lambda: lambda _: raise_definitions)
