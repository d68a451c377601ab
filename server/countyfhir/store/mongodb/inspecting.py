"""What a MongoDB server and database are, looked at without changing anything: for ``countyfhir doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Any

from pymongo import MongoClient, errors

from countyfhir.store import instant
from countyfhir.store.mongodb.layout import INDEXES, SCHEMA_VERSION
from countyfhir.store.mongodb.options import Options
from countyfhir.store.ports import StoreUnusable

OLDEST, SUPPORTED = (5, 0), (6, 0)
"""Versions of MongoDB that have what is needed, and that its maker still mends."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """``version`` of the server; ``members`` of its set (0: it stands alone); ``schema`` of the database (0: it is not
    there yet); ``missing`` indexes ("entry k_1_n_-1"); how far the clocks are apart (seconds, ours less its)."""

    version: tuple[int, ...]
    members: int
    sharded: bool
    schema: int
    missing: tuple[str, ...]
    ahead: float

    @property
    def problems(self) -> list[str]:
        """What keeps a server from working on it."""
        told = ".".join(map(str, self.version))
        rules = (
            (self.version < OLDEST, f"MongoDB {told} is too old: 5.0 is needed, 6.0 is supported by its maker"),
            (not self.members and not self.sharded, "the server stands alone: make it a replica set of one"),
            (self.schema > SCHEMA_VERSION, f"the database has the newer schema version {self.schema}"),
        )
        return [sentence for holds, sentence in rules if holds]


def inspected(uri: str) -> Inspected:
    """Look at what the address names. StoreUnusable when it cannot be reached or may not be read."""
    try:
        with MongoClient[Any](uri, serverSelectionTimeoutMS=3000, appname="countyfhir doctor") as client:
            return _looked_at(client)
    except (errors.PyMongoError, ValueError) as error:
        sentence = str(error).partition(", full error")[0].partition(", Timeout:")[0]
        raise StoreUnusable(f"the MongoDB store cannot be looked at: {sentence}") from error


def _looked_at(client: MongoClient[Any]) -> Inspected:
    hello = client.admin.command("hello")
    version = tuple(map(int, client.server_info()["version"].split("-")[0].split(".")[:2]))
    database = client.get_default_database(Options().database)
    noted = database["setting"].find_one({"_id": "schema"})
    missing = []
    if noted is not None and noted["version"] == SCHEMA_VERSION:
        for index in INDEXES:
            there = {tuple(made["key"]) for made in database[index.collection].index_information().values()}
            if tuple(index.keys) not in there:
                missing.append(f"{index.collection} {index.keys}")
    ahead = (instant.now() / 1e6) - hello["localTime"].replace(tzinfo=UTC).timestamp() if "localTime" in hello else 0.0
    members = len(hello.get("hosts", ())) if "setName" in hello else 0
    return Inspected(
        version, members, hello.get("msg") == "isdbgrid", int(noted["version"]) if noted else 0, tuple(missing), ahead
    )
