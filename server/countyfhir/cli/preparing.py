"""Several processes that check, serialise and index resources, while one writes them."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from countyfhir.exchange import SYSTEM, Body, Interaction, Ready, Resource, Write
from countyfhir.outcome import FhirError
from countyfhir.settings import Settings

WORTH_IT = 2 << 20
"""Bytes of input from which starting other processes pays."""
_AT_A_TIME = 25
"""Resources that a process takes at once."""

Made = tuple[int, Body, Any, Any, str | None]
_WORLD: list[Any] = []


def _start(settings: Settings) -> None:
    """What a worker process keeps: a world of its own, opened to read."""
    from countyfhir.app import open_world

    loop = asyncio.new_event_loop()
    manager = open_world(settings)
    _WORLD[:] = [loop.run_until_complete(manager.__aenter__()), loop, manager]
    gc.freeze()


def _prepared(resources: list[Resource]) -> list[Made | None]:
    """Each resource made ready, or None for one that the door has to refuse itself."""
    from countyfhir.interactions.prepare import prepared

    world = _WORLD[0].world
    asked = Interaction("transaction", principal=SYSTEM, http_method="POST")
    made: list[Made | None] = []
    for one in resources:
        try:
            ready = prepared(Write("PUT", one["resourceType"], one["id"], one), asked, world)
        except FhirError:
            made.append(None)
            continue
        assert ready.body is not None
        made.append((world.store.resources.definitions, ready.body, ready.entries, ready.references, ready.patient))
    return made


@contextmanager
def preparing(settings: Settings, jobs: int) -> Iterator[Any]:
    """A function that prepares resources in so many processes; None for less than two."""
    if jobs < 2:
        yield None
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), _start, (settings,)) as pool:

        async def prepare(resources: Sequence[Resource]) -> Mapping[str, Ready]:
            pieces = [list(resources[at : at + _AT_A_TIME]) for at in range(0, len(resources), _AT_A_TIME)]
            loop = asyncio.get_running_loop()
            answers = await asyncio.gather(*(loop.run_in_executor(pool, _prepared, piece) for piece in pieces))
            made = (one for answer in answers for one in answer)
            return {
                f"{resource['resourceType']}/{resource['id']}": Ready(resource, *one)
                for resource, one in zip(resources, made, strict=True)
                if one is not None
            }

        yield prepare


def jobs_for(size: int, wanted: int | None) -> int:
    """How many processes prepare: as many as asked for, else one a core where there is enough to do."""
    return wanted if wanted is not None else (os.cpu_count() or 1) if size >= WORTH_IT else 1
