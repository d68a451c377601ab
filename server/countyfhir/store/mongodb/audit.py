"""The audit store in MongoDB: groups of records, one document each, found by their keys (DESIGN decision 13)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from bson.binary import Binary
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from countyfhir.exchange import AuditRecord
from countyfhir.store import audit_groups
from countyfhir.store.audit_groups import KEYS, MOST, TERMS, Numbered
from countyfhir.store.mongodb.faults import translated
from countyfhir.store.mongodb.reading import Document

EXPIRED_AT_ONCE = 100


async def insert_groups(
    database: AsyncDatabase[Document], records: Sequence[AuditRecord], session: AsyncClientSession | None = None
) -> None:
    """Append. Numbers are drawn outside of a transaction: one that fails leaves a gap, and nobody waits for another."""
    last = await reserved(database, "audit", len(records)) - len(records)
    groups = []
    for start in range(0, len(records), MOST):
        group = records[start : start + MOST]
        last += len(group)
        groups.append(document_of(last, group))
    await database["audit"].insert_many(groups, session=session)


async def reserved(database: AsyncDatabase[Document], name: str, count: int) -> int:
    """The last of so many new numbers."""
    found = await database["setting"].find_one_and_update(
        {"_id": name}, {"$inc": {"last": count}}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert found is not None
    return int(found["last"])


def document_of(last: int, records: Sequence[AuditRecord | None]) -> Document:
    """A group of records, the last of which has that number."""
    there = [record for record in records if record is not None]
    instants = [record.recorded for record in there]
    return {
        "_id": last,
        "count": len(records),
        "low": min(instants),
        "high": max(instants),
        "keys": sorted(audit_groups.keys_of(there)),
        "records": Binary(audit_groups.packed(records)),
    }


class MongoAudit:
    """``AuditStore`` on a MongoDB database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._database, self._groups = database, database["audit"]

    async def append(self, records: Sequence[AuditRecord]) -> None:
        """Durable when it returns."""
        if records:
            with translated():
                await insert_groups(self._database, records)

    async def find(
        self, criteria: Mapping[str, Any], *, count: int, cursor: int | None
    ) -> tuple[list[Numbered], int | None]:
        """Newest first, as (sequence, record), and the cursor of the next page. ValueError for an unknown criterion."""
        asked = audit_groups.asked(criteria)
        found: list[Numbered] = []
        with translated():
            async for number, record in self._candidates(asked, cursor):
                if all(TERMS[name](record, value) for name, value in asked.items()):
                    found.append((number, record))
                    if len(found) > count:
                        break
        page = found[:count]
        return page, page[-1][0] if page and len(found) > count else None

    async def _candidates(self, asked: Mapping[str, Any], cursor: int | None) -> AsyncIterator[Numbered]:
        """The records of every group that may hold what is asked, newest first."""
        keys = [key for name, of in KEYS.items() if name in asked and (key := of(asked[name])) is not None]
        where: Document = {"$and": [{"keys": key} for key in keys]} if keys else {}
        if "since" in asked:
            where["high"] = {"$gte": asked["since"]}
        if "until" in asked:
            where["low"] = {"$lt": asked["until"]}
        if cursor is not None:
            where["_id"] = {"$lt": cursor + MOST}
        async for group in self._groups.find(where, sort=[("_id", -1)], batch_size=20):
            for number, record in audit_groups.numbered(group["_id"], bytes(group["records"])):
                if cursor is None or number < cursor:
                    yield number, record

    async def read(self, sequence: int) -> AuditRecord | None:
        """One record."""
        if not 0 < sequence < 2**63:
            return None
        with translated():
            group = await self._groups.find_one({"_id": {"$gte": sequence}}, sort=[("_id", 1)])
        if group is None:
            return None
        records = audit_groups.numbered(group["_id"], bytes(group["records"]))
        return next((one for number, one in records if number == sequence), None)

    async def expire(self, before: int) -> int:
        """Remove records older than the instant; returns how many."""
        removed = 0
        with translated():
            while groups := await self._groups.find(
                {"low": {"$lt": before}}, sort=[("low", 1)], limit=EXPIRED_AT_ONCE
            ).to_list():
                for group in groups:
                    removed += await self._expire(group, before)
        return removed

    async def _expire(self, group: Document, before: int) -> int:
        """Remove a group's old records. Another process may have been there first: then none are counted."""
        records = audit_groups.unpacked(bytes(group["records"]))
        left = [record if record is not None and record.recorded >= before else None for record in records]
        old = sum(record is not None for record in records) - sum(record is not None for record in left)
        seen = {"_id": group["_id"], "low": group["low"]}
        if group["high"] < before:
            return old if (await self._groups.delete_one(seen)).deleted_count else 0
        changed = await self._groups.replace_one(seen, document_of(group["_id"], left))
        return old if changed.modified_count else 0
