"""What the ledger remembers of events: under which keys a resource is found that stands for one, what was stated about
it, and where a reference leads whose event another resource stands for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from countyfhir.exchange import SourceRecord
from countyfhir.intake.events.statement import Statement
from countyfhir.store.ports import IntakeStore

KEYS, STATEMENTS, ALIASES, PERSONS, WAITING = (
    *("event-keys", "event-statements", "event-aliases", "event-persons", "event-waiting"),
)
"""Names in the ledger: digest of a key -> standing resources; standing resource -> statements; own reference ->
standing one; Patient -> digests of its evidence; Patient -> standing resources whose person was not yet known."""


@dataclass(slots=True)
class Index:
    """The ledger's rows of events, kept while a batch lasts, so that a record sees what those before it state."""

    ledger: IntakeStore
    rows: dict[tuple[str, str], SourceRecord | None] = field(default_factory=dict)
    golden: dict[str, str | None] = field(default_factory=dict)
    """Patient -> the golden record it is linked to, as far as was asked."""

    async def fetch(self, source: str, keys: Iterable[str]) -> None:
        """Reads rows that are not known yet."""
        wanted = sorted({key for key in keys if (source, key) not in self.rows})
        if wanted:
            found = await self.ledger.latest(source, wanted)
            self.rows |= {(source, key): found.get(key) for key in wanted}

    async def references(self, source: str, keys: Iterable[str]) -> list[str]:
        """What the rows lead to, each once."""
        listed = list(keys)
        await self.fetch(source, listed)
        rows = [self.rows[source, key] for key in listed]
        return list(dict.fromkeys(reference for row in rows if row is not None for reference in row.resources))

    async def statements(self, reference: str) -> list[Statement]:
        """What is stated about the event that a resource stands for."""
        await self.fetch(STATEMENTS, [reference])
        row = self.rows[STATEMENTS, reference]
        return [Statement(**one) for one in row.issues] if row is not None else []

    async def standing(self, reference: str) -> str:
        """The resource that stands for the event of a reference: itself, unless it was joined."""
        (found, *_) = await self.references(ALIASES, [reference]) or [reference]
        return found

    def put(
        self,
        like: SourceRecord,
        source: str,
        key: str,
        references: Iterable[str],
        issues: Iterable[dict[str, Any]] = (),
    ) -> SourceRecord:
        """A row that joins the ledger with the record ``like``."""
        row = replace(
            like, source=source, key=key, digest="", version_key="", resources=tuple(references), issues=tuple(issues)
        )
        self.rows[source, key] = row
        return row
