"""The server processes on one store: each holds a leased row that tells which definitions version it works with, so
that a reindex waits for all of them (DESIGN decision 6)."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from countyfhir.interactions import extraction
from countyfhir.interactions.search_parameters import refresh
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError

log = logging.getLogger(__name__)

KIND = "worker"
LEASE = 30_000_000  # microseconds after which a silent process counts as gone
BEAT = 10.0  # seconds between signs of life
LOOK = 1.0  # seconds between looks at the definitions version


async def attend(world: World, owner: str) -> None:
    """Follow the definitions version and acknowledge it, until cancelled; then the row is free for another."""
    row: str | None = None
    told, next_beat = -1, 0.0
    waking = asyncio.create_task(_wake(world))
    clock = asyncio.get_running_loop().time
    try:
        while True:
            changed = world.searching.changed
            try:
                await refresh(world)
                await extraction.look(world)
                version = world.store.resources.definitions
                if row is None or version != told or clock() >= next_beat:
                    row = await _beat(row, owner, version, world)
                    told, next_beat = version, clock() + BEAT
            except FhirError as error:
                log.warning("the search definitions could not be looked at: %s", error)
            await pause(changed)
    finally:
        waking.cancel()
        if row is not None:
            with suppress(FhirError):
                await asyncio.shield(world.store.jobs.report(row, owner, 0, {"definitions": told}))


async def _wake(world: World) -> None:
    """Look at once when a search parameter was written, by whatever process."""
    woken = world.store.changed.listen(("SearchParameter",))
    while True:
        if await woken.wait(LOOK * 60):
            world.searching.announce()


async def have_acknowledged(version: int, world: World) -> bool:
    """Whether every process that is alive works with the version, or a newer one."""
    rows = await world.store.jobs.of_kind(KIND)
    alive = (row for row in rows if row.lease_until > world.now())
    return all(row.progress.get("definitions", -1) >= version for row in alive)


async def pause(changed: asyncio.Event) -> None:
    """Until something changed here, or it is time to look what others did."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK):  # wait_for of Python 3.11 can swallow a cancellation
            await changed.wait()


async def _beat(row: str | None, owner: str, version: int, world: World) -> str:
    """Renew the row, or take one that is free, or add one."""
    jobs, until, said = world.store.jobs, world.now() + LEASE, {"definitions": version}
    if row is not None and await jobs.report(row, owner, until, said):
        return row
    while (free := await jobs.lease(KIND, owner, until)) is None:
        await jobs.add(f"{KIND}-{world.new_id()}", KIND, {"definitions": version})
    await jobs.report(free.job_id, owner, until, said)
    return free.job_id
