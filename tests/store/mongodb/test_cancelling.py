"""What is cancelled ends, whatever it is asking the driver at that moment: a server that is told to stop stops."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from countyfhir.store.mongodb import MongoStore
from countyfhir.store.ports import HistoryQuery

from .opened import told

TIMES = 60
PATIENCE = 10.0


async def cancelled(work: Callable[[], Awaitable[object]], moments: random.Random) -> int:
    """Begin the work, cancel it at a moment of its life, many times; how often it answered all the same."""
    answered = begun_only = 0
    for _ in range(TIMES):
        task = asyncio.ensure_future(work())
        for _ in range(moments.randrange(1, 40)):  # turns of the loop, whatever time they take
            await asyncio.sleep(0)
        if task.done():
            continue
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        assert done, "it goes on"
        begun_only += 1
        answered += not task.cancelled()
    assert begun_only > TIMES / 4, "the moments tell nothing"
    return answered


def test_a_read_that_is_cancelled_does_not_answer() -> None:
    """Nobody waits for it, and who goes round in circles would go on."""

    async def story(store: MongoStore) -> None:
        history = HistoryQuery("Patient", count=1)
        for work in (lambda: store.resources.history(history), lambda: store.resources.read("Patient", "p")):
            assert await cancelled(work, random.Random(3)) == 0

    told(story)


def test_following_the_database_ends() -> None:
    """It goes on until it is cancelled, and no longer."""

    async def story(store: MongoStore) -> None:
        assert await cancelled(store.attend, random.Random(5)) == 0

    told(story)
