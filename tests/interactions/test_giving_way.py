"""Work in the background waits while somebody waits for an answer, and goes on when nobody does or it waited enough."""

from __future__ import annotations

import asyncio

from countyfhir.interactions import giving_way
from countyfhir.interactions.giving_way import Busy, quiet


def test_waits_for_requests_but_not_for_ever() -> None:
    """It goes on after the request, and, beside requests without end, after a bounded number of looks."""

    async def work() -> list[str]:
        busy, told = Busy(), []
        await quiet(busy)
        told.append("nobody asked")
        with busy:
            waiting = asyncio.create_task(quiet(busy))
            await asyncio.sleep(giving_way.LOOK * 3)
            told.append("went on" if waiting.done() else "waits")
        await waiting
        told.append("answered")
        with busy:
            await quiet(busy)
        told.append("went on beside them")
        return told

    assert asyncio.run(work()) == ["nobody asked", "waits", "answered", "went on beside them"]
