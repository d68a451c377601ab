"""One transaction: the clock that orders commits, what is read inside it, and what is still to be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pymongo import DeleteOne, InsertOne, ReplaceOne, ReturnDocument

from countyfhir.exchange import Account, AuditRecord
from countyfhir.store import instant
from countyfhir.store.mongodb.audit import insert_groups
from countyfhir.store.mongodb.intake import remember
from countyfhir.store.mongodb.reading import Document, Reading

LISTED = 1_000
"""Ids in one query."""


@dataclass(slots=True)
class Transaction:
    """What a step sees. ``states`` are the current versions known so far, by "Type/id" (None: there is none).

    The clock is one document that every commit changes first. Two transactions cannot both change it, so commits have
    one order: sequence numbers, instants and what criteria found are those of that order (docs/decisions/0010).
    """

    reading: Reading
    sequence: int
    instant: int
    definitions: int
    states: dict[str, Document | None] = field(default_factory=dict)
    held: dict[str, Document | None] = field(default_factory=dict)  # as they are in the database
    versions: list[Document] = field(default_factory=list)
    pieces: list[Document] = field(default_factory=list)
    entries: dict[str, tuple[Document, list[Document]] | None] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)
    audit: list[AuditRecord] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)

    async def know(self, owners: Iterable[str]) -> None:
        """Read the current versions that are not known yet."""
        unknown = [owner for owner in dict.fromkeys(owners) if owner not in self.states]
        for start in range(0, len(unknown), LISTED):
            listed = unknown[start : start + LISTED]
            found = {each["_id"]: each async for each in self.reading.find("resource", {"_id": {"$in": listed}})}
            for owner in listed:
                self.states[owner] = self.held[owner] = found.get(owner)

    def next_sequence(self) -> int:
        """The next sequence number."""
        self.sequence += 1
        return self.sequence

    async def write(self) -> None:
        """Write what is pending: what is read now is what the steps so far made."""
        database, session = self.reading.database, self.reading.session
        changed = [owner for owner in self.entries if self.states[owner] is not self.held[owner]]
        await self._write_resources(changed)
        for name, documents in (("version", self.versions), ("piece", self.pieces)):
            if documents:
                await database[name].insert_many(documents, ordered=False, session=session)
        await self._write_entries()
        for owner in changed:
            self.held[owner] = self.states[owner]
        self.versions, self.pieces, self.entries = [], [], {}
        self.reading.overflowing.clear()

    async def _write_resources(self, owners: list[str]) -> None:
        operations: list[Any] = [
            InsertOne(self.states[owner])
            if self.held[owner] is None
            else ReplaceOne({"_id": owner}, self.states[owner])
            for owner in owners
        ]
        if operations:
            await self.reading.database["resource"].bulk_write(operations, ordered=False, session=self.reading.session)

    async def _write_entries(self) -> None:
        """The documents they are found by. One whose patient changed moves to another shard: deleted, then inserted."""
        operations: list[Any] = []
        spilt: list[str] = []
        more: list[Document] = []
        for owner, made in self.entries.items():
            before = self.held[owner]
            patient = before.get("q") if before else None
            if before and before.get("x"):
                spilt.append(owner)
            if made is not None and made[0]["p"] == patient:
                operations.append(ReplaceOne({"_id": owner, "p": patient}, made[0]))
            else:
                if patient is not None:
                    operations.append(DeleteOne({"_id": owner, "p": patient}))
                if made is not None:
                    operations.append(InsertOne(made[0]))
            more += made[1] if made else []
        database, session = self.reading.database, self.reading.session
        if spilt:
            await database["more"].delete_many({"o": {"$in": spilt}}, session=session)
        if operations:
            await database["entry"].bulk_write(operations, session=session)
        if more:
            await database["more"].insert_many(more, ordered=False, session=session)

    async def finish(self) -> None:
        """Write all, and the clock as it is afterwards."""
        await self.write()
        database, session = self.reading.database, self.reading.session
        if self.audit:
            await insert_groups(database, self.audit, session)
        for account in self.accounts:
            await remember(database, account, session)
        change: Document = {
            "$set": {"sequence": self.sequence, "instant": self.instant, "definitions": self.definitions}
        }
        if counted := {name: count for name, count in self.counted.items() if count}:
            change["$inc"] = counted
        await database["setting"].update_one({"_id": "clock"}, change, session=session)


async def begun(reading: Reading) -> Transaction:
    """Take the clock: from here to the commit no other transaction has it."""
    clock = await reading.database["setting"].find_one_and_update(
        {"_id": "clock"}, {"$inc": {"turn": 1}}, session=reading.session, return_document=ReturnDocument.AFTER
    )
    assert clock is not None
    stamped = max(int(clock["instant"]), instant.now())
    return Transaction(reading, int(clock["sequence"]), stamped, int(clock["definitions"]))
