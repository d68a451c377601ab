"""The index of persons in SQLite: reads on the event loop, each a few look-ups by key (docs/persons.md)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import apsw
import msgspec

from countyfhir.store.ports import PersonDecision, PersonRecord
from countyfhir.store.sqlite.connecting import ThreadConnections, fetch
from countyfhir.store.sqlite.faults import translated
from countyfhir.store.sqlite.reading import snapshot
from countyfhir.store.sqlite.writing import Transaction, Writer

COLUMNS = "patient, version, features, keys, person"
KEYED = "SELECT number FROM person_key WHERE key = ? LIMIT ?"
FINISHED = "UPDATE person_record SET version = max(version, ?) WHERE patient = ?"
CHANGES = "SELECT value FROM setting WHERE name = 'person changes'"
CHANGED = (
    "INSERT INTO setting(name, value) VALUES ('person changes', 1)"
    " ON CONFLICT(name) DO UPDATE SET value = value + 1 RETURNING value"
)
KEY = "INSERT OR IGNORE INTO person_key VALUES (?, ?)"
NUMBERED = f"SELECT {COLUMNS} FROM person_record WHERE number = ?"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PersonDecision).decode


class SqlitePersons:
    """``PersonStore`` on one SQLite file."""

    def __init__(self, connections: ThreadConnections, writer: Writer) -> None:
        self._connections, self._writer = connections, writer

    async def enter(self, records: Sequence[PersonRecord], finished: Mapping[str, int] = MappingProxyType({})) -> int:
        """Keep these records, durable, and note what is finished."""
        known = [(version, patient) for patient, version in finished.items()]

        def enter(transaction: Transaction) -> int:
            rows = [row for record in records for row in _enter(transaction.connection, record)]
            transaction.connection.executemany(KEY, sorted(rows))  # neighbours in the file one after the other
            transaction.connection.executemany(FINISHED, known)
            return _changed(transaction.connection) - 1

        if records or known:
            return await self._writer.run(lambda: lambda _: enter)
        return await self.changes()

    async def changes(self) -> int:
        """How often the index was changed."""
        with translated():
            rows = fetch(self._connections.mine(), CHANGES)
        return int(rows[0][0]) if rows else 0

    async def leave(self, patients: Sequence[str]) -> None:
        """Forget these records."""

        def leave(transaction: Transaction) -> None:
            for patient in patients:
                rows = fetch(
                    transaction.connection, "SELECT number, keys FROM person_record WHERE patient = ?", (patient,)
                )
                for number, keys in rows:
                    _forget_keys(transaction.connection, number, _unpacked(keys))
                    transaction.connection.execute("DELETE FROM person_record WHERE number = ?", (number,))
            _changed(transaction.connection)

        if patients:
            await self._writer.run(lambda: lambda _: leave)

    async def records(self, patients: Sequence[str]) -> dict[str, PersonRecord]:
        """Those that are there."""
        return self._found(f"SELECT {COLUMNS} FROM person_record WHERE patient = ?", ((one,) for one in patients))

    async def mates(self, keys: Sequence[int], most: int) -> dict[str, PersonRecord]:
        """The records that share one of the keys, of keys that at most ``most`` records share. Two records of a person
        share many keys: each is read once."""
        numbers: dict[tuple[int], None] = {}
        connection = self._connections.mine()
        with translated(), snapshot(connection):
            for key in sorted(set(keys)):
                rows = fetch(connection, KEYED, (key, most + 1))
                if len(rows) <= most:
                    numbers.update(dict.fromkeys(rows))
            found = (row for number in numbers for row in fetch(connection, NUMBERED, number))
            return {row[0]: _record(row) for row in found}

    async def members(self, persons: Sequence[str]) -> dict[str, PersonRecord]:
        """The records that belong to these golden records."""
        return self._found(f"SELECT {COLUMNS} FROM person_record WHERE person = ?", ((one,) for one in persons))

    def _found(self, sql: str, asked: Iterable[tuple[str]]) -> dict[str, PersonRecord]:
        connection = self._connections.mine()
        with translated(), snapshot(connection):
            rows = [row for bindings in dict.fromkeys(asked) for row in fetch(connection, sql, bindings)]
        return {row[0]: _record(row) for row in rows}

    async def settle(self, persons: Mapping[str, tuple[str | None, int]]) -> None:
        """Patient -> the golden record it now belongs to, and the version up to which that is known."""
        rows = [(patient, version, person) for patient, (person, version) in persons.items()]
        sql = (
            "INSERT INTO person_record(patient, version, person, keys, features) VALUES (?, ?, ?, x'', x'')"
            " ON CONFLICT(patient) DO UPDATE SET person = excluded.person, version = max(version, excluded.version)"
        )
        if rows:
            await self._writer.run(lambda: lambda _: lambda transaction: transaction.connection.executemany(sql, rows))

    async def linked(self, patients: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each id that has others: all ids of its person."""
        found = {}
        with translated():
            connection = self._connections.mine()
            for patient in dict.fromkeys(patients):
                rows = fetch(connection, "SELECT person FROM person_record WHERE patient = ?", (patient,))
                person = rows[0][0] if rows else patient
                sql = "SELECT patient FROM person_record WHERE person = ? ORDER BY patient"
                members = [one for (one,) in fetch(connection, sql, (person,))] if person is not None else []
                if members:
                    found[patient] = (person, *members)
        return found

    async def decide(self, decisions: Sequence[PersonDecision], forgotten: Sequence[tuple[str, str]] = ()) -> None:
        """Keep decisions, and forget those of pairs."""
        gone = [(_pair(*pair),) for pair in forgotten]
        rows = [(_pair(one.a, one.b), one.a, one.b, _encode(one)) for one in decisions]

        def decide(transaction: Transaction) -> None:
            transaction.connection.executemany("DELETE FROM person_decision WHERE pair = ?", gone)
            transaction.connection.executemany("INSERT OR REPLACE INTO person_decision VALUES (?, ?, ?, ?)", rows)
            _changed(transaction.connection)

        await self._writer.run(lambda: lambda _: decide)

    async def decisions(self, patients: Sequence[str]) -> list[PersonDecision]:
        """Those about any of the records."""
        found: dict[str, bytes] = {}
        with translated():
            connection = self._connections.mine()
            for patient in dict.fromkeys(patients):
                for side in "ab":
                    sql = f"SELECT pair, decision FROM person_decision WHERE {side} = ?"
                    found.update(fetch(connection, sql, (patient,)))
        return [_decode(found[pair]) for pair in sorted(found)]

    async def seen(self, sequence: int | None = None) -> int:
        """The last change the index is known to have looked at; with an argument, set first."""
        if sequence is not None:
            sql = "UPDATE setting SET value = ? WHERE name = 'persons'"
            await self._writer.run(
                lambda: lambda _: lambda transaction: transaction.connection.execute(sql, (sequence,))
            )
        with translated():
            return int(fetch(self._connections.mine(), "SELECT value FROM setting WHERE name = 'persons'")[0][0])

    async def clear(self) -> None:
        """Forget every record."""

        def clear(transaction: Transaction) -> None:
            transaction.connection.execute("DELETE FROM person_key")
            transaction.connection.execute("DELETE FROM person_record")
            transaction.connection.execute("UPDATE setting SET value = 0 WHERE name = 'persons'")
            _changed(transaction.connection)

        await self._writer.run(lambda: lambda _: clear)


def _enter(connection: apsw.Connection, record: PersonRecord) -> list[tuple[int, int]]:
    """The keys to be written of a record that was entered."""
    packed = _packed(record.keys)
    rows = fetch(connection, "SELECT number, keys FROM person_record WHERE patient = ?", (record.patient,))
    if rows:
        number, before = rows[0]
        connection.execute(
            "UPDATE person_record SET version = ?, keys = ?, features = ? WHERE number = ?",
            (record.version, packed, record.features, number),
        )
        if before == packed:
            return []
        _forget_keys(connection, number, set(_unpacked(before)) - set(record.keys))
    else:
        number = fetch(
            connection,
            "INSERT INTO person_record(patient, version, person, keys, features) VALUES (?, ?, ?, ?, ?)"
            " RETURNING number",
            (record.patient, record.version, record.person, packed, record.features),
        )[0][0]
    return [(key, number) for key in record.keys]


def _changed(connection: apsw.Connection) -> int:
    """Count a change; the number of it."""
    return int(fetch(connection, CHANGED)[0][0])


def _forget_keys(connection: apsw.Connection, number: int, keys: Iterable[int]) -> None:
    connection.executemany("DELETE FROM person_key WHERE key = ? AND number = ?", [(key, number) for key in keys])


def _packed(keys: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(keys)}q", *keys)


def _unpacked(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(packed) // 8}q", packed)


def _record(row: tuple[Any, ...]) -> PersonRecord:
    patient, version, features, keys, person = row
    return PersonRecord(patient, version, features, _unpacked(keys), person)


def _pair(a: str, b: str) -> str:
    return f"{min(a, b)} {max(a, b)}"
