"""Rows that one write transaction still has to write: each table's in one go for all the plans that wait together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import apsw

from countyfhir.exchange import AuditRecord
from countyfhir.store.sqlite import audit_rows, full_text
from countyfhir.store.sqlite.rows import DELETE, INSERT, Row

COUNT = "UPDATE resource_type SET versions = versions + ?, current = current + ? WHERE type_id = ?"
VERSION = "INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?)"
TYPE = 3
"""Where the number of its type stands in a row of ``version``."""


@dataclass(slots=True)
class Pending:
    """Versions, index rows and audit records not written yet. ``rids`` are the resources whose index rows they are."""

    connection: apsw.Connection
    versions: list[Row] = field(default_factory=list)
    deleted: dict[str, list[Row]] = field(default_factory=dict)
    inserted: dict[str, list[Row]] = field(default_factory=dict)
    audit: list[AuditRecord] = field(default_factory=list)
    rids: set[int] = field(default_factory=set)
    current: Counter[int] = field(default_factory=Counter)  # by type number: more (or fewer) current resources

    def insert(self, rid: int, tables: dict[str, list[Row]]) -> None:
        """New index rows of a resource that has none of them."""
        self.rids.add(rid)
        for table, rows in tables.items():
            if table in self.inserted:
                self.inserted[table] += rows
            else:
                self.inserted[table] = rows.copy()

    def delete(self, rid: int, table: str, rows: Iterable[Row]) -> None:
        """Index rows of a resource that go."""
        self.rids.add(rid)
        self.deleted.setdefault(table, []).extend(rows)

    def write(self) -> None:
        """Write all of it: what is read from the tables now is what the plans so far made of them."""
        connection = self.connection
        if self.versions:
            connection.executemany(VERSION, self.versions)
            made = Counter(version[TYPE] for version in self.versions)
            connection.executemany(COUNT, [(count, self.current[kind], kind) for kind, count in made.items()])
        for table, rows in self.deleted.items():
            connection.executemany(DELETE[table], rows)
        for table, rows in self.inserted.items():
            connection.executemany(INSERT[table], rows)
        if self.inserted.get("full_text") and (
            not self.versions or full_text.is_due(self.versions[0][0], self.versions[-1][0])
        ):
            full_text.move(connection)
        if self.audit:
            audit_rows.insert(connection, self.audit)
        self.forget()

    def forget(self) -> None:
        """Begin anew with nothing to write."""
        for kept in (self.versions, self.deleted, self.inserted, self.audit, self.rids, self.current):
            kept.clear()
