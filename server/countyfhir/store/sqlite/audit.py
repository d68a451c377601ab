"""The audit store in SQLite: appended through the writer's groups, found by indexed columns (DESIGN decision 13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import apsw

from countyfhir.exchange import AuditRecord
from countyfhir.store.sqlite import audit_rows
from countyfhir.store.sqlite.connecting import ThreadConnections, fetch
from countyfhir.store.sqlite.faults import translated
from countyfhir.store.sqlite.reading import Readers
from countyfhir.store.sqlite.writing import Transaction, Writer

TERMS: dict[str, str] = {
    "patient": "a.seq IN (SELECT p.seq FROM audit_patient p WHERE p.patient = ?)",
    "since": "a.recorded >= ?",
    "until": "a.recorded < ?",
    "principal": "a.principal = ?",
    "action": "a.action = ?",
    "interaction": "a.interaction = ?",
    "outcome": "a.outcome = ?",
    "resource": "a.resource_type = ? AND a.logical_id = ?",
}
"""What one can ask for. ``until`` is exclusive."""

ONE = f"SELECT {audit_rows.SELECTED} FROM audit a WHERE a.seq = ?"

EXPIRED_AT_ONCE = 5_000


class SqliteAudit:
    """``AuditStore`` on one SQLite file."""

    def __init__(self, connections: ThreadConnections, readers: Readers, writer: Writer) -> None:
        self._connections, self._readers, self._writer = connections, readers, writer

    async def append(self, records: Sequence[AuditRecord]) -> None:
        """Durable when it returns."""
        await self._writer.run(lambda: lambda _: lambda transaction: audit_rows.insert(transaction.connection, records))

    async def find(
        self, criteria: Mapping[str, Any], *, count: int, cursor: int | None
    ) -> tuple[list[tuple[int, AuditRecord]], int | None]:
        """Newest first, as (sequence, record), and the cursor of the next page. ValueError for an unknown criterion."""
        where, bindings = _where(criteria, cursor)

        def rows(connection: apsw.Connection) -> list[tuple[Any, ...]]:
            sql = f"SELECT a.seq, {audit_rows.SELECTED} FROM audit a WHERE {where} ORDER BY a.seq DESC LIMIT ?"
            return fetch(connection, sql, (*bindings, count + 1))

        found = await self._readers.run(rows)
        page = [(sequence, audit_rows.record_of(row)) for sequence, *row in found[:count]]
        return page, page[-1][0] if page and len(found) > count else None

    async def read(self, sequence: int) -> AuditRecord | None:
        """One record."""
        if not 0 < sequence < 2**63:
            return None
        with translated():
            rows = fetch(self._connections.mine(), ONE, (sequence,))
        return audit_rows.record_of(rows[0]) if rows else None

    async def expire(self, before: int) -> int:
        """Remove records older than the instant, a few thousand a transaction; returns how many."""
        removed = 0
        while part := await self._writer.run(lambda: lambda _: lambda transaction: _expire(transaction, before)):
            removed += part
        return removed


def _where(criteria: Mapping[str, Any], cursor: int | None) -> tuple[str, list[Any]]:
    unknown = criteria.keys() - TERMS.keys()
    if unknown:
        raise ValueError(f"audit records cannot be found by {', '.join(sorted(unknown))}")
    asked = {name: value for name, value in criteria.items() if value is not None}
    terms = [TERMS[name] for name in asked]
    bindings = [part for value in asked.values() for part in (value if isinstance(value, tuple) else (value,))]
    if cursor is not None:
        terms.append("a.seq < ?")
        bindings.append(cursor)
    return " AND ".join(terms) or "1", bindings


def _expire(transaction: Transaction, before: int) -> int:
    connection = transaction.connection
    old = fetch(connection, "SELECT seq FROM audit WHERE recorded < ? LIMIT ?", (before, EXPIRED_AT_ONCE))
    for (sequence,) in old:
        record = audit_rows.record_of(fetch(connection, ONE, (sequence,))[0])
        connection.executemany(
            "DELETE FROM audit_patient WHERE patient = ? AND seq = ?", [(name, sequence) for name in record.patients]
        )
    connection.executemany("DELETE FROM audit WHERE seq = ?", old)
    return len(old)
