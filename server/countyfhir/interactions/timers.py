"""The clock of the workflows: Tasks whose timer has come are looked at by their rules, by one process at a time (DOMAIN
5.5: timers as data)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from countyfhir.audit.record import record_of
from countyfhir.exchange import SYSTEM, Interaction, Plan, Stored
from countyfhir.interactions.ruling import on_time
from countyfhir.interactions.world import World
from countyfhir.interactions.write import commit
from countyfhir.outcome import FhirError
from countyfhir.search import parse
from countyfhir.search.query import Query, Sort
from countyfhir.store.ports import ConditionFailed
from countyfhir.workflow.timing import instant

log = logging.getLogger(__name__)

KIND = JOB = "workflow-timers"
LEASE = 30_000_000  # microseconds
AT_A_TIME = 100


async def watch_forever(world: World, owner: str, pause: float) -> None:
    """Look every ``pause`` seconds, until cancelled; another process goes on when this one is gone."""
    if world.rules is None:
        return
    jobs = world.store.jobs
    while True:
        try:
            await jobs.add(JOB, KIND, {})
            held = await jobs.lease(KIND, owner, world.now() + LEASE)
            while held is not None:
                more = await act(world)
                await asyncio.sleep(0 if more else pause)
                if not await jobs.report(JOB, owner, world.now() + LEASE, {}):
                    held = None
        except FhirError as error:
            log.warning("the timers of the workflows could not be looked after: %s", error)
        except asyncio.CancelledError:
            await asyncio.shield(jobs.report(JOB, owner, world.now(), {}))
            raise
        await asyncio.sleep(max(pause, 1.0))


async def act(world: World) -> bool:
    """Act on the Tasks whose timer has come, at most ``AT_A_TIME``; whether there may be more."""
    due = await _due(world)
    for one in due:
        try:
            await _act_on(one, world)
        except ConditionFailed:
            continue  # somebody has changed it meanwhile; if it is still due, the next look finds it
        except FhirError as error:
            log.warning("the timer of Task/%s could not be acted on: %s", one.logical_id, error)
    return len(due) == AT_A_TIME


async def _due(world: World) -> Sequence[Stored]:
    query = parse.criteria("Task", (("timer", f"le{instant(world.now())}"),), world.search)
    ordered: Query = replace(query, count=AT_A_TIME, sort=(Sort("timer", "date"),))
    return (await world.store.resources.search(ordered)).matches


async def _act_on(task: Stored, world: World) -> None:
    judged = await on_time(task, world)
    writes = judged.writes + judged.further
    asking = Interaction("update", principal=SYSTEM, base=world.search.base)
    records = tuple(
        record_of(asking, world.now(), 200, one.resource_type, one.logical_id, (one.patient,) if one.patient else ())
        for one in writes
    )
    await commit(Plan(writes, judged.criteria, records), world)
