"""Concepts into the index: as a stream, in pieces, invisible until all are there (imports), or at once (resources)."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import apsw

from countyfhir.model import json
from countyfhir.terminology import contents, schema
from countyfhir.terminology.concepts import Entry, value_of, value_text
from countyfhir.terminology.database import Database
from countyfhir.terminology.words import kept_words

AT_A_TIME = 5_000
_CLOSED_AT_A_TIME = 20_000


class Writer:
    """Writes one code system: ``with terminology.writer(header) as writer: writer.add(entry)``. At the end of the
    block the new content takes, in one step, the place of what had the same key; an exception leaves everything
    as it was. Memory does not grow with the number of concepts."""

    def __init__(self, database: Database, header: dict[str, Any], origin: str, key: str) -> None:
        self._database, self._origin, self._key = database, origin, key
        self._waiting: list[Entry] = []
        self.written = 0
        self._folds = not header.get("caseSensitive", False)
        body = {name: value for name, value in header.items() if name not in ("concept", "text")}
        with database.writing() as connection:
            left: list[Any] = connection.execute(
                "SELECT id FROM content WHERE origin=? AND key=? AND state=?", (origin, key, schema.COMING)
            ).fetchall()
            for (number,) in left:
                contents.drop(connection, number)
            self._content = contents.register(database, body, origin, key + "\n")
            connection.execute("UPDATE content SET state=?, key=? WHERE id=?", (schema.COMING, key, self._content))

    def __enter__(self) -> Self:
        return self

    def add(self, entry: Entry) -> None:
        """One more concept; of two with one code the first counts."""
        self._waiting.append(entry)
        if len(self._waiting) >= AT_A_TIME:
            self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            with self._database.writing() as connection:
                contents.drop(connection, self._content)
            return
        self._flush()
        close(self._database, self._content)
        with self._database.writing() as connection:
            contents.remove(connection, self._origin, "CodeSystem", self._key)
            connection.execute("UPDATE content SET state=? WHERE id=?", (schema.INDEXED, self._content))

    def _flush(self) -> None:
        if self._waiting:
            with self._database.writing() as connection:
                self.written += insert(connection, self._content, self._waiting, self._folds)
            self._waiting.clear()


def insert(connection: apsw.Connection, system: int, entries: Iterable[Entry], folds: bool) -> int:
    """Write concepts after those that are there; returns how many were new. ``folds``: codes differ not by case."""
    last: Any = connection.execute("SELECT max(id) FROM concept").fetchall()[0][0]
    number = (last or 0) + 1
    concepts, texts, properties, pending = [], [], [], []
    entries = list(entries)
    seen = _there(connection, system, entries)
    for entry in entries:
        code = entry.code
        if code in seen:
            continue
        seen.add(code)
        concepts.append(_row(number, system, entry, folds))
        others = (str(one["value"]) for one in entry.designations if one.get("value"))
        texts.append((number, kept_words((code, entry.display or "", *others))))
        properties += [
            (system, str(one.get("code")), value_text(value), number)
            for one in entry.properties
            if (value := value_of(one)) is not None
        ]
        pending += [(system, code, parent) for parent in entry.parents]
        pending += [(system, child, code) for child in entry.children]
        number += 1
    connection.executemany("INSERT INTO concept VALUES(?,?,?,?,?,?,?,?)", concepts)
    connection.executemany("INSERT INTO words(rowid, text) VALUES(?,?)", texts)
    connection.executemany("INSERT OR IGNORE INTO property VALUES(?,?,?,?)", properties)
    connection.executemany("INSERT INTO pending VALUES(?,?,?)", pending)
    return len(concepts)


def _there(connection: apsw.Connection, system: int, entries: Iterable[Entry]) -> set[str]:
    """The codes that an earlier piece has written."""
    asked = json.dumps([entry.code for entry in entries]).decode()
    sql = "SELECT code FROM concept WHERE system=? AND code IN (SELECT value FROM json_each(?))"
    return {code for (code,) in connection.execute(sql, (system, asked))}


def _row(number: int, system: int, entry: Entry, folds: bool) -> tuple[Any, ...]:
    more: dict[str, Any] = dict(entry.more)
    if entry.designations:
        more["designation"] = list(entry.designations)
    if entry.properties:
        more["property"] = list(entry.properties)
    if entry.extensions:
        more["extension"] = list(entry.extensions)
    flags = (schema.ABSTRACT if entry.abstract else 0) | (schema.INACTIVE if entry.inactive else 0)
    kept = json.dumps(more) if more else None
    lowered = entry.code.casefold() if folds else None
    return number, system, entry.code, lowered, entry.display, entry.definition, flags, kept


def close(database: Database, system: int) -> None:
    """From the parents that concepts name: the direct steps, and everything above each concept."""
    with database.writing() as connection:
        connection.execute(
            "INSERT OR IGNORE INTO edge SELECT c.id, p.id FROM pending JOIN concept c ON c.system=pending.system AND"
            " c.code=pending.child JOIN concept p ON p.system=pending.system AND p.code=pending.parent"
            " WHERE pending.system=?",
            (system,),
        )
        connection.execute("DELETE FROM pending WHERE system=?", (system,))
    found = database.first("SELECT min(id), max(id) FROM concept WHERE system=?", (system,))
    if found is None or found[0] is None:
        return
    for low in range(found[0], found[1] + 1, _CLOSED_AT_A_TIME):
        with database.writing() as connection:
            connection.execute(_CLOSE, (low, min(low + _CLOSED_AT_A_TIME - 1, found[1]), system))


_CLOSE = """
INSERT OR IGNORE INTO closure
WITH RECURSIVE up(descendant, ancestor) AS (
    SELECT child, parent FROM edge WHERE child BETWEEN ? AND ? AND child IN (SELECT id FROM concept WHERE system=?)
    UNION SELECT up.descendant, edge.parent FROM up JOIN edge ON edge.child=up.ancestor)
SELECT ancestor, descendant FROM up
"""
