"""What ships in ``profiles/`` and ``terminology/``, and in an operator's folders beside them, as resources of the
server: a client finds the county's profiles, forms and tables under their canonical URLs (R4 section 2.1.27).

They are written once for each state of the files, by one process, in the background. A resource that somebody else has
put under the same id stays as it is.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Sequence

from countyfhir.exchange import Plan, Resource, Stored, Write
from countyfhir.interactions.conformance_changes import SHIPPED
from countyfhir.interactions.giving_way import quiet
from countyfhir.interactions.prepare import indexed
from countyfhir.interactions.search_parameters import refresh
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.store.ports import ConditionFailed

log = logging.getLogger(__name__)

KIND = "county-definitions"
AT_A_TIME = 10
PAUSE = 10.0  # seconds until the next look
LEASE = 60_000_000  # microseconds
NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9.-]+")
LONGEST_ID = 64

Read = Callable[[], Iterable[Resource]]
"""The resources of the files, in the same order each time."""


async def load_once(world: World, owner: str, read: Read) -> None:
    """Write what the files hold until the store has it all; a store that cannot take it at the moment is asked
    again."""
    resources = await asyncio.to_thread(lambda: each_once(named(one) for one in read()))
    job_id = f"{KIND}-{fingerprint(resources)[:16]}"
    while True:
        try:
            if await load(world, owner, job_id, resources):
                return
        except FhirError as error:
            log.warning("the county's definitions could not be loaded yet: %s", error)
        await asyncio.sleep(PAUSE)


async def load(world: World, owner: str, job_id: str, resources: Sequence[Resource]) -> bool:
    """Write those that are new or other than before; true when the job is done, by this process or another."""
    jobs = world.store.jobs
    await jobs.add(job_id, KIND, {"done": 0})
    job = await jobs.lease(KIND, owner, world.now() + LEASE)
    if job is None or job.job_id != job_id:
        if job is not None:  # of files that are no longer these: done with
            await jobs.report(job.job_id, owner, world.now() + LEASE, job.progress, "finished")
        found = await jobs.read(job_id)
        return found is not None and found.state == "finished"
    done, written = int(job.progress.get("done", 0)), 0
    while chunk := resources[done : done + AT_A_TIME]:
        await quiet(world.busy)
        written += await write(chunk, world)
        done += len(chunk)
        if not await jobs.report(job_id, owner, world.now() + LEASE, {"done": done}):
            return False
    await jobs.report(job_id, owner, world.now() + LEASE, {"done": done}, "finished")
    log.info("loaded %d definitions of the county", written)
    return True


async def write(resources: Sequence[Resource], world: World) -> int:
    """Those that the store has not, or has otherwise from an earlier state of the files; returns how many."""
    while True:
        made_with = world.search
        keys = [(one["resourceType"], one["id"]) for one in resources]
        present = await world.store.resources.read_many(keys)
        writes = await asyncio.to_thread(writes_of, resources, present, world)
        if world.search is made_with:
            try:
                return len(await world.store.resources.commit(Plan(tuple(writes)))) if writes else 0
            except ConditionFailed:
                pass
        await refresh(world)


def writes_of(resources: Iterable[Resource], present: dict[tuple[str, str], Stored], world: World) -> list[Write]:
    """What has to be written, with index entries."""
    wanted = [found for one in resources if (found := write_of(one, present))]
    return [indexed(one, world.search.base, world) for one in wanted]


def write_of(resource: Resource, present: dict[tuple[str, str], Stored]) -> Write | None:
    """The write that makes the store hold the resource; None when it does, or holds one of somebody else's."""
    resource_type, logical_id = resource["resourceType"], resource["id"]
    stored = present.get((resource_type, logical_id))
    if stored is None:
        return Write("PUT", resource_type, logical_id, resource, expected_version=0)
    before = json.parse(stored.body) if stored.body is not None else {}
    meta = before.get("meta", {})
    if meta.get("source") != SHIPPED or same(before, resource):
        return None
    return Write("PUT", resource_type, logical_id, resource, expected_version=stored.version_id)


def same(stored: Resource, resource: Resource) -> bool:
    """Whether only version and instant differ."""
    meta = {name: value for name, value in stored["meta"].items() if name not in ("versionId", "lastUpdated")}
    return json.dumps({**stored, "meta": meta}) == json.dumps(resource)


def named(resource: Resource) -> Resource:
    """The resource with a logical id (from its own, or from its URL) and the mark of where it comes from."""
    own = str(resource.get("id") or str(resource.get("url", "")).rpartition("/")[2] or resource.get("name", ""))
    logical_id = NOT_IN_AN_ID.sub("-", own).strip("-")[:LONGEST_ID]
    meta = {**resource.get("meta", {}), "source": SHIPPED}
    return {"resourceType": resource["resourceType"], "id": logical_id, "meta": meta} | {
        name: value for name, value in resource.items() if name not in ("resourceType", "id", "meta")
    }


def each_once(resources: Iterable[Resource]) -> list[Resource]:
    """One of each type and id; what a later folder has stands in the place of an earlier one's."""
    return list({(one["resourceType"], one["id"]): one for one in resources}.values())


def fingerprint(resources: Iterable[Resource]) -> str:
    """SHA-256 of all of them."""
    digest = hashlib.sha256()
    for one in resources:
        digest.update(json.dumps(one))
    return digest.hexdigest()
