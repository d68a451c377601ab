"""The schema of the database: made, or brought up to date, by one process while others that start wait for it.

Who builds holds a lease on the document ``schema``; when it dies, its lease runs out and another goes on. Building
indexes again that are there already does nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from bson.binary import Binary
from pymongo import IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from countyfhir.store import instant
from countyfhir.store.mongodb.faults import heed_cancellation
from countyfhir.store.mongodb.layout import INDEXES, SCHEMA_VERSION
from countyfhir.store.mongodb.reading import Document
from countyfhir.store.ports import StoreUnusable

LEASE = 60_000_000
"""Microseconds for which a process builds before it says that it is still there."""
PAUSE = 0.1


async def _first(database: AsyncDatabase[Document]) -> None:
    """The indexes, the clock and the secret of an empty database."""
    await _indexed(database)
    clock = {"turn": 0, "sequence": 0, "instant": 0, "definitions": 0, "versions": {}, "current": {}}
    await database["setting"].update_one({"_id": "clock"}, {"$setOnInsert": clock}, upsert=True)
    secret = {"value": Binary(secrets.token_bytes(32))}
    await database["setting"].update_one({"_id": "secret"}, {"$setOnInsert": secret}, upsert=True)


async def _indexed(database: AsyncDatabase[Document]) -> None:
    """The indexes that came since."""
    for collection in dict.fromkeys(index.collection for index in INDEXES):
        models = [IndexModel(list(index.keys), **index.options) for index in INDEXES if index.collection == collection]
        await database[collection].create_indexes(models)


MIGRATIONS: tuple[Callable[[AsyncDatabase[Document]], Awaitable[None]], ...] = (_first, _indexed, _indexed, _indexed)
"""The n-th brings a database from version n to n+1; it may be run again after it was interrupted."""


async def prepared(database: AsyncDatabase[Document]) -> bytes:
    """Wait until the schema is this program's, building what is missing; the secret of the store."""
    settings, owner = database["setting"], secrets.token_hex(8)
    await _begin(database)
    while (found := await settings.find_one({"_id": "schema"})) is None or found["version"] < SCHEMA_VERSION:
        now = instant.now()
        mine = await settings.find_one_and_update(
            {"_id": "schema", "version": {"$lt": SCHEMA_VERSION}, "until": {"$lte": now}},
            {"$set": {"owner": owner, "until": now + LEASE}},
        )
        if mine is None:
            await asyncio.sleep(PAUSE)
        else:
            await _build(database, int(mine["version"]), owner)
    if found["version"] > SCHEMA_VERSION:
        raise StoreUnusable(
            f"the database has schema version {found['version']}, this program knows versions up to {SCHEMA_VERSION}: "
            "use the newer program, or restore a backup made before the upgrade"
        )
    secret = await settings.find_one({"_id": "secret"})
    assert secret is not None
    return bytes(secret["value"])


async def _begin(database: AsyncDatabase[Document]) -> None:
    """Put the document that is leased, once; refuse a database that holds something else."""
    settings = database["setting"]
    if await settings.find_one({"_id": "schema"}) is not None:
        return
    others = set(await database.list_collection_names()) - {index.collection for index in INDEXES} - {"setting"}
    if others:
        raise StoreUnusable(
            f"the database {database.name} holds collections of another program ({sorted(others)[0]}): name another"
            " database in the address, mongodb://HOST/DATABASE"
        )
    try:
        await settings.insert_one({"_id": "schema", "version": 0, "owner": None, "until": 0})
    except DuplicateKeyError:
        return  # another process was first


async def _build(database: AsyncDatabase[Document], version: int, owner: str) -> None:
    for step in range(version, SCHEMA_VERSION):
        renewing = asyncio.create_task(_renew(database, owner))
        try:
            await MIGRATIONS[step](database)
        finally:
            renewing.cancel()
        done = {"$set": {"version": step + 1, f"applied.{step + 1}": instant.now()}}
        await database["setting"].update_one({"_id": "schema", "owner": owner}, done)
    await database["setting"].update_one({"_id": "schema", "owner": owner}, {"$set": {"owner": None, "until": 0}})


async def _renew(database: AsyncDatabase[Document], owner: str) -> None:
    """Building an index over many resources takes hours: the lease goes with it."""
    while True:
        await asyncio.sleep(LEASE / 3 / 1_000_000)
        longer = {"$set": {"until": instant.now() + LEASE}}
        await database["setting"].update_one({"_id": "schema", "owner": owner}, longer)
        heed_cancellation()
