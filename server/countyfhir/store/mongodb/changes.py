"""What wakes those who follow the changes of a MongoDB store (DESIGN decision 7): a change stream, and without one a
look every second.

The stream is of one document, the clock that every commit changes; its event tells of which types something was
written. It only saves time: who is woken goes on from the sequence number he has kept (``ResourceStore.changes``), so
nothing is missed when the stream breaks, is refused, or its history is lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from pymongo.asynchronous.change_stream import AsyncChangeStream
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from countyfhir.store.changed import Changed
from countyfhir.store.mongodb.faults import heed_cancellation
from countyfhir.store.mongodb.reading import Document

log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds between two looks without a change stream."""
VERSIONS = "versions."

Token = Mapping[str, Any]


async def attend(database: AsyncDatabase[Document], changed: Changed, *, streams: bool = True) -> None:
    """Announce what is committed, by type, until cancelled; begin again with the last token when the stream breaks."""
    token: Token | None = None
    counted: dict[str, int] = {}
    while True:
        try:
            if streams:
                async with await _stream(database, token) as stream:
                    counted = await _looked(database, counted, changed)  # what came before the stream
                    while stream.alive:
                        event = await stream.try_next()  # none after a second: next() would wait on by itself
                        heed_cancellation()
                        if event is not None:
                            token = event["_id"]
                            changed.announce(_types(event))
            else:
                counted = await _looked(database, counted, changed)
        except OperationFailure as error:
            log.warning("no change stream (error %s): changes are looked for every second", error.code)
            token, streams = None, _is_passing(error)
        except PyMongoError as error:
            log.warning("the change stream broke: %s", type(error).__name__)
        heed_cancellation()
        await asyncio.sleep(PAUSE)


def _is_passing(error: OperationFailure) -> bool:
    """Whether a new stream may do: the history of the old one is lost, or the server was busy."""
    return error.code in (286, 280) or error.has_error_label("ResumableChangeStreamError")


async def _stream(database: AsyncDatabase[Document], token: Token | None) -> AsyncChangeStream[Document]:
    """The commits from now on, or from the token on."""
    pipeline: list[Document] = [
        {"$match": {"documentKey._id": "clock"}},
        {"$project": {"_id": 1, "updateDescription.updatedFields": 1}},
    ]
    return await database["setting"].watch(pipeline, resume_after=token)


def _types(event: Mapping[str, Any]) -> set[str]:
    """The types of which a commit made versions."""
    fields = event.get("updateDescription", {}).get("updatedFields", {})
    names = {name.removeprefix(VERSIONS) for name in fields if name.startswith(VERSIONS)}
    return names | set(fields.get("versions", ()))


async def _looked(database: AsyncDatabase[Document], before: dict[str, int], changed: Changed) -> dict[str, int]:
    """One look: the counts of versions tell what was written since the last one."""
    try:
        clock = await database["setting"].find_one({"_id": "clock"}, {"versions": 1})
    except PyMongoError:
        return before
    counted: dict[str, int] = dict(clock["versions"]) if clock else {}
    changed.announce(name for name, count in counted.items() if before.get(name) != count)
    return counted
