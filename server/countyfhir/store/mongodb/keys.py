"""API keys in MongoDB; only digests are kept."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from bson.binary import Binary
from pymongo.asynchronous.database import AsyncDatabase

from countyfhir.store.mongodb.faults import translated
from countyfhir.store.mongodb.reading import Document
from countyfhir.store.ports import ApiKey

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ApiKey).decode


class MongoKeys:
    """``KeyStore`` on a MongoDB database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._keys = database["api_key"]

    async def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        kept = {
            "_id": key.key_id,
            "digest": Binary(key.digest),
            "revoked": key.revoked,
            "created": key.created,
            "record": Binary(_encode(key)),
        }
        with translated():
            await self._keys.insert_one(kept)

    async def by_digest(self, digest: bytes) -> ApiKey | None:
        """The key whose secret has this digest; a revoked one is returned as revoked."""
        with translated():
            found = await self._keys.find_one({"digest": Binary(digest)})
        return _key(found) if found else None

    async def all(self) -> list[ApiKey]:
        """Every key, oldest first."""
        with translated():
            return [_key(each) async for each in self._keys.find({}, sort=[("created", 1), ("_id", 1)])]

    async def revoke(self, key_id: str) -> bool:
        """Whether there was such a key that was not revoked yet."""
        with translated():
            changed = await self._keys.update_one({"_id": key_id, "revoked": False}, {"$set": {"revoked": True}})
        return changed.modified_count > 0


def _key(kept: Document) -> ApiKey:
    return replace(_decode(bytes(kept["record"])), revoked=bool(kept["revoked"]))
