"""Audit records are kept as many days as set, and for good when none is set."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from countyfhir.audit.retention import DAY, expire, expire_forever
from countyfhir.exchange import AuditRecord
from countyfhir.store import sqlite

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1000 * DAY


@pytest.mark.parametrize(("days", "kept"), [(0, [999, 998, 1]), (2, [999, 998]), (1, [999]), (5000, [999, 998, 1])])
def test_records_are_removed_after_their_days(tmp_path: Path, days: int, kept: list[int]) -> None:
    """The day itself still counts; 0 removes nothing."""

    async def scenario() -> None:
        store = sqlite.open(tmp_path / "store.sqlite")
        await store.audit.append(
            [AuditRecord(day * DAY, "read", "R", "0", "x", patients=("1",)) for day in (1, 998, 999)]
        )
        assert await expire(store.audit, days, NOW) == 3 - len(kept)
        rows, _ = await store.audit.find({"patient": "1"}, count=10, cursor=None)
        assert [record.recorded // DAY for _, record in rows] == kept
        await store.close()

    asyncio.run(scenario())


def test_it_goes_on_by_itself(tmp_path: Path) -> None:
    """A record that grows old while the server runs is removed, too."""

    async def scenario() -> None:
        store = sqlite.open(tmp_path / "store.sqlite")
        await store.audit.append([AuditRecord(NOW, "read", "R", "0", "x")])
        looks = 0

        def clock() -> int:
            nonlocal looks
            looks += 1
            return (NOW + looks * DAY // 2) * 1000

        task = asyncio.create_task(expire_forever(store.audit, 1, pause=0.001, clock=clock))
        async with asyncio.timeout(5):
            while looks < 5:  # noqa: ASYNC110 - the task has nothing else to wait for
                await asyncio.sleep(0.002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await store.audit.find({}, count=1, cursor=None) == ([], None)
        await store.close()

    asyncio.run(scenario())
