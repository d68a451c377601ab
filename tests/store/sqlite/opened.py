"""Small pieces for tests that need the embedded store itself rather than a port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from countyfhir.exchange import Body, Plan, Write
from countyfhir.search.entries import STRING, TOKEN
from countyfhir.store import sqlite
from countyfhir.store.sqlite import SqliteStore


def with_store(path: Path, story: Callable[[SqliteStore], Awaitable[Any]], **options: Any) -> Any:
    """Open the store at ``path``, run the story, close it."""

    async def told() -> Any:
        store = sqlite.open(path, **options)
        try:
            return await story(store)
        finally:
            await store.close()

    return asyncio.run(told())


def one(logical_id: str, *, size: int = 20, system: str = "urn:x", parameter: str = "identifier") -> Plan:
    """A plan of one small Patient."""
    entries = ((TOKEN, parameter, 0, system, logical_id), (STRING, "name", 0, logical_id, logical_id))
    body = Body(b'{"resourceType":"Patient","meta":{', b'},"text":"' + b"x" * size + b'"}')
    return Plan((Write("PUT", "Patient", logical_id, {}, None, body, entries),))


async def ids(store: SqliteStore) -> set[str]:
    """Logical ids of all patients."""
    from countyfhir.search.query import Query

    return {match.logical_id for match in (await store.resources.search(Query(("Patient",), count=1000))).matches}
