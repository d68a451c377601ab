"""The embedded store, seen by who copies it (``store.copying``)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence

import apsw
import msgspec

from countyfhir.exchange import Stored
from countyfhir.search.relations import AUTHOR
from countyfhir.store import audit_groups
from countyfhir.store.authors import written_by
from countyfhir.store.copying import Kept, Row
from countyfhir.store.sqlite.audit_rows import INSERT_KEY
from countyfhir.store.sqlite.committing import relation_row, row_of
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.reading import Readers
from countyfhir.store.sqlite.resources import VERSIONS
from countyfhir.store.sqlite.rows import INSERT, numbered, shape
from countyfhir.store.sqlite.writing import Transaction, Writer

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

ROWS = {
    "author": (
        "SELECT v.seq, t.name, r.logical_id, (SELECT json_group_array(o.logical_id) FROM relation a"
        f" CROSS JOIN resource o ON o.rid = a.actor_rid WHERE a.rid = r.rid AND a.rule = '{AUTHOR}') AS authors"
        " FROM version v CROSS JOIN resource r ON r.rid = v.rid AND r.seq = v.seq"
        " CROSS JOIN resource_type t ON t.type_id = r.type_id"
        " WHERE v.seq > coalesce(?, 0) AND authors <> '[]' ORDER BY v.seq LIMIT ?"
    ),
    "audit": "SELECT seq, records FROM audit WHERE seq > coalesce(?, 0) ORDER BY seq LIMIT ?",
    "intake": (
        "SELECT seq, source, key, outcome, held, recorded, record FROM intake WHERE seq > coalesce(?, 0)"
        " ORDER BY seq LIMIT ?"
    ),
    "api_key": (
        "SELECT key_id, digest, revoked, created, record FROM api_key WHERE key_id > coalesce(?, '')"
        " ORDER BY key_id LIMIT ?"
    ),
    "person_decision": (
        "SELECT pair, a, b, decision FROM person_decision WHERE pair > coalesce(?, '') ORDER BY pair LIMIT ?"
    ),
    "job": (
        "SELECT job_id, kind, state, owner, lease_until, created, progress FROM job WHERE job_id > coalesce(?, '')"
        " ORDER BY job_id LIMIT ?"
    ),
    "subscription": (
        "SELECT subscription, owner, phase, since, number, stamp, due, failures, sent, error FROM subscription"
        " WHERE subscription > coalesce(?, '') ORDER BY subscription LIMIT ?"
    ),
    "notification": (
        "SELECT place, state, changed, reason, event FROM notification WHERE place > coalesce(?, '')"
        " ORDER BY place LIMIT ?"
    ),
}
TAKE = {
    "intake": "INSERT OR REPLACE INTO intake VALUES (?, ?, ?, ?, ?, ?, ?)",
    "api_key": "INSERT OR REPLACE INTO api_key VALUES (?, ?, ?, ?, ?)",
    "job": "INSERT OR REPLACE INTO job VALUES (?, ?, ?, ?, ?, ?, ?)",
    "person_decision": "INSERT OR REPLACE INTO person_decision VALUES (?, ?, ?, ?)",
    "subscription": "INSERT OR REPLACE INTO subscription VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0)",
    "notification": "INSERT OR REPLACE INTO notification VALUES (?, ?, ?, ?, ?)",
}
FORGET_AUTHORS = f"DELETE FROM relation WHERE rid = ? AND rule = '{AUTHOR}'"


class SqliteCopying:
    """``Copying`` on one SQLite file."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers, self._writer = readers, writer

    async def kept(self) -> Kept:
        """Secret and definitions version."""

        def read(connection: apsw.Connection) -> Kept:
            found = dict(fetch(connection, "SELECT name, value FROM setting"))
            return Kept(found["secret"], int(found["definitions"]), int(found["followed"]))

        return await self._readers.run(read, limited=False)

    async def take_kept(self, kept: Kept) -> None:
        """Have these from now on."""

        def take(transaction: Transaction) -> None:
            rows = [(kept.secret, "secret"), (kept.definitions, "definitions"), (kept.followed, "followed")]
            transaction.connection.executemany("UPDATE setting SET value = ? WHERE name = ?", rows)

        await self._writer.run(lambda: lambda _: take)

    async def last(self) -> int:
        """The greatest sequence number of a version; 0 when there is none."""
        sql = "SELECT coalesce(max(seq), 0) FROM version"
        return await self._readers.run(lambda connection: int(fetch(connection, sql)[0][0]))

    async def versions(self, after: int, count: int) -> list[Stored]:
        """The next versions in the order they were committed."""
        rows = await self._readers.run(lambda connection: fetch(connection, VERSIONS, (after, count)), limited=False)
        return [Stored(*row) for row in rows]

    async def take(self, versions: Sequence[Stored]) -> None:
        """Keep these versions as they are, in one transaction."""
        await self._writer.run(lambda: lambda _: lambda transaction: _take(transaction, versions))

    async def rows(self, ledger: str, after: int | str | None, count: int) -> list[Row]:
        """The next rows of a ledger."""
        sql = ROWS[ledger]
        found = await self._readers.run(lambda connection: fetch(connection, sql, (after, count)), limited=False)
        if ledger == "author":
            return [(seq, _encode([*owner, sorted(json.loads(authors))])) for seq, *owner, authors in found]
        if ledger == "audit":
            return [(seq, _encode(audit_groups.unpacked(records))) for seq, records in found]
        return [(row[0], _encode(row[1:])) for row in found]

    async def take_rows(self, ledger: str, rows: Sequence[Row]) -> None:
        """Keep these rows."""

        def take(transaction: Transaction) -> None:
            if ledger in TAKEN:
                TAKEN[ledger](transaction, rows)
                return
            values = [(name, *_decode(rest)) for name, rest in rows]
            transaction.connection.executemany(TAKE[ledger], values)

        await self._writer.run(lambda: lambda _: take)


def _take(transaction: Transaction, versions: Sequence[Stored]) -> None:
    connection, counted, current = transaction.connection, Counter[int](), Counter[int]()
    for version in versions:
        type_id = transaction.names.type_id(version.resource_type)
        key = (type_id, version.logical_id)
        rows = fetch(connection, "SELECT rid, seq, deleted FROM resource WHERE type_id = ? AND logical_id = ?", key)
        rid, before, deleted = rows[0] if rows else (transaction.new_rid(), 0, 1)
        if before is not None and before >= version.sequence:
            continue
        connection.execute(FORGET_AUTHORS, (rid,))  # they come again, as those of the present version
        state = (version.version_id, version.sequence, version.last_updated, version.deleted, version.patient)
        connection.execute("INSERT OR IGNORE INTO resource VALUES (?, ?, ?, 0, NULL, NULL, 1, NULL)", (rid, *key))
        connection.execute(
            "UPDATE resource SET version_id = ?, seq = ?, last_updated = ?, deleted = ?, patient = ? WHERE rid = ?",
            (*state, rid),
        )
        row = (version.sequence, rid, version.version_id, type_id, version.last_updated, version.method, version.body)
        connection.execute("INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        counted[type_id] += 1
        current[type_id] += (not version.deleted) - (not deleted)
    changes = [(count, current[type_id], type_id) for type_id, count in counted.items()]
    connection.executemany(
        "UPDATE resource_type SET versions = versions + ?, current = current + ? WHERE type_id = ?", changes
    )


def _take_authors(transaction: Transaction, rows: Sequence[Row]) -> None:
    for _, encoded in rows:
        kind, logical_id, authors = _decode(encoded)
        type_id = transaction.names.type_id(kind)
        rid = row_of(transaction, (type_id, logical_id))
        transaction.connection.execute(FORGET_AUTHORS, (rid,))
        made = numbered(shape(written_by(kind, logical_id, authors)), rid, type_id, transaction.names)
        related = [relation_row(transaction, row) for row in made["relation"]]
        transaction.connection.executemany(INSERT["relation"], related)


def _take_audit(transaction: Transaction, rows: Sequence[Row]) -> None:
    connection = transaction.connection
    for last, encoded in rows:
        group = audit_groups.decoded(encoded)
        there = [record for record in group if record is not None]
        instants = [record.recorded for record in there]
        values = (last, len(group), min(instants), max(instants), audit_groups.packed(group))
        connection.execute("INSERT OR REPLACE INTO audit VALUES (?, ?, ?, ?, ?)", values)
        keys = [(key, last) for key in audit_groups.keys_of(there)]
        connection.executemany(INSERT_KEY.replace("INSERT", "INSERT OR REPLACE"), keys)


TAKEN: dict[str, Callable[[Transaction, Sequence[Row]], None]] = {"author": _take_authors, "audit": _take_audit}
"""Ledgers that are more than rows of one table."""
