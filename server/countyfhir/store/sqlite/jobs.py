"""Jobs as leased rows: one process works on a job, another takes over when its lease runs out."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from countyfhir.store import instant
from countyfhir.store.ports import Job
from countyfhir.store.sqlite.connecting import ThreadConnections, fetch
from countyfhir.store.sqlite.faults import translated
from countyfhir.store.sqlite.writing import Transaction, Writer

COLUMNS = "job_id, kind, state, owner, lease_until, created, progress"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class SqliteJobs:
    """``JobStore`` on one SQLite file."""

    def __init__(self, connections: ThreadConnections, writer: Writer) -> None:
        self._connections, self._writer = connections, writer

    async def add(self, job_id: str, kind: str, progress: dict[str, Any]) -> bool:
        """Add a waiting job; false when there is one of this id."""
        row = (job_id, kind, instant.now(), _encode(progress))

        def add(transaction: Transaction) -> bool:
            sql = "INSERT OR IGNORE INTO job(job_id, kind, state, created, progress) VALUES (?, ?, 'waiting', ?, ?)"
            transaction.connection.execute(sql, row)
            return transaction.connection.changes() > 0

        return await self._writer.run(lambda: lambda _: add)

    async def lease(self, kind: str, owner: str, until: int) -> Job | None:
        """The oldest unfinished job of the kind that nobody holds, now held by ``owner`` until the instant."""

        def lease(transaction: Transaction) -> Job | None:
            rows = fetch(
                transaction.connection,
                "UPDATE job SET state = 'running', owner = ?, lease_until = ? WHERE job_id = (SELECT job_id FROM job"
                " WHERE kind = ? AND state IN ('waiting', 'running') AND lease_until <= ? ORDER BY"
                " created, job_id LIMIT 1)"
                f" RETURNING {COLUMNS}",
                (owner, until, kind, instant.now()),
            )
            return _job(rows[0]) if rows else None

        return await self._writer.run(lambda: lambda _: lease)

    async def report(
        self, job_id: str, owner: str, until: int, progress: dict[str, Any], state: str = "running"
    ) -> bool:
        """Renew the lease and keep the progress; ``state`` finished or failed ends the job. False: it is no longer
        ours."""
        bindings = (state, until, _encode(progress), job_id, owner)

        def report(transaction: Transaction) -> bool:
            sql = (
                "UPDATE job SET state = ?, lease_until = ?, progress = ? WHERE job_id = ? AND"
                " owner = ? AND state = 'running'"
            )
            transaction.connection.execute(sql, bindings)
            return transaction.connection.changes() > 0

        return await self._writer.run(lambda: lambda _: report)

    async def read(self, job_id: str) -> Job | None:
        """One job."""
        with translated():
            rows = _select(self._connections.mine(), "job_id = ?", job_id)
        return _job(rows[0]) if rows else None

    async def of_kind(self, kind: str) -> list[Job]:
        """All jobs of a kind, oldest first."""
        with translated():
            return [_job(row) for row in _select(self._connections.mine(), "kind = ?", kind)]


def _select(connection: apsw.Connection, where: str, value: str) -> list[tuple[Any, ...]]:
    return fetch(connection, f"SELECT {COLUMNS} FROM job WHERE {where} ORDER BY created, job_id", (value,))


def _job(row: tuple[Any, ...]) -> Job:
    return Job(*(*row[:-1], _decode(row[-1])))
