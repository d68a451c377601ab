"""Stores of a test's own, on a database nobody else uses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from countyfhir.store import mongodb
from countyfhir.store.mongodb import MongoStore
from tests.mongodb_server import database_uri


def told(story: Callable[[MongoStore], Awaitable[Any]], uri: str | None = None, **options: Any) -> Any:
    """Open a store, run the story, close the store."""
    place = uri or database_uri()

    async def run() -> Any:
        store = await mongodb.open(place, **options)
        try:
            return await story(store)
        finally:
            await store.close()

    return asyncio.run(run())
