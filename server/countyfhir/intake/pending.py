"""The records that wait for the next transaction; no resource is in it twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from countyfhir.exchange import Ready, SourceRecord
from countyfhir.intake.reading import Record


@dataclass(frozen=True, slots=True)
class Entry:
    """A record to be stored: what it writes and deletes, and the rows of the ledger that follow. ``record`` is the row
    under its own key, ``subject`` the one under what it is a version of, where that is something else."""

    source: Record
    record: SourceRecord
    subject: SourceRecord | None
    writes: tuple[dict[str, Any], ...]
    delete: tuple[str, ...]
    shared: tuple[SourceRecord, ...]
    digest: str  # of the record as it was read
    ready: Mapping[str, Ready] = field(default_factory=dict)  # resources that were prepared with the record

    @property
    def rows(self) -> tuple[SourceRecord, ...]:
        """What the ledger remembers of the record itself."""
        return (self.record,) if self.subject is None else (self.record, self.subject)

    def references(self) -> set[str]:
        """Every resource the entry touches."""
        written = {f"{resource['resourceType']}/{resource['id']}" for resource in self.writes}
        return written | set(self.delete)


@dataclass(slots=True)
class Pending:
    """Entries in order, and what they touch."""

    entries: list[Entry] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    references: set[str] = field(default_factory=set)

    def touches(self, key: str, references: set[str]) -> bool:
        """Whether a record about this subject or one of these resources already waits."""
        return key in self.keys or not self.references.isdisjoint(references)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.keys |= {row.key for row in entry.rows}
        self.references |= entry.references()

    def take(self) -> list[Entry]:
        """All that waits; nothing waits any more."""
        entries, self.entries = self.entries, []
        self.keys, self.references = set(), set()
        return entries
