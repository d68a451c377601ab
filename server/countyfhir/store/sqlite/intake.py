"""The ledger of legacy records and the quarantine in SQLite (DESIGN decision 10)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import apsw
import msgspec

from countyfhir.exchange import Account, SourceRecord
from countyfhir.store import instant
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.reading import Readers
from countyfhir.store.sqlite.writing import Transaction, Writer

PAGE = 500

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SourceRecord).decode

INSERT = "INSERT INTO intake(source, key, outcome, held, recorded, record) VALUES (?, ?, ?, ?, ?, ?)"
HELD = "SELECT record FROM intake WHERE seq = ? AND held = 1"
LATEST = (
    "SELECT record FROM intake WHERE source = ? AND key = ? AND outcome IN ('stored',"
    " 'unchanged') ORDER BY seq DESC LIMIT 1"
)


class SqliteIntake:
    """``IntakeStore`` on one SQLite file."""

    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers, self._writer = readers, writer

    async def latest(self, source: str, keys: Sequence[str]) -> dict[str, SourceRecord]:
        """The last record of each key that was stored (or found unchanged); keys without one are absent."""

        def find(connection: apsw.Connection) -> dict[str, SourceRecord]:
            found = {key: fetch(connection, LATEST, (source, key)) for key in dict.fromkeys(keys)}
            return {key: _decode(rows[0][0]) for key, rows in found.items() if rows}

        return await self._readers.run(find, limited=False)

    async def append(self, records: Sequence[SourceRecord]) -> None:
        """Keep what became of legacy records; quarantined ones keep their raw bytes."""
        account = Account(tuple(records))
        await self._writer.run(lambda: lambda _: lambda transaction: remember(transaction, account))

    async def quarantined(self, source: str | None = None, after: int = 0) -> AsyncIterator[tuple[int, SourceRecord]]:
        """What still lies in quarantine and came after that sequence, oldest first, as (sequence, record)."""
        while True:
            page = await self._readers.run(lambda connection, after=after: _held(connection, source, after))  # type: ignore[misc]
            for sequence, record in page:
                yield sequence, _decode(record)
            if len(page) < PAGE:
                return
            after = page[-1][0]

    async def release(self, sequence: int) -> None:
        """Take a record out of quarantine (it was replayed or given up); the ledger keeps it, without its raw bytes."""

        account = Account((), (sequence,))
        await self._writer.run(lambda: lambda _: lambda transaction: remember(transaction, account))

    async def held(self, sequence: int) -> SourceRecord | None:
        """One record that lies in quarantine, or None."""
        rows = await self._readers.run(lambda connection: fetch(connection, HELD, (sequence,)), limited=False)
        return _decode(rows[0][0]) if rows else None


def remember(transaction: Transaction, account: Account) -> None:
    """Write the rows of an account, and take out of quarantine what it releases, inside a transaction."""
    connection = transaction.connection
    if account.ledger:
        connection.executemany(INSERT, [_row(record) for record in account.ledger])
    for sequence in account.released:
        for (record,) in fetch(connection, HELD, (sequence,)):
            kept = _encode(replace(_decode(record), raw=None))
            connection.execute("UPDATE intake SET held = 0, record = ? WHERE seq = ?", (kept, sequence))


def _row(record: SourceRecord) -> tuple[object, ...]:
    dated = record if record.recorded else replace(record, recorded=instant.now())
    held = dated.outcome == "quarantined"
    kept = dated if held else replace(dated, raw=None)
    return dated.source, dated.key, dated.outcome, held, dated.recorded, _encode(kept)


def _held(connection: apsw.Connection, source: str | None, after: int) -> list[tuple[int, bytes]]:
    narrowed, bindings = ("source = ? AND", (source,)) if source is not None else ("", ())
    sql = f"SELECT seq, record FROM intake WHERE {narrowed} held = 1 AND seq > ? ORDER BY seq LIMIT {PAGE}"
    return fetch(connection, sql, (*bindings, after))
