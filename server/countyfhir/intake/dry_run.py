"""A rehearsal: everything is read, mapped, compared and checked; nothing is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from countyfhir.exchange import SourceRecord
from countyfhir.store.ports import IntakeStore


class Rehearsal:
    """An ``IntakeStore`` that reads from the real ledger and keeps what is new in a ``scratch`` one, which is thrown
    away."""

    def __init__(self, real: IntakeStore, scratch: IntakeStore) -> None:
        self._real, self._scratch = real, scratch

    async def latest(self, source: str, keys: Sequence[str]) -> dict[str, SourceRecord]:
        """What the rehearsal kept wins over the real ledger."""
        known = await self._real.latest(source, keys)
        return known | await self._scratch.latest(source, keys)

    async def append(self, records: Sequence[SourceRecord]) -> None:
        """Kept beside the real ledger."""
        await self._scratch.append(records)

    async def quarantined(self, source: str | None = None, after: int = 0) -> AsyncIterator[tuple[int, SourceRecord]]:
        """What really lies in quarantine."""
        held: Any = self._real.quarantined(source, after)
        async for place, record in held:
            yield place, record

    async def held(self, sequence: int) -> SourceRecord | None:
        """One record that really lies in quarantine, or None."""
        return await self._real.held(sequence)

    async def release(self, sequence: int) -> None:
        """Nothing leaves the quarantine."""
