"""Several processes that map, check, serialise and index records, while one decides and writes."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from threading import Thread, active_count
from typing import TYPE_CHECKING, Any

from countyfhir.cli.unswept import SELDOM, unswept
from countyfhir.exchange import Account, Interaction, Ready, Resource, Write
from countyfhir.intake.reading import Unreadable
from countyfhir.model.definitions import definitions
from countyfhir.outcome import FhirError
from countyfhir.search import pinyin
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.intake.ahead import Ahead, Batch
    from countyfhir.intake.desk import Stream
    from countyfhir.intake.lookups import Tables
    from countyfhir.intake.reading import Record
    from countyfhir.interactions.world import World
    from countyfhir.mapping import MappedRecord, RecordMapping
    from countyfhir.store.ports import PersonRecord

WORTH_IT = 1 << 19
"""Bytes of input from which other processes pay."""
AT_A_TIME = 25
"""Records that a process takes at once."""
GIVING_WAY = 10
"""How much less a preparing process asks of a core than the one that writes."""
AHEAD = 3
"""Batches that are on their way."""


@dataclass(slots=True)
class Bench:
    """What a worker process keeps: a world of its own, opened to read, the mappings, and tables that records look
    things up in."""

    opened: Any
    loop: asyncio.AbstractEventLoop
    closing: Any
    mappings: Mapping[str, RecordMapping]
    tables: Tables


@dataclass(frozen=True, slots=True)
class Task:
    """What the records of a file are mapped by; ``prepare``: they are likely to be stored. ``file``, ``file_digest``:
    its name and SHA-256, which their Provenances state."""

    mapping: str
    folder: Path
    reused: frozenset[str]
    prepare: bool
    file: str
    file_digest: str


_BENCH: list[Bench] = []


def _end_with(parent: int) -> None:
    """End when the process that gives the work has died: nobody else will say so."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _start(settings: Settings, mappings: Mapping[str, RecordMapping] | None, parent: int) -> None:
    from countyfhir.app import open_world
    from countyfhir.cli.taking_in import sources
    from countyfhir.intake.lookups import Tables

    os.nice(GIVING_WAY)  # whoever decides and writes is what others wait for
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    loop = asyncio.new_event_loop()
    manager = open_world(settings)
    opened = loop.run_until_complete(manager.__aenter__())
    if mappings is None:
        mappings = {one.name: one for source in sources(settings) for one in source.mappings}
    _BENCH[:] = [Bench(opened, loop, manager, mappings, Tables())]
    gc.freeze()
    gc.set_threshold(*SELDOM)


def _mapped(task: Task, records: Sequence[Record]) -> list[MappedRecord]:
    """What the records become, their resources made ready where that can be done without the store."""
    from countyfhir.intake.ahead import mapped_record

    bench = _BENCH[0]
    mapping = bench.mappings[task.mapping]
    context = bench.tables.context(mapping, task.folder)
    made = [mapped_record(record, mapping, context, task.reused) for record in records]
    if not task.prepare:
        return [replace(one, environment={}) for one in made]
    pairs = zip(records, made, strict=True)
    return [replace(one, ready=_ready(record, one, mapping, task), environment={}) for record, one in pairs]


def _ready(record: Record, made: MappedRecord, mapping: RecordMapping, task: Task) -> dict[str, Ready]:
    """The resources of a record that are as they will be written, for all that is known here: those that others state
    better or complete are not; its Provenance is, should it be new."""
    from countyfhir.intake.committing import place_of, principal_of
    from countyfhir.interactions.prepare import prepared
    from countyfhir.mapping.provenance import provenance

    if made.outcome != "mapped" or not made.resources:
        return {}
    world = _BENCH[0].opened.world
    asked = Interaction("transaction", principal=principal_of(mapping), http_method="POST", account=Account())
    names = tuple(dict.fromkeys(f"{one['resourceType']}/{one['id']}" for one in made.resources))
    where = place_of(record, made, task.file, task.file_digest, world.now())
    source = provenance(mapping, made, where, "CREATE", names)
    found: dict[str, Ready] = {}
    for resource in (*made.resources, source):
        reference = f"{resource['resourceType']}/{resource['id']}"
        if reference in made.stubs or reference in made.merges:
            continue
        try:
            one = prepared(Write("PUT", resource["resourceType"], resource["id"], resource), asked, world)
        except FhirError:  # the door refuses it
            continue
        assert one.body is not None
        store = world.store.resources
        shape = store.shaped(one.entries, one.references)
        person = _person(resource, world)
        ready = Ready(resource, store.definitions, one.body, one.entries, one.references, one.patient, shape, person)
        found[reference] = ready
    return found


def _person(resource: Resource, world: World) -> PersonRecord | None:
    """What the index of persons will keep of a Patient."""
    if resource["resourceType"] != "Patient" or world.person_rules is None:
        return None
    from countyfhir.interactions.persons.compared import compared

    return compared(resource["id"], resource, world.person_rules())


def _load() -> None:
    """What every process needs, loaded once before they part: a second of work."""
    with unswept():
        import countyfhir.app  # noqa: F401
    pinyin.prepare()
    definitions()


@contextmanager
def preparing(settings: Settings, mappings: Mapping[str, RecordMapping], jobs: int) -> Iterator[Ahead | None]:
    """A way to map records ahead in so many processes; None for less than two."""
    if jobs < 2:
        yield None
        return
    forked = "fork" in get_all_start_methods() and active_count() == 1  # they then have what this process has loaded
    if forked:
        _load()
    context = get_context("fork" if forked else "spawn")
    with ProcessPoolExecutor(jobs, context, _start, (settings, mappings if forked else None, os.getpid())) as pool:
        pool.submit(os.getpid).result()
        yield lambda records, stream, size: _ahead(pool, records, stream, size)


Piece = tuple["list[Record]", "Future[list[MappedRecord]] | None"]


@dataclass(slots=True)
class _Source:
    """The records of a stream; ``failed`` is why there are no more of them."""

    records: Iterator[Record]
    failed: Unreadable | None = None
    over: bool = field(default=False)

    def take(self, size: int) -> list[Record]:
        """The next ones; those before a fault are not lost by it."""
        taken: list[Record] = []
        try:
            taken.extend(islice(self.records, size))
        except Unreadable as error:  # raised again when all before it are done
            self.failed, self.over = error, True
        self.over = self.over or len(taken) < size
        return taken


async def _ahead(
    pool: ProcessPoolExecutor, records: Iterator[Record], stream: Stream, size: int
) -> AsyncIterator[Batch]:
    """The batches of a stream, mapped by the pool while those before are written. Where a process of the pool has
    died, this one does what is left."""
    source = _Source(records)
    waiting: deque[list[Piece]] = deque()
    while waiting or not source.over:
        while not source.over and len(waiting) < AHEAD:
            waiting.append(_sent(pool, source.take(size), stream))
        batch: Batch = []
        for piece, future in waiting.popleft():
            batch += zip(piece, await _made(piece, future, stream), strict=True)
        if batch:
            yield batch
    if source.failed is not None:
        raise source.failed


def _sent(pool: ProcessPoolExecutor, records: list[Record], stream: Stream) -> list[Piece]:
    counts = stream.report.counts
    stored = not stream.report.read or counts["stored"] * 2 >= stream.report.read
    task = Task(stream.mapping.name, stream.folder, stream.reused, stored, stream.file, stream.file_digest)
    pieces = [records[at : at + AT_A_TIME] for at in range(0, len(records), AT_A_TIME)]
    try:
        return [(piece, pool.submit(_mapped, task, piece)) for piece in pieces]
    except (BrokenProcessPool, RuntimeError):
        return [(piece, None) for piece in pieces]


async def _made(piece: list[Record], future: Future[list[MappedRecord]] | None, stream: Stream) -> list[MappedRecord]:
    from countyfhir.intake.ahead import mapped_record

    if future is not None:
        try:
            return await asyncio.wrap_future(future)
        except BrokenProcessPool:
            pass
    return [mapped_record(record, stream.mapping, stream.context, stream.reused) for record in piece]


def jobs_for(size: int, wanted: int | None) -> int:
    """How many processes prepare: as many as asked for, else one a core where there is enough to do."""
    return wanted if wanted is not None else (os.cpu_count() or 1) if size >= WORTH_IT else 1
