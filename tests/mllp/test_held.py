"""A message costs no more the more lies in quarantine, and what others take out of it counts as gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from countyfhir.exchange import SourceRecord
from countyfhir.mllp.held import Held
from countyfhir.store import sqlite
from countyfhir.store.ports import IntakeStore


class Counted:
    """A ledger that counts the records it is asked to show."""

    def __init__(self, ledger: IntakeStore) -> None:
        self.ledger, self.shown, self.held = ledger, 0, ledger.held

    async def quarantined(self, source: str | None = None, after: int = 0) -> AsyncIterator[tuple[int, SourceRecord]]:
        """What lies there."""
        async for pair in self.ledger.quarantined(source, after):
            self.shown += 1
            yield pair


def test_each_record_is_read_once(tmp_path: Path) -> None:
    """Whoever put it there; one that was released is held no more, and held again when it came again."""

    async def story() -> None:
        store = sqlite.open(tmp_path / "a.sqlite", synchronous="OFF")
        ledger, held = Counted(store.intake), Held("lab/results")
        row = SourceRecord("lab/results", "k", "a", "quarantined", "1", "f", 1, raw=b"a")
        digests = [f"{number:064x}" for number in range(40)]
        for digest in digests:
            await store.intake.append([SourceRecord("lab/results", "k", digest, "quarantined", "1", "f", 1, raw=b"a")])
            assert list(await held.of(digest, ledger)) == [digest]  # type: ignore[arg-type]
            assert await held.of("unknown", ledger) == {}  # type: ignore[arg-type]
        assert ledger.shown == len(digests)
        (place,) = (await held.of(digests[3], ledger)).values()  # type: ignore[arg-type]
        await store.intake.release(place)
        assert await held.of(digests[3], ledger) == {}  # type: ignore[arg-type]
        await store.intake.append([SourceRecord("other", "k", digests[3], "quarantined", "1", "f", 1, raw=b"a"), row])
        assert await held.of(digests[3], ledger) == {}  # type: ignore[arg-type]
        assert ledger.shown == len(digests) + 1
        await store.close()

    asyncio.run(story())
