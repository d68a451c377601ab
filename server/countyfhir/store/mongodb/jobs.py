"""Jobs as leased documents: one process works on a job, another takes over when its lease runs out."""

from __future__ import annotations

from typing import Any

import msgspec
from bson.binary import Binary
from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from countyfhir.store import instant
from countyfhir.store.mongodb.faults import translated
from countyfhir.store.mongodb.reading import Document
from countyfhir.store.ports import Job

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_OLDEST_FIRST = [("created", 1), ("_id", 1)]


class MongoJobs:
    """``JobStore`` on a MongoDB database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._jobs = database["job"]

    async def add(self, job_id: str, kind: str, progress: dict[str, Any]) -> bool:
        """Add a waiting job; false when there is one of this id."""
        job = {
            "_id": job_id,
            "kind": kind,
            "state": "waiting",
            "owner": None,
            "lease_until": 0,
            "created": instant.now(),
            "progress": Binary(_encode(progress)),
        }
        with translated():
            try:
                await self._jobs.insert_one(job)
            except DuplicateKeyError:
                return False
        return True

    async def lease(self, kind: str, owner: str, until: int) -> Job | None:
        """The oldest unfinished job of the kind that nobody holds, now held by ``owner`` until the instant."""
        free = {"kind": kind, "state": {"$in": ["waiting", "running"]}, "lease_until": {"$lte": instant.now()}}
        held = {"$set": {"state": "running", "owner": owner, "lease_until": until}}
        with translated():
            found = await self._jobs.find_one_and_update(
                free, held, sort=_OLDEST_FIRST, return_document=ReturnDocument.AFTER
            )
        return _job(found) if found else None

    async def report(
        self, job_id: str, owner: str, until: int, progress: dict[str, Any], state: str = "running"
    ) -> bool:
        """Renew the lease and keep the progress; ``state`` finished or failed ends the job. False: it is no longer
        ours."""
        change = {"$set": {"state": state, "lease_until": until, "progress": Binary(_encode(progress))}}
        with translated():
            done = await self._jobs.update_one({"_id": job_id, "owner": owner, "state": "running"}, change)
        return done.matched_count > 0

    async def read(self, job_id: str) -> Job | None:
        """One job."""
        with translated():
            found = await self._jobs.find_one({"_id": job_id})
        return _job(found) if found else None

    async def of_kind(self, kind: str) -> list[Job]:
        """All jobs of a kind, oldest first."""
        with translated():
            return [_job(each) async for each in self._jobs.find({"kind": kind}, sort=_OLDEST_FIRST)]


def _job(kept: Document) -> Job:
    progress = _decode(bytes(kept["progress"]))
    return Job(kept["_id"], kept["kind"], kept["state"], kept["owner"], kept["lease_until"], kept["created"], progress)
