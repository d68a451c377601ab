"""A clock that jumps, backwards too, turns back neither lastUpdated nor the order of the history, on both stores and
across a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from countyfhir.exchange import Plan
from countyfhir.store import instant
from countyfhir.store.ports import HistoryQuery
from tests.contract.conftest import FACTORIES
from tests.contract.samples import delete, write

DAY = 86_400_000_000
JUMPS = (0, 10, -DAY, -DAY + 1, 5, -365 * DAY, DAY, -1, 2 * DAY, 0)


@pytest.mark.parametrize("kind", FACTORIES)
def test_time_never_goes_back(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes whose clocks disagree write one resource, delete it, write it again."""
    open_store = FACTORIES[kind](tmp_path)
    start = instant.now()
    clock: Iterator[int] = (start + jump for jump in (*JUMPS, *JUMPS, *JUMPS))
    monkeypatch.setattr(instant, "now", lambda: next(clock, start - DAY))

    async def story() -> None:
        for _ in range(2):
            first, second = await open_store(), await open_store()
            for number in range(8):
                store = first if number % 2 else second
                one = delete("Patient", "p") if number == 3 else write("Patient", "p", text=str(number))
                await store.resources.commit(Plan((one, write("Patient", f"q{number}"))))
            for query in (HistoryQuery("Patient", "p"), HistoryQuery("Patient"), HistoryQuery()):
                versions = (await first.resources.history(query)).versions
                assert [each.last_updated for each in versions] == sorted(
                    (each.last_updated for each in versions), reverse=True
                )
                assert [each.sequence for each in versions] == sorted(
                    (each.sequence for each in versions), reverse=True
                )
            mine = (await first.resources.history(HistoryQuery("Patient", "p"))).versions
            assert [each.version_id for each in mine] == list(range(len(mine), 0, -1))
            since = mine[len(mine) // 2].last_updated
            newer = (await first.resources.history(HistoryQuery("Patient", "p", since=since))).versions
            assert set(newer) >= set(mine[: len(mine) // 2 + 1])
            await first.close()
            await second.close()

    asyncio.run(story())
