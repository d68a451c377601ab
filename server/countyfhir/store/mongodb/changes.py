"""What wakes those who follow the changes of a MongoDB store (DESIGN decision 7): a change stream, and without one a
look every second.

The stream is of one document, the clock that every commit changes; its event tells of which types something was
written. It only saves time: who is woken goes on from the sequence number he has kept (``ResourceStore.changes``), so
nothing is missed when the stream breaks, is refused, or its history is lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

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
        counted = await _looked(database, counted, changed)
        heed_cancellation()
        try:
            if streams:
                async for reached, names in _written(database, token):
                    token = reached
                    changed.announce(names)
        except OperationFailure as error:
            log.warning("no change stream (error %s): changes are looked for every second", error.code)
            token, streams = None, _is_passing(error)
        except PyMongoError as error:
            log.warning("the change stream broke: %s", type(error).__name__)
        await asyncio.sleep(PAUSE)


def _is_passing(error: OperationFailure) -> bool:
    """Whether a new stream may do: the history of the old one is lost, or the server was busy."""
    return error.code in (286, 280) or error.has_error_label("ResumableChangeStreamError")


async def _written(database: AsyncDatabase[Document], token: Token | None) -> AsyncIterator[tuple[Token, set[str]]]:
    """The resume token of each commit, and the types of which it made versions."""
    pipeline: list[Document] = [
        {"$match": {"documentKey._id": "clock"}},
        {"$project": {"_id": 1, "updateDescription.updatedFields": 1}},
    ]
    async with await database["setting"].watch(pipeline, resume_after=token) as stream:
        async for event in stream:
            heed_cancellation()
            fields = event.get("updateDescription", {}).get("updatedFields", {})
            yield event["_id"], _types(fields)


def _types(fields: Document) -> set[str]:
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
