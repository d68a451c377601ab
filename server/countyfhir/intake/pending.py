"""The records that wait for the next transaction; no resource is in it twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from countyfhir.intake.reading import Record
from countyfhir.store.ports import SourceRecord


@dataclass(frozen=True, slots=True)
class Entry:
    """A record to be stored: what it writes and deletes, and the rows of the ledger that follow."""

    source: Record
    record: SourceRecord
    writes: tuple[dict[str, Any], ...]
    delete: tuple[str, ...]
    shared: tuple[SourceRecord, ...]
    digest: str  # of the record as it was read

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
        """Whether a record with this key or one of these resources already waits."""
        return key in self.keys or not self.references.isdisjoint(references)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.keys.add(entry.record.key)
        self.references |= entry.references()

    def take(self) -> list[Entry]:
        """All that waits; nothing waits any more."""
        entries, self.entries = self.entries, []
        self.keys, self.references = set(), set()
        return entries
