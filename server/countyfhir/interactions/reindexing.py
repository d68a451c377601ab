"""Doing the reindex jobs: batch after batch beside running writers, by whichever process holds the job (DESIGN
decision 6)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from countyfhir.interactions import extraction, reindex_jobs, workers
from countyfhir.interactions.reindex_jobs import KIND, UNFINISHED
from countyfhir.interactions.search_parameters import refresh, reload
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.search import extract
from countyfhir.search.entries import Entry
from countyfhir.search.query import Query
from countyfhir.store.ports import ConditionFailed, Extract, Job

log = logging.getLogger(__name__)

AT_A_TIME = 200
LEASE = 60_000_000  # microseconds
PAUSE = 0.2  # seconds between looks at what others do
_STAMPED = ("versionId", "lastUpdated")

Told = Callable[[Job], None]
"""Hears of a job as it goes on."""


async def add(types: Iterable[str] | None, world: World) -> str:
    """Add the job of making the entries of the types (None: all) anew, and wake who works on jobs; returns its id."""
    name = f"{KIND}-{world.new_id()}"
    await world.store.jobs.add(name, KIND, reindex_jobs.asked_for(types) | {"with": made_with(world)})
    world.searching.announce()
    return name


def made_with(world: World) -> list[str]:
    """The settings that entries depend on: a job that was stopped is only gone on with under the same ones."""
    return [str(world.search.zone), world.search.base]


async def unfinished(world: World) -> list[Job]:
    """Jobs that are waiting or running, oldest first."""
    return [job for job in await world.store.jobs.of_kind(KIND) if job.state in UNFINISHED]


async def work(world: World, owner: str, told: Told | None = None) -> bool:
    """Do the oldest job that nobody holds; false when there is none. A job that is stopped half way is gone on with,
    here or elsewhere."""
    if not await unfinished(world):
        return False
    job = await world.store.jobs.lease(KIND, owner, world.now() + LEASE)
    if job is None:
        return False
    held = _Held(job, world, owner, told)
    try:
        await _perform(held)
    except BaseException:
        with suppress(FhirError):  # the store may be what failed; then the lease runs out
            await asyncio.shield(world.store.jobs.report(job.job_id, owner, world.now(), held.progress))
        raise
    return True


async def follow(name: str, world: World, owner: str, told: Told | None = None) -> Job:
    """Work, or wait for others who do, until the job of that name has ended; returns it as it ended."""
    while True:
        job = await world.store.jobs.read(name)
        assert job is not None
        if told is not None:
            told(job)
        if job.state not in UNFINISHED:
            return job
        if not await work(world, owner, told):
            await asyncio.sleep(PAUSE)


class _Held:
    """A job that this process holds."""

    def __init__(self, job: Job, world: World, owner: str, told: Told | None) -> None:
        self.job, self.world, self.owner, self._told = job, world, owner, told
        self.progress: dict[str, Any] = dict(job.progress)

    async def report(self, state: str = "running") -> bool:
        """Keep the progress and the lease; false when another process has taken the job over."""
        until = self.world.now() + LEASE
        mine = await self.world.store.jobs.report(self.job.job_id, self.owner, until, self.progress, state)
        if self._told is not None and mine:
            self._told(Job(self.job.job_id, KIND, state, self.owner, until, self.job.created, self.progress))
        return mine


async def _perform(held: _Held) -> None:
    await refresh(held.world)
    version = await held.world.store.resources.definitions_version()
    if reindex_jobs.is_superseded(held.job, version):
        await held.report("failed")
        return
    while not await workers.have_acknowledged(version, held.world):
        await asyncio.sleep(PAUSE)
        if not await held.report():
            return
    held.progress.setdefault("total", await _total(held.progress["types"], held.world))
    if await _batches(held):
        await refresh(held.world)
        await extraction.look(held.world)


async def _batches(held: _Held) -> bool:
    """Until the last batch; false when the job is no longer ours or no longer wanted."""
    resources, progress, after = held.world.store.resources, held.progress, held.progress["after"]
    while after is not None:
        extracting = _Extracting(held.world)
        try:
            done = await resources.reindex(
                extracting.extract, resource_types=progress["types"], after=after, count=AT_A_TIME
            )
        except ConditionFailed:
            await reload(held.world)
            if reindex_jobs.is_superseded(held.job, resources.definitions):
                await held.report("failed")
                return False
            continue
        progress["checked"] += done.checked
        progress["changed"] += done.changed
        progress["failed"] += extracting.failed
        after = progress["after"] = done.after
        if not await held.report("running" if after is not None else "finished"):
            return False
    return True


class _Extracting:
    """Extraction with one search context for a whole batch; counts what cannot be indexed, which then has no
    entries."""

    def __init__(self, world: World) -> None:
        self.failed, self._search = 0, world.search
        self.extract: Extract = self._of

    def _of(self, resource_type: str, body: bytes) -> tuple[Iterable[Entry], Iterable[tuple[str, str]]]:
        resource = json.parse(body)
        for stamp in _STAMPED:  # the store's own, which no write brings
            resource["meta"].pop(stamp, None)
        try:
            found = extract.index(resource, self._search, self._search.base)
        except FhirError:
            self.failed += 1
            return (), ()
        return found.entries, found.references


async def _total(types: list[str] | None, world: World) -> int | None:
    """How many resources there are to look at; None when counting takes too long."""
    wanted = tuple(sorted(world.definitions.endpoint_types)) if types is None else tuple(types)
    if not wanted:
        return 0
    try:
        return (await world.store.resources.search(Query(wanted, count=0, total="accurate"))).total
    except FhirError:
        return None


async def work_forever(world: World, owner: str) -> None:
    """Do jobs as they come, woken by a change; what fails is tried again later."""
    while True:
        changed = world.searching.changed
        try:
            while await work(world, owner):
                pass
        except FhirError as error:
            log.warning("a reindex stopped and will be gone on with: %s", error)
        await workers.pause(changed)
