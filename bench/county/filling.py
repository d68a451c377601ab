"""Fills a store with the county: other processes check, serialise and index resources, this one commits them.

What is done to a resource is what the server does on a PUT (structure checked, indexed by the same extractors) and the
commit is the store's own; only the door, the bundle and the answer are left out, and while a store is filled its
commits need not reach the disk one by one. Residents come in order, some in each commit, so that a fill that was
killed goes on from the residents that are there (``filled``).
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from bench.county.making import FULL, Scale, county
from bench.loading import Loaded
from countyfhir.exchange import Plan, Write
from countyfhir.interactions.prepare import body_of
from countyfhir.search.context import default_context
from countyfhir.store import sqlite
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.validation import structure
from tests import stores

TOGETHER = 20
"""Residents of a commit."""
FEW = 100
"""Resources of a commit on MongoDB, where SecantusDB may stand behind: it takes seconds for them."""
AHEAD = 12
"""Parts that are prepared or wait to be committed."""
BASE = "http://localhost/fhir"
FILLING = {"synchronous": "OFF", "cache_size": 2**30, "wal_soft": 2**28, "wal_hard": 2**29}


def fill(store: Path, first: int, count: int, scale: Scale = FULL) -> Loaded:
    """Add the residents numbered ``first`` up to ``count`` to the store in the file."""
    begun = time.perf_counter()
    return Loaded(asyncio.run(_filled(store, first, count, scale)), time.perf_counter() - begun)


def filled(store: Path) -> int:
    """How many residents the store in the file has; 0 where there is no file. One on MongoDB is filled anew."""
    if stores.chosen != "sqlite" or not store.exists():
        return 0
    connection = apsw.Connection(str(store))
    try:
        found = fetch(connection, "SELECT current FROM resource_type WHERE name = 'Patient'")
    finally:
        connection.close()
    return int(found[0][0]) if found else 0


async def _filled(store: Path, first: int, count: int, scale: Scale) -> int:
    resources = 0
    with multiprocessing.get_context("spawn").Pool(len(os.sched_getaffinity(0)), gc.disable) as pool:
        opened = sqlite.open(store, **FILLING) if stores.chosen == "sqlite" else await stores.opened(store)
        try:
            ahead = threading.Semaphore(AHEAD)
            for writes in pool.imap(prepared, _ranges(first, count, scale, ahead)):
                ahead.release()
                at_once = len(writes) if stores.chosen == "sqlite" else FEW
                for start in range(0, len(writes), at_once):
                    await opened.resources.commit(Plan(tuple(writes[start : start + at_once])))
                resources += len(writes)
        finally:
            await opened.close()
    return resources


def _ranges(first: int, count: int, scale: Scale, ahead: threading.Semaphore) -> Iterator[tuple[int, int, Scale]]:
    """Parts of the county, each given out when there is room for what comes of it."""
    for start in range(first, count, TOGETHER):
        ahead.acquire()
        yield start, min(start + TOGETHER, count), scale


def prepared(part: tuple[int, int, Scale]) -> list[Write]:
    """The writes of a range of residents. AssertionError when the generator made something that does not pass."""
    first, behind, scale = part
    return list(writes_of(first, behind, scale))


def writes_of(first: int, behind: int, scale: Scale) -> Iterator[Write]:
    """Each resource with its text and what it is found by, as a PUT makes them."""
    indexer = default_context().indexer(BASE)
    for resource in county(behind, scale, first):
        problems = [issue for issue in structure.check(resource) if issue.severity in ("error", "fatal")]
        assert not problems, (resource["id"], problems)
        body = body_of(resource)
        found = indexer.index(resource, body.head + body.tail)
        kind, logical_id = resource["resourceType"], resource["id"]
        yield Write("PUT", kind, logical_id, None, None, body, found.entries, found.references, found.patient)
