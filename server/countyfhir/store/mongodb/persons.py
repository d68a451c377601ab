"""The index of persons in MongoDB: one document a Patient, its keys in an array (docs/persons.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from bson.binary import Binary
from pymongo import DeleteOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from countyfhir.store.mongodb.faults import translated
from countyfhir.store.mongodb.reading import Document
from countyfhir.store.ports import PersonDecision, PersonRecord

CHANGES = "person changes"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PersonDecision).decode


class MongoPersons:
    """``PersonStore`` on a MongoDB database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._records, self._decisions = database["person_record"], database["person_decision"]
        self._settings = database["setting"]

    async def enter(self, records: Sequence[PersonRecord], finished: Mapping[str, int] = MappingProxyType({})) -> int:
        """Keep these records, durable, and note what is finished."""
        changes = [
            UpdateOne(
                {"_id": one.patient},
                {
                    "$set": {"version": one.version, "features": Binary(one.features), "keys": list(one.keys)},
                    "$setOnInsert": {"person": one.person},
                },
                upsert=True,
            )
            for one in records
        ]
        changes += [
            UpdateOne({"_id": patient}, {"$max": {"version": version}}) for patient, version in finished.items()
        ]
        if not changes:
            return await self.changes()
        with translated():
            await self._records.bulk_write(changes, ordered=False)
        return await self._changed()

    async def changes(self) -> int:
        """How often the index was changed; counted after each change, so that what is counted can be read."""
        with translated():
            found = await self._settings.find_one({"_id": CHANGES})
        return int(found["value"]) if found is not None else 0

    async def _changed(self) -> int:
        """Count a change; how many there were before."""
        with translated():
            before = await self._settings.find_one_and_update({"_id": CHANGES}, {"$inc": {"value": 1}}, upsert=True)
        return int(before["value"]) if before is not None else 0

    async def leave(self, patients: Sequence[str]) -> None:
        """Forget these records."""
        if patients:
            with translated():
                await self._records.delete_many({"_id": {"$in": list(patients)}})
            await self._changed()

    async def records(self, patients: Sequence[str]) -> dict[str, PersonRecord]:
        """Those that are there."""
        return await self._found({"_id": {"$in": list(patients)}})

    async def mates(self, keys: Sequence[int], most: int) -> dict[str, PersonRecord]:
        """The records that share one of the keys, of keys that at most ``most`` records share."""
        wanted = list(dict.fromkeys(keys))
        limit = most * max(len(wanted), 1) + 1
        found = await self._found({"keys": {"$in": wanted}}, limit)
        if len(found) >= limit or any(count > most for count in _counted(found, wanted).values()):
            each = [await self._found({"keys": key}, most + 1) for key in wanted]
            return {patient: one for mates in each if len(mates) <= most for patient, one in mates.items()}
        return found

    async def members(self, persons: Sequence[str]) -> dict[str, PersonRecord]:
        """The records that belong to these golden records."""
        return await self._found({"person": {"$in": list(persons), "$type": "string"}})

    async def _found(self, where: Document, limit: int = 0) -> dict[str, PersonRecord]:
        with translated():
            documents = await self._records.find(where, limit=limit).to_list()
        return {each["_id"]: _record(each) for each in documents}

    async def settle(self, persons: Mapping[str, tuple[str | None, int]]) -> None:
        """Patient -> the golden record it now belongs to, and the version up to which that is known."""
        changes = [
            UpdateOne(
                {"_id": patient},
                {
                    "$set": {"person": person},
                    "$max": {"version": version},
                    "$setOnInsert": {"features": Binary(b""), "keys": []},
                },
                upsert=True,
            )
            for patient, (person, version) in persons.items()
        ]
        if changes:
            with translated():
                await self._records.bulk_write(changes, ordered=False)

    async def linked(self, patients: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each id that has others: all ids of its person."""
        wanted = list(dict.fromkeys(patients))
        with translated():
            own = await self._records.find({"_id": {"$in": wanted}}, {"person": 1}).to_list()
            known = {each["_id"]: each["person"] for each in own}
            person_of = {one: person for one in wanted if (person := known.get(one, one)) is not None}
            where = {"person": {"$in": sorted(set(person_of.values())), "$type": "string"}}
            together = await self._records.find(where, {"person": 1}, sort=[("_id", 1)]).to_list() if person_of else []
        members: dict[str, list[str]] = {}
        for each in together:
            members.setdefault(each["person"], []).append(each["_id"])
        return {one: (person, *members[person]) for one, person in person_of.items() if person in members}

    async def decide(self, decisions: Sequence[PersonDecision], forgotten: Sequence[tuple[str, str]] = ()) -> None:
        """Keep decisions, and forget those of pairs."""
        changes: list[Any] = [DeleteOne({"_id": _pair(*pair)}) for pair in forgotten]
        for one in decisions:
            document = {"_id": _pair(one.a, one.b), "a": one.a, "b": one.b, "decision": Binary(_encode(one))}
            changes.append(ReplaceOne({"_id": document["_id"]}, document, upsert=True))
        if changes:
            with translated():
                await self._decisions.bulk_write(changes)
            await self._changed()

    async def decisions(self, patients: Sequence[str]) -> list[PersonDecision]:
        """Those about any of the records."""
        named = list(dict.fromkeys(patients))
        where = {"$or": [{"a": {"$in": named}}, {"b": {"$in": named}}]}
        with translated():
            documents = await self._decisions.find(where, sort=[("_id", 1)]).to_list()
        return [_decode(bytes(each["decision"])) for each in documents]

    async def seen(self, sequence: int | None = None) -> int:
        """The last change the index is known to have looked at; with an argument, set first."""
        with translated():
            if sequence is not None:
                await self._settings.update_one({"_id": "persons"}, {"$set": {"seen": sequence}}, upsert=True)
            found = await self._settings.find_one({"_id": "persons"})
        return int(found["seen"]) if found else 0

    async def clear(self) -> None:
        """Forget every record."""
        with translated():
            await self._records.delete_many({})
            await self._settings.delete_one({"_id": "persons"})
        await self._changed()


def _counted(found: Mapping[str, PersonRecord], keys: Sequence[int]) -> Counter[int]:
    wanted = set(keys)
    return Counter(key for one in found.values() for key in one.keys if key in wanted)


def _record(document: Document) -> PersonRecord:
    keys = tuple(int(key) for key in document["keys"])
    return PersonRecord(document["_id"], document["version"], bytes(document["features"]), keys, document["person"])


def _pair(a: str, b: str) -> str:
    return f"{min(a, b)} {max(a, b)}"
