"""Opening the store: connection, checks, schema, and the ports put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pymongo
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.int64 import Int64
from pymongo import AsyncMongoClient, errors
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name
from pymongo.uri_parser import parse_uri

from countyfhir.store.copying import Copying
from countyfhir.store.mongodb import schema
from countyfhir.store.mongodb.audit import MongoAudit
from countyfhir.store.mongodb.changes import attend
from countyfhir.store.mongodb.copying import MongoCopying
from countyfhir.store.mongodb.intake import MongoIntake
from countyfhir.store.mongodb.jobs import MongoJobs
from countyfhir.store.mongodb.keys import MongoKeys
from countyfhir.store.mongodb.options import Options
from countyfhir.store.mongodb.outbox import MongoOutbox
from countyfhir.store.mongodb.persons import MongoPersons
from countyfhir.store.mongodb.pooling import PoolCount
from countyfhir.store.mongodb.reading import Document
from countyfhir.store.mongodb.resources import MongoResources
from countyfhir.store.mongodb.writing import Writer
from countyfhir.store.ports import Store, StoreUnusable

STANDALONE = (
    "the MongoDB server at {place} stands alone: it has no transactions, so a bundle would not be atomic. Make it a"
    " replica set of one: start mongod with --replSet rs0, then run once: mongosh --eval"
    ' \'rs.initiate({{_id: "rs0", members: [{{_id: 0, host: "{place}"}}]}})\''
)


@dataclass(slots=True)
class MongoStore(Store):
    """The ports on one MongoDB database."""

    client: AsyncMongoClient[Document] | None = None
    database: AsyncDatabase[Document] | None = None
    options: Options = field(default_factory=Options)
    writer: Writer | None = None
    pooled: PoolCount = field(default_factory=PoolCount)

    def waiting(self) -> dict[str, int]:
        """Commits that wait, and their bytes."""
        return self.writer.waiting() if self.writer is not None else {}

    def pool(self) -> dict[str, int]:
        """Connections, and those in use."""
        return dict(self.pooled.counted)

    async def attend(self) -> None:
        """Follow the change stream; without one, look every second (``changes.attend``)."""
        assert self.database is not None
        await attend(self.database, self.changed)

    def copying(self) -> Copying:
        """The store, seen by who copies it."""
        assert self.database is not None
        assert self.writer is not None
        return MongoCopying(self.database, self.options, self.writer)

    async def close(self) -> None:
        """Finish what is in flight and let go of connections."""
        if self.writer is not None and self.client is not None:
            await self.writer.close()
            await self.client.close()
            self.writer = None


async def open_store(uri: str, *, event_listeners: Sequence[Any] = (), **options: Any) -> MongoStore:
    """The store in the database that ``uri`` names, made or migrated when needed. ``options`` are those of ``Options``;
    TLS, user and authentication mechanism stand in the URI. ``event_listeners`` hear what the driver does.

    StoreUnusable when it cannot be used: unreachable, a standalone server, a newer schema, another program's database.
    """
    chosen, pooled = Options(**options), PoolCount()
    try:
        named = parse_uri(uri, validate=True, warn=False)["database"] if uri.startswith("mongodb://") else None
        client: AsyncMongoClient[Document] = AsyncMongoClient(
            uri, event_listeners=[*event_listeners, pooled], **_client_options(uri, chosen)
        )
    except (errors.PyMongoError, ValueError, OSError) as error:
        raise StoreUnusable(f"the address of the store cannot be used: {error}") from error
    name = named or _named_in(client) or chosen.database
    try:
        await _refuse_standalone(client)
        database = client.get_database(name, **_concerns(chosen))
        secret = await schema.prepared(database)
    except errors.PyMongoError as error:
        await client.close()
        raise StoreUnusable(f"the MongoDB store cannot be opened: {_sentence(error)}") from error
    except BaseException:
        await client.close()
        raise
    store = await _assemble(client, database, chosen, secret)
    store.pooled = pooled
    return store


def _client_options(uri: str, options: Options) -> dict[str, Any]:
    """What the address does not say itself."""
    said = uri.partition("?")[2].lower()
    ours = {
        "serverSelectionTimeoutMS": int(options.selection_limit * 1000),
        "maxPoolSize": options.pool,
        "appname": "countyfhir",
    }
    return {name: value for name, value in ours.items() if f"{name.lower()}=" not in said}


class _Whole(TypeDecoder):
    """64-bit numbers as plain ``int``: the driver's own class cannot stand in a cursor."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        """The number."""
        return int(value)


def _concerns(options: Options) -> dict[str, Any]:
    written: int | str = options.write_concern if not options.write_concern.isdigit() else int(options.write_concern)
    return {
        "codec_options": CodecOptions(type_registry=TypeRegistry([_Whole()])),
        "write_concern": pymongo.WriteConcern(written),
        "read_concern": ReadConcern(options.read_concern),
        "read_preference": pymongo.ReadPreference.PRIMARY,
    }


def _named_in(client: AsyncMongoClient[Document]) -> str | None:
    try:
        return client.get_default_database().name
    except errors.ConfigurationError:
        return None


async def _refuse_standalone(client: AsyncMongoClient[Document]) -> None:
    hello = await client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        host, port = (await client.address) or ("localhost", 27017)
        raise StoreUnusable(STANDALONE.format(place=f"{host}:{port}"))


def _sentence(error: errors.PyMongoError) -> str:
    return str(error).partition(", full error")[0].partition(", Timeout:")[0]


async def _assemble(
    client: AsyncMongoClient[Document], database: AsyncDatabase[Document], options: Options, secret: bytes
) -> MongoStore:
    preference = make_read_preference(read_pref_mode_from_name(_mode(options.read_preference)), None)
    writer = Writer(database, options)
    resources = MongoResources(database, database.with_options(read_preference=preference), options, writer)
    resources.definitions = await resources.definitions_version()
    return MongoStore(
        resources=resources,
        audit=MongoAudit(database),
        keys=MongoKeys(database),
        intake=MongoIntake(database),
        jobs=MongoJobs(database),
        persons=MongoPersons(database),
        outbox=MongoOutbox(database, writer),
        changed=resources.changed,
        secret=secret,
        info={"kind": "mongodb", "database": database.name, "warnings": []},
        client=client,
        database=database,
        options=options,
        writer=writer,
    )


def _mode(name: str) -> str:
    return name[0].lower() + name[1:]
