"""Which version of extraction the index entries of a store were made by, and the job that makes them anew when this
program extracts otherwise (DESIGN decision 6).

The store keeps a row for every change of version (kind ``extraction``, oldest first): the last one counts. A program
that finds another version than its own adds a row, and before it a reindex job of all types, unless nothing was stored.
"""

from __future__ import annotations

import logging

from countyfhir.interactions import reindex_jobs
from countyfhir.interactions.reindex_jobs import UNFINISHED
from countyfhir.interactions.world import World
from countyfhir.outcome import Issue
from countyfhir.search.parameters import EXTRACTION_VERSION
from countyfhir.search.query import Query

log = logging.getLogger(__name__)

KIND = "extraction"


async def follow(world: World) -> None:
    """Compare the store with this program, add the job where they differ, and know whether one is under way."""
    jobs = world.store.jobs
    rows, present = await jobs.of_kind(KIND), version(world)
    if not rows or rows[-1].progress["version"] != present:
        name = f"{reindex_jobs.KIND}-extraction-{len(rows) + 1}" if await _holds_anything(world) else None
        if name is not None and await jobs.add(name, reindex_jobs.KIND, reindex_jobs.asked_for(None)):
            log.warning(
                "another version of this program made the index entries of this store; %s makes them anew", name
            )
        await jobs.add(f"{KIND}-{len(rows) + 1}", KIND, {"version": present, "job": name})
        rows = await jobs.of_kind(KIND)
    world.searching.behind = rows[-1].progress["job"]
    await look(world)


def version(world: World) -> int | str:
    """What the entries of this program are: its own version, with the meanings of the parameters that come with it."""
    meanings = sorted(one.meaning for one in world.searching.shipped)
    if world.access is not None:
        meanings.append(world.access.version)
    return f"{EXTRACTION_VERSION}-{'-'.join(meanings)}" if meanings else EXTRACTION_VERSION


async def look(world: World) -> None:
    """Whether the job that searches are behind of has ended meanwhile."""
    searching = world.searching
    if searching.behind is None:
        return
    job = await world.store.jobs.read(searching.behind)
    if job is None or job.state not in UNFINISHED:
        log.info("the index entries of this store are those of this program")
        searching.behind = None


def warning(world: World) -> tuple[Issue, ...]:
    """What a search says while entries of another version are about."""
    if world.searching.behind is None:
        return ()
    text = (
        f"The index is made anew after a change of program ({world.searching.behind}; $reindex-status tells how far "
        "it is): until then, something may be missing here."
    )
    return (Issue("incomplete", text, (), "warning"),)


async def _holds_anything(world: World) -> bool:
    query = Query(world.search.parameters.endpoint_types, count=1)
    return bool((await world.store.resources.search(query)).matches)
