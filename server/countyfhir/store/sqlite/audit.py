"""The audit store in SQLite: appended through the writer's groups, found by their keys (DESIGN decision 13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apsw

from countyfhir.exchange import AuditRecord
from countyfhir.store import audit_groups
from countyfhir.store.audit_groups import KEYS, TERMS, Numbered
from countyfhir.store.sqlite import audit_rows
from countyfhir.store.sqlite.connecting import ThreadConnections, fetch
from countyfhir.store.sqlite.faults import translated
from countyfhir.store.sqlite.reading import Readers
from countyfhir.store.sqlite.writing import Transaction, Writer

ONE = "SELECT seq, records FROM audit WHERE seq >= ? ORDER BY seq LIMIT 1"

EXPIRED_AT_ONCE = 10  # groups of one transaction


class SqliteAudit:
    """``AuditStore`` on one SQLite file."""

    def __init__(self, connections: ThreadConnections, readers: Readers, writer: Writer) -> None:
        self._connections, self._readers, self._writer = connections, readers, writer

    async def append(self, records: Sequence[AuditRecord]) -> None:
        """Durable when it returns."""
        await self._writer.run(lambda: lambda _: lambda transaction: audit_rows.insert(transaction.connection, records))

    async def find(
        self, criteria: Mapping[str, Any], *, count: int, cursor: int | None
    ) -> tuple[list[Numbered], int | None]:
        """Newest first, as (sequence, record), and the cursor of the next page. ValueError for an unknown criterion."""
        asked = audit_groups.asked(criteria)
        found = await self._readers.run(lambda connection: _newest(connection, asked, count + 1, cursor))
        page = found[:count]
        return page, page[-1][0] if page and len(found) > count else None

    async def read(self, sequence: int) -> AuditRecord | None:
        """One record."""
        if not 0 < sequence < 2**63:
            return None
        with translated():
            rows = fetch(self._connections.mine(), ONE, (sequence,))
        return (
            next((one for number, one in audit_groups.numbered(*rows[0]) if number == sequence), None) if rows else None
        )

    async def expire(self, before: int) -> int:
        """Remove records older than the instant, some groups a transaction; returns how many."""
        removed = 0
        while part := await self._writer.run(lambda: lambda _: lambda transaction: _expire(transaction, before)):
            removed += part
        return removed


def _newest(connection: apsw.Connection, asked: Mapping[str, Any], most: int, cursor: int | None) -> list[Numbered]:
    found: list[Numbered] = []
    for number, record in _candidates(connection, asked, cursor):
        if cursor is not None and number >= cursor:
            continue
        if all(TERMS[name](record, value) for name, value in asked.items()):
            found.append((number, record))
            if len(found) == most:
                break
    return found


def _candidates(connection: apsw.Connection, asked: Mapping[str, Any], cursor: int | None) -> Iterator[Numbered]:
    """The records of every group that may hold what is asked, newest first."""
    keys = [key for name, of in KEYS.items() if name in asked and (key := of(asked[name])) is not None]
    terms: list[str] = []
    bindings: list[Any] = []
    if keys:
        source, place = "audit_key k CROSS JOIN audit a ON a.seq = k.seq", "k.seq"
        terms.append("k.key = ?")
        bindings.append(keys[0])
    else:
        source, place = "audit a", "a.seq"
    for key in keys[1:]:
        terms.append("EXISTS (SELECT 1 FROM audit_key o WHERE o.key = ? AND o.seq = a.seq)")
        bindings.append(key)
    for term, name in (("a.high >= ?", "since"), ("a.low < ?", "until")):
        if name in asked:
            terms.append(term)
            bindings.append(asked[name])
    if cursor is not None:
        terms.append("a.seq - a.count + 1 < ?")
        terms.append(f"{place} < ? + {audit_groups.MOST}")
        bindings += [cursor, cursor]
    where = " AND ".join(terms) or "1"
    for last, kept in connection.execute(
        f"SELECT a.seq, a.records FROM {source} WHERE {where} ORDER BY {place} DESC", bindings
    ):
        yield from audit_groups.numbered(last, kept)


def _expire(transaction: Transaction, before: int) -> int:
    """Remove from the oldest groups; a group that is old as a whole goes with its keys."""
    connection = transaction.connection
    removed = 0
    rows = fetch(
        connection,
        "SELECT seq, high, records FROM audit WHERE low < ? ORDER BY low LIMIT ?",
        (before, EXPIRED_AT_ONCE),
    )
    for last, high, kept in rows:
        records = audit_groups.unpacked(kept)
        left = [record if record is not None and record.recorded >= before else None for record in records]
        removed += sum(record is not None for record in records) - sum(record is not None for record in left)
        if high < before:
            keys = audit_groups.keys_of(record for record in records if record is not None)
            connection.executemany("DELETE FROM audit_key WHERE key = ? AND seq = ?", [(key, last) for key in keys])
            connection.execute("DELETE FROM audit WHERE seq = ?", (last,))
        else:
            lowest = min(record.recorded for record in left if record is not None)
            connection.execute(
                "UPDATE audit SET low = ?, records = ? WHERE seq = ?", (lowest, audit_groups.packed(left), last)
            )
    return removed
