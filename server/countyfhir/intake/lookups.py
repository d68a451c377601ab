"""Rows of other tables of a source, by key. They are held in memory: only the columns that a mapping names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from countyfhir.intake.readers.formats import READERS
from countyfhir.intake.reading import Unreadable
from countyfhir.mapping.record import Context, Lookup, RecordMapping, Row

Table = dict[str, Row]


@dataclass(slots=True)
class Tables:
    """The looked-up tables of one run, each read once. ``missing`` names those that are not there."""

    read: dict[tuple[Path, str, tuple[str, ...]], Table] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)

    def context(self, mapping: RecordMapping, folder: Path) -> Context:
        """What records of the mapping can look up in the files of ``folder``."""
        return Context({lookup.name: self.finder(lookup, folder) for lookup in mapping.lookups})

    def finder(self, lookup: Lookup, folder: Path) -> Callable[[str], Row | None]:
        path = folder / lookup.file
        place = (path, lookup.key, lookup.columns)
        if place not in self.read:
            self.read[place] = self.table(lookup, path)
        return self.read[place].get

    def table(self, lookup: Lookup, path: Path) -> Table:
        """The rows by key; of several with one key the last. An absent or unreadable table is empty."""
        reader = READERS[lookup.format.format]
        table: Table = {}
        try:
            if not path.exists() or reader.inspect(path, lookup.format).problem:
                raise Unreadable(lookup.file)
            for record in reader.records(path, lookup.format):
                key = record.row.get(lookup.key)
                if key is not None and record.problem is None and not record.deleted:
                    table[str(key).strip()] = {name: record.row.get(name) for name in lookup.columns}
        except Unreadable:
            self.missing.add(lookup.file)
        return table
