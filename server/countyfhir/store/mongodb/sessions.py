"""Transactions of processes that are gone: a killed one leaves its transaction open, and with it the clock, until the
server ends it after a minute (``transactionLifetimeLimitSeconds``). Whoever waits for the clock ends it sooner.

Each process notes the session it commits in, and while a transaction of its lasts, that it lives. Sessions of others
that have not been heard of for ``orphan_limit`` are killed (``killSessions``, which an account may do to its own).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from pymongo import errors
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from countyfhir.store.mongodb.faults import heed_cancellation
from countyfhir.store.mongodb.reading import Document

FORGOTTEN = timedelta(days=1)
"""Notes older than that are of nobody; MongoDB itself forgets sessions after half an hour."""
NOTE = "writer/"


class Sessions:
    """The sessions that commit to a database: that of this process, and those of others."""

    def __init__(self, database: AsyncDatabase[Document], orphan_limit: float) -> None:
        self._database, self._orphan_limit = database, orphan_limit
        self._name = NOTE + secrets.token_hex(8)
        self._noted: Any = None

    @asynccontextmanager
    async def alive(self, session: AsyncClientSession) -> AsyncIterator[None]:
        """While it lasts the session counts as alive."""
        if self._noted != session.session_id["id"]:
            await self._note(session.session_id["id"])
        beating: list[asyncio.Task[None]] = []
        loop = asyncio.get_running_loop()
        late = loop.call_later(self._orphan_limit / 4, lambda: beating.append(loop.create_task(self._beat())))
        try:
            yield
        finally:
            late.cancel()
            for task in beating:
                task.cancel()

    async def _note(self, session_id: Any) -> None:
        change = {"$set": {"session": session_id}, "$currentDate": {"at": True}}
        await self._database["setting"].update_one({"_id": self._name}, change, upsert=True)
        self._noted = session_id

    async def _beat(self) -> None:
        while True:
            with suppress(errors.PyMongoError):
                await self._database["setting"].update_one({"_id": self._name}, {"$currentDate": {"at": True}})
            heed_cancellation()
            await asyncio.sleep(self._orphan_limit / 4)

    async def end_orphans(self) -> None:
        """Kill what others left behind; where that is not allowed, the server ends it later."""
        with suppress(errors.PyMongoError):
            now = (await self._database.client.admin.command("hello"))["localTime"]
            notes = self._database["setting"].find({"_id": {"$gt": NOTE, "$lt": NOTE[:-1] + "0", "$ne": self._name}})
            silent = now - timedelta(seconds=self._orphan_limit)
            found = [note async for note in notes if note["at"] < silent]
            if found:
                await self._database.client.admin.command("killSessions", [{"id": note["session"]} for note in found])
            old = [note["_id"] for note in found if note["at"] < now - FORGOTTEN]
            if old:
                await self._database["setting"].delete_many({"_id": {"$in": old}})
