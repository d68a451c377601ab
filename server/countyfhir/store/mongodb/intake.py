"""The ledger of legacy records and the quarantine in MongoDB (DESIGN decision 10)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import msgspec
from bson.binary import Binary
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from countyfhir.exchange import Account, SourceRecord
from countyfhir.store import instant
from countyfhir.store.mongodb.audit import reserved
from countyfhir.store.mongodb.faults import translated
from countyfhir.store.mongodb.reading import Document

PAGE = 200
LISTED = 500
PIECE = 8 * 2**20

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SourceRecord).decode


class MongoIntake:
    """``IntakeStore`` on a MongoDB database. A record larger than one document lies in pieces."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._database, self._records = database, database["intake"]

    async def latest(self, source: str, keys: Sequence[str]) -> dict[str, SourceRecord]:
        """The last record of each key that was stored (or found unchanged); keys without one are absent."""
        found: dict[str, SourceRecord] = {}
        wanted = list(dict.fromkeys(keys))
        with translated():
            for start in range(0, len(wanted), LISTED):
                where = {
                    "source": source,
                    "key": {"$in": wanted[start : start + LISTED]},
                    "outcome": {"$in": ["stored", "unchanged"]},
                }
                pipeline = [{"$match": where}, {"$group": {"_id": "$key", "newest": {"$max": "$_id"}}}]
                numbers = [each["newest"] async for each in await self._records.aggregate(pipeline)]
                async for document in self._records.find({"_id": {"$in": numbers}}):
                    found[document["key"]] = _decode(await self._whole(document))
        return found

    async def append(self, records: Sequence[SourceRecord]) -> None:
        """Keep what became of legacy records; quarantined ones keep their raw bytes."""
        with translated():
            await remember(self._database, Account(tuple(records)))

    async def quarantined(self, source: str | None = None, after: int = 0) -> AsyncIterator[tuple[int, SourceRecord]]:
        """What still lies in quarantine and came after that sequence, oldest first, as (sequence, record)."""
        while True:
            where: Document = {"held": True, "_id": {"$gt": after}}
            if source is not None:
                where["source"] = source
            with translated():
                page = await self._records.find(where, sort=[("_id", 1)], limit=PAGE).to_list()
                records = [_decode(await self._whole(document)) for document in page]
            for document, record in zip(page, records, strict=True):
                yield int(document["_id"]), record
            if len(page) < PAGE:
                return
            after = int(page[-1]["_id"])

    async def release(self, sequence: int) -> None:
        """Take a record out of quarantine (it was replayed or given up); the ledger keeps it, without its raw bytes."""
        with translated():
            await remember(self._database, Account((), (sequence,)))

    async def held(self, sequence: int) -> SourceRecord | None:
        """One record that lies in quarantine, or None."""
        with translated():
            document = await self._records.find_one({"_id": sequence, "held": True})
            return _decode(await self._whole(document)) if document is not None else None

    async def _whole(self, document: Document) -> bytes:
        return await whole(self._database, document)


async def remember(
    database: AsyncDatabase[Document], account: Account, session: AsyncClientSession | None = None
) -> None:
    """Write the rows of an account, and take out of quarantine what it releases; in a transaction where there is a
    session. Numbers are drawn outside of it: one that fails leaves a gap."""
    if account.ledger:
        first = await reserved(database, "intake", len(account.ledger)) - len(account.ledger) + 1
        made = [_document(number, record) for number, record in enumerate(account.ledger, first)]
        if pieces := [piece for _, parts in made for piece in parts]:
            await database["piece"].insert_many(pieces, session=session)
        await database["intake"].insert_many([document for document, _ in made], session=session)
    for sequence in account.released:
        await _release(database, sequence, session)


async def _release(database: AsyncDatabase[Document], sequence: int, session: AsyncClientSession | None) -> None:
    document = await database["intake"].find_one({"_id": sequence, "held": True}, session=session)
    if document is None:
        return
    kept = replace(_decode(await whole(database, document)), raw=None)
    change = {"$set": {"held": False, "record": Binary(_encode(kept))}, "$unset": {"c": ""}}
    await database["intake"].update_one({"_id": sequence}, change, session=session)
    await database["piece"].delete_many({"o": _owner(sequence)}, session=session)


async def whole(database: AsyncDatabase[Document], document: Document) -> bytes:
    """The encoded record of a document, from its pieces where it lies in pieces."""
    if "c" not in document:
        return bytes(document["record"])
    pieces = database["piece"].find({"o": _owner(document["_id"])}, sort=[("f", 1)])
    return b"".join([piece["b"] async for piece in pieces])


def _owner(number: int) -> str:
    return f"intake/{number}"


def _document(number: int, record: SourceRecord) -> tuple[Document, list[Document]]:
    dated = record if record.recorded else replace(record, recorded=instant.now())
    held = dated.outcome == "quarantined"
    encoded = _encode(dated if held else replace(dated, raw=None))
    named = {"source": dated.source, "key": dated.key, "outcome": dated.outcome, "held": held}
    return held_document(number, {**named, "recorded": dated.recorded}, encoded)


def held_document(number: int, named: Document, encoded: bytes) -> tuple[Document, list[Document]]:
    """The document of a record and, when it is large, its pieces."""
    document = {"_id": number, **named}
    if len(encoded) <= PIECE:
        return {**document, "record": Binary(encoded)}, []
    owner = _owner(number)
    parts = [encoded[start : start + PIECE] for start in range(0, len(encoded), PIECE)]
    pieces = [{"_id": f"{owner}#{f}", "o": owner, "f": f, "b": Binary(part)} for f, part in enumerate(parts)]
    return {**document, "c": len(parts)}, pieces
