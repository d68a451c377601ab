"""The MongoDB store, seen by who copies it (``store.copying``)."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from bson.binary import Binary
from pymongo import ReplaceOne, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from countyfhir.exchange import Stored
from countyfhir.store import audit_groups
from countyfhir.store.copying import Kept, Row
from countyfhir.store.mongodb.audit import document_of
from countyfhir.store.mongodb.bodies import kept as kept_body
from countyfhir.store.mongodb.bodies import stored_of
from countyfhir.store.mongodb.committing import superseded
from countyfhir.store.mongodb.faults import translated
from countyfhir.store.mongodb.intake import held_document, whole
from countyfhir.store.mongodb.options import Options
from countyfhir.store.mongodb.reading import Document, Reading
from countyfhir.store.mongodb.transaction import Transaction
from countyfhir.store.mongodb.writing import Writer

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

FIELDS = {
    "intake": ("source", "key", "outcome", "held", "recorded", "record"),
    "api_key": ("digest", "revoked", "created", "record"),
    "job": ("kind", "state", "owner", "lease_until", "created", "progress"),
    "person_decision": ("a", "b", "decision"),
    "subscription": ("owner", "phase", "since", "number", "stamp", "due", "failures", "sent", "error"),
    "notification": ("state", "changed", "reason", "event"),
}
"""In the order in which every store encodes them."""
COUNTED = ("audit", "intake")


class MongoCopying:
    """``Copying`` on a MongoDB database."""

    def __init__(self, database: AsyncDatabase[Document], options: Options, writer: Writer) -> None:
        self._database, self._options, self._writer = database, options, writer

    async def kept(self) -> Kept:
        """Secret and definitions version."""
        reading = Reading(self._database)
        with translated():
            secret, clock = [await reading.one("setting", {"_id": name}) for name in ("secret", "clock")]
            followed = await self._database["setting"].find_one({"_id": "followed"})
        return Kept(bytes(secret["value"]), int(clock["definitions"]), int(followed["value"]) if followed else 0)

    async def take_kept(self, kept: Kept) -> None:
        """Have these from now on."""
        with translated():
            settings = self._database["setting"]
            await settings.update_one({"_id": "secret"}, {"$set": {"value": Binary(kept.secret)}})
            await settings.update_one({"_id": "clock"}, {"$set": {"definitions": kept.definitions}})
            await settings.update_one({"_id": "followed"}, {"$set": {"value": kept.followed}}, upsert=True)

    async def last(self) -> int:
        """The greatest sequence number of a version; 0 when there is none."""
        with translated():
            found = await self._database["resource"].find_one({}, {"s": 1}, sort=[("s", -1)])
        return int(found["s"]) if found else 0

    async def versions(self, after: int, count: int) -> list[Stored]:
        """The next versions in the order they were committed."""
        reading = Reading(self._database)
        with translated():
            found = [
                await reading.find(name, {"s": {"$gt": after}}, sort=[("s", 1)], limit=count).to_list()
                for name in ("resource", "version")
            ]
            merged = list(heapq.merge(*found, key=lambda document: document["s"]))[:count]
            return [await stored_of(reading, document) for document in merged]

    async def take(self, versions: Sequence[Stored]) -> None:
        """Keep these versions as they are, in one transaction."""

        async def take(transaction: Transaction) -> None:
            owners = [f"{version.resource_type}/{version.logical_id}" for version in versions]
            await transaction.know(owners)
            for version, owner in zip(versions, owners, strict=True):
                _take(transaction, version, owner, self._options.body_bytes)

        await self._writer.run(take)

    async def rows(self, ledger: str, after: int | str | None, count: int) -> list[Row]:
        """The next rows of a ledger."""
        if ledger == "author":
            return await self._authors(int(after or 0), count)
        where = {"_id": {"$gt": after}} if after is not None else {}
        with translated():
            found = await self._database[ledger].find(where, sort=[("_id", 1)], limit=count).to_list()
            if ledger == "audit":
                return [(each["_id"], _encode(audit_groups.unpacked(bytes(each["records"])))) for each in found]
            if ledger == "intake":
                for each in found:
                    each["record"] = await whole(self._database, each)
        return [(each["_id"], _encode([_plain(each[name]) for name in FIELDS[ledger]])) for each in found]

    async def _authors(self, after: int, count: int) -> list[Row]:
        where = {"s": {"$gt": after}, "by": {"$exists": True}}
        with translated():
            found = self._database["resource"].find(where, {"t": 1, "i": 1, "s": 1, "by": 1}, sort=[("s", 1)])
            return [
                (each["s"], _encode([each["t"], each["i"], sorted(each["by"])])) async for each in found.limit(count)
            ]

    async def _take_authors(self, rows: Sequence[Row]) -> None:
        named = [_decode(encoded) for _, encoded in rows]
        operations: list[Any] = [
            UpdateOne({"_id": f"{kind}/{logical_id}"}, {"$set": {"by": authors}}) for kind, logical_id, authors in named
        ]
        with translated():
            if operations:
                await self._database["resource"].bulk_write(operations)

    async def take_rows(self, ledger: str, rows: Sequence[Row]) -> None:
        """Keep these rows."""
        if ledger == "author":
            await self._take_authors(rows)
            return
        made = [_MADE[ledger](name, encoded) for name, encoded in rows]
        pieces = [piece for _, its in made for piece in its]
        with translated():
            for collection, documents in (("piece", pieces), (ledger, [document for document, _ in made])):
                operations: list[Any] = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
                if operations:
                    await self._database[collection].bulk_write(operations)
            if ledger in COUNTED and rows:
                highest = {"$max": {"last": rows[-1][0]}}
                await self._database["setting"].update_one({"_id": ledger}, highest, upsert=True)


def _take(transaction: Transaction, version: Stored, owner: str, body_bytes: int) -> None:
    before = transaction.states[owner]
    if before is not None and before["s"] >= version.sequence:
        return
    fields, pieces = kept_body(version.body, owner, version.version_id, body_bytes)
    state: Document = {
        "_id": owner,
        "t": version.resource_type,
        "i": version.logical_id,
        "v": version.version_id,
        "s": version.sequence,
        "u": version.last_updated,
        "m": version.method,
        "n": before["n"] if before else version.sequence,
        "p": version.patient,
        **fields,
    }
    transaction.pieces += pieces
    if before is not None:
        transaction.versions.append(superseded(before, version.last_updated))
    there = before is not None and "d" not in before
    transaction.states[owner] = state
    transaction.entries[owner] = None
    transaction.sequence = max(transaction.sequence, version.sequence)
    transaction.counted[f"versions.{version.resource_type}"] += 1
    transaction.counted[f"current.{version.resource_type}"] += (not version.deleted) - there


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, Binary) else int(value) if isinstance(value, bool) else value


def _audit(last: int | str, encoded: bytes) -> tuple[Document, list[Document]]:
    return document_of(int(last), audit_groups.decoded(encoded)), []


def _intake(number: int | str, encoded: bytes) -> tuple[Document, list[Document]]:
    source, key, outcome, held, recorded, record = _decode(encoded)
    named = {"source": source, "key": key, "outcome": outcome, "held": bool(held), "recorded": recorded}
    return held_document(int(number), named, record)


def _key(key_id: int | str, encoded: bytes) -> tuple[Document, list[Document]]:
    digest, revoked, created, record = _decode(encoded)
    kept = {"digest": Binary(digest), "revoked": bool(revoked), "created": created, "record": Binary(record)}
    return {"_id": key_id, **kept}, []


def _job(job_id: int | str, encoded: bytes) -> tuple[Document, list[Document]]:
    *rest, progress = _decode(encoded)
    return {"_id": job_id, **dict(zip(FIELDS["job"], rest, strict=False)), "progress": Binary(progress)}, []


def _person_decision(pair: int | str, encoded: bytes) -> tuple[Document, list[Document]]:
    a, b, decision = _decode(encoded)
    return {"_id": pair, "a": a, "b": b, "decision": Binary(decision)}, []


def _subscription(subscription: int | str, encoded: bytes) -> tuple[Document, list[Document]]:
    owner, *rest = _decode(encoded)
    kept = dict(zip(FIELDS["subscription"][1:], rest, strict=True))
    return {"_id": subscription, "owner": Binary(owner), **kept, "lease_owner": None, "lease_until": 0}, []


def _notification(place: int | str, encoded: bytes) -> tuple[Document, list[Document]]:
    *rest, event = _decode(encoded)
    return {"_id": place, **dict(zip(FIELDS["notification"], rest, strict=False)), "event": Binary(event)}, []


_MADE: dict[str, Callable[[int | str, bytes], tuple[Document, list[Document]]]] = {
    "audit": _audit,
    "intake": _intake,
    "api_key": _key,
    "job": _job,
    "person_decision": _person_decision,
    "subscription": _subscription,
    "notification": _notification,
}
