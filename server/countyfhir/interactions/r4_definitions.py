"""R4's own StructureDefinitions, SearchParameters, OperationDefinitions and CompartmentDefinitions as resources of the
server: loaded once into each store, by one process, in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from itertools import islice

from countyfhir.exchange import Plan, Resource, Write
from countyfhir.interactions.create import new
from countyfhir.interactions.giving_way import quiet
from countyfhir.interactions.prepare import indexed
from countyfhir.interactions.route import ID
from countyfhir.interactions.search_parameters import refresh
from countyfhir.interactions.world import World
from countyfhir.model import json, library
from countyfhir.outcome import FhirError
from countyfhir.search.context import Context
from countyfhir.store.ports import ConditionFailed

log = logging.getLogger(__name__)

JOB = "r4-definitions-4.0.1"
KIND = "r4-definitions"
AT_A_TIME = 10
PAUSE = 10.0  # seconds until the next look
LEASE = 60_000_000  # microseconds


async def load(world: World, owner: str) -> int:
    """Write those that are not there yet; returns how many were written. Goes on where an interrupted load stopped, and
    does nothing while another process is at it or when it was finished before."""
    jobs = world.store.jobs
    await jobs.add(JOB, KIND, {"done": 0})
    job = await jobs.lease(KIND, owner, world.now() + LEASE)
    if job is None:
        return 0
    done, written = int(job.progress.get("done", 0)), 0
    lines = islice(library.base_lines(), done, None)
    try:
        while chunk := list(islice(lines, AT_A_TIME)):
            await quiet(world.busy)
            written += await _written(chunk, world)
            done += len(chunk)
            if not await jobs.report(JOB, owner, world.now() + LEASE, {"done": done}):
                return written
    except asyncio.CancelledError:
        await asyncio.shield(jobs.report(JOB, owner, world.now(), {"done": done}))  # another may go on at once
        raise
    await jobs.report(JOB, owner, world.now() + LEASE, {"done": done}, "finished")
    log.info("loaded %d base definitions of R4", written)
    return written


async def load_once(world: World, owner: str) -> None:
    """``load`` until the store has them all: where another process stopped half way, this one goes on. A store that
    cannot take them at the moment (full, read-only) is asked again."""
    while True:
        try:
            await load(world, owner)
            job = await world.store.jobs.read(JOB)
            if job is not None and job.state == "finished":
                return
        except FhirError as error:
            log.warning("the base definitions could not be loaded yet: %s", error)
        await asyncio.sleep(PAUSE)


async def _written(lines: Sequence[bytes], world: World) -> int:
    """Write those that are new; once more when the search parameters changed meanwhile."""
    while True:
        made_with = world.search
        writes = await asyncio.to_thread(_prepared, lines, world)
        try:
            return await _commit(writes, world, made_with)
        except ConditionFailed:
            await refresh(world)


def _prepared(lines: Sequence[bytes], world: World) -> list[Write]:
    """Their writes, unchecked: the specification's own resources are taken as they were published."""
    resources: list[Resource] = [json.parse(line) for line in lines]
    kept = [one for one in resources if ID.match(one["id"])]
    return [indexed(new(one["resourceType"], one["id"], one, "PUT"), world.search.base, world) for one in kept]


async def _commit(writes: list[Write], world: World, made_with: Context) -> int:
    """All in one commit; one by one where some are there already, which stay as they are. ConditionFailed when the
    search parameters are no longer those that the index entries were made with."""
    if world.search is not made_with:
        raise ConditionFailed("definitions", "")
    try:
        return len(await world.store.resources.commit(Plan(tuple(writes))))
    except ConditionFailed as failed:
        if failed.kind == "definitions":
            raise
        if len(writes) == 1:
            return 0
    return sum([await _commit([write], world, made_with) for write in writes])
