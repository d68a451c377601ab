"""What is written, as it is written: for caches and subscriptions (DESIGN decision 7).

The sequence number says what was seen: commits have one order, so what comes after a number is all that is new, and a
follower goes on after a restart where it was. A change stream only wakes the follower at once; where there is none (it
was refused, its history is lost, the server is away) the follower looks again after a pause and misses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from countyfhir.exchange import Stored
from countyfhir.store.mongodb.bodies import stored_of
from countyfhir.store.mongodb.reading import Document, Reading

log = logging.getLogger(__name__)

AT_ONCE = 200
PAUSE = 1.0
"""Seconds between two looks without a change stream."""

Token = Mapping[str, Any]


async def follow(
    database: AsyncDatabase[Document], after: int, *, streams: bool = True, pause: float = PAUSE
) -> AsyncIterator[list[Stored]]:
    """Present versions committed after the sequence number ``after``, in order, some hundreds at a time; for ever. Of
    a resource that was written several times between two looks only the newest version comes."""
    woken = asyncio.Event()
    waking = asyncio.create_task(_wake(database, woken)) if streams else None
    try:
        while True:
            woken.clear()
            found = await _next(database, after)
            if found:
                after = found[-1].sequence
                yield found
                continue
            try:
                await asyncio.wait_for(woken.wait(), pause)
            except TimeoutError:
                continue
    finally:
        if waking is not None:
            waking.cancel()
            await asyncio.gather(waking, return_exceptions=True)


async def _next(database: AsyncDatabase[Document], after: int) -> list[Stored]:
    """What is new; nothing while the store is away."""
    reading = Reading(database)
    try:
        found = await reading.find("resource", {"s": {"$gt": after}}, sort=[("s", 1)], limit=AT_ONCE).to_list()
        return [await stored_of(reading, document) for document in found]
    except PyMongoError as error:
        log.warning("changes cannot be read now: %s", type(error).__name__)
        return []


async def _wake(database: AsyncDatabase[Document], woken: asyncio.Event) -> None:
    """Set the event at every change; begin again with the last token when the stream breaks."""
    token: Token | None = None
    while True:
        try:
            async for reached in _tokens(database, token):
                token = reached
                woken.set()
        except OperationFailure as error:
            log.warning("no change stream (error %s): changes are looked for every second", error.code)
            token = None
        except PyMongoError as error:
            log.warning("the change stream broke: %s", type(error).__name__)
        await asyncio.sleep(PAUSE)


async def _tokens(database: AsyncDatabase[Document], token: Token | None) -> AsyncIterator[Token]:
    """A resume token for each commit: only the clock is watched, which every commit changes."""
    pipeline: list[Document] = [{"$match": {"documentKey._id": "clock"}}, {"$project": {"_id": 1}}]
    async with await database["setting"].watch(pipeline, resume_after=token) as stream:
        async for event in stream:
            yield event["_id"]
