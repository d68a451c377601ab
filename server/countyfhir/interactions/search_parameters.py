"""The county's own SearchParameter resources at work: checked when written, in the table of every process (DESIGN
decision 6)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from countyfhir.exchange import Plan, Resource, Write
from countyfhir.interactions import reindex_jobs
from countyfhir.interactions.conformance_changes import SHIPPED
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.model.definitions import Definitions
from countyfhir.outcome import FhirError
from countyfhir.search import custom
from countyfhir.search.custom import Custom
from countyfhir.search.query import Query, Sort, TokenIs
from countyfhir.store.ports import ConditionFailed

log = logging.getLogger(__name__)

TYPE = "SearchParameter"
_ACTIVE = Query((TYPE,), ((TokenIs("status", None, "active"),),), (Sort("_id", "token"),), count=500)


async def checked(plan: Plan, world: World) -> Plan:
    """The plan, raising the definitions version when it changes what is indexed. FhirError 422 with everything that is
    wrong with an active SearchParameter it writes."""
    made_with, known = world.search, world.definitions
    before = await _stored(world)
    writes = {write.logical_id: write for write in plan.writes if write.resource_type == TYPE}
    kept = [one for one in before if one["id"] not in writes]
    shipped = list(world.searching.shipped)
    written = [write.resource for write in writes.values() if write.resource is not None]
    after = _accepted(kept, known, shipped)
    own = {one.url for one in shipped}
    for resource in _simple_first(one for one in written if one.get("status") == "active"):
        if resource.get("url") in own and resource.get("meta", {}).get("source") == SHIPPED:
            continue
        problems = custom.issues(resource, after, known)
        if problems:
            raise FhirError(problems, status=422)
        if custom.is_custom(resource, known):
            after.append(custom.custom(resource, known))
    if world.search is not made_with:  # others changed the parameters meanwhile
        raise ConditionFailed("definitions", TYPE)
    same = _meanings(_accepted(before, known, shipped)) == _meanings(after)
    return plan if same else replace(plan, raises_definitions=True)


def concerns(writes: Iterable[Write]) -> bool:
    """Whether one of the writes is of a SearchParameter."""
    return any(write.resource_type == TYPE for write in writes)


async def reload(world: World) -> None:
    """Work with the parameters that the store has now, and know which of them are ready."""
    searching, resources = world.searching, world.store.resources
    async with searching.reloading:
        version, customs = await _consistent(world)
        job = await reindex_jobs.ensured(version, customs, world.store.jobs)
        waiting = reindex_jobs.waiting(job, customs)
        table = custom.table([*searching.shipped, *customs], waiting, world.definitions)
        resources.definitions = version
        searching.context, searching.waiting = replace(searching.context, parameters=table), waiting
        world.statements.clear()
        searching.announce()


async def refresh(world: World) -> bool:
    """Reload where the store has moved on: other parameters, or some became ready. Returns whether it had."""
    resources = world.store.resources
    version = await resources.definitions_version()
    if version == resources.definitions:
        if not world.searching.waiting:
            return False
        job = await world.store.jobs.read(reindex_jobs.job_id(version))
        if job is None or job.state != "finished":
            return False
    await reload(world)
    return True


async def _consistent(world: World) -> tuple[int, list[Custom]]:
    """A definitions version and the parameters it stands for."""
    resources = world.store.resources
    version = await resources.definitions_version()
    while True:
        stored = await _stored(world) if version else []
        again = await resources.definitions_version()
        if again == version:
            shipped = list(world.searching.shipped)
            return version, _accepted(stored, world.definitions, shipped)[len(shipped) :]
        version = again


async def _stored(world: World) -> list[Resource]:
    """The stored SearchParameters that define a parameter of the county, by id."""
    found: list[Resource] = []
    query, shipped = _ACTIVE, {one.url for one in world.searching.shipped}
    while True:
        page = await world.store.resources.search(query)
        bodies = (json.parse(one.body) for one in page.matches if one.body is not None)
        found += [one for one in bodies if custom.is_custom(one, world.definitions) and one.get("url") not in shipped]
        if page.cursor is None:
            return found
        query = replace(query, cursor=page.cursor)


def shipped_ones(resources: Iterable[Resource], known: Definitions) -> tuple[Custom, ...]:
    """The parameters that come with the program: part of its extraction, ready from the start, and right as they are
    (tests look at them; checking each time would load the FHIRPath engine)."""
    return tuple(custom.custom(one, known) for one in resources)


def _accepted(resources: Iterable[Resource], known: Definitions, before: list[Custom]) -> list[Custom]:
    """``before``, and those that can be used beside each other; what was stored and cannot (a component that is gone)
    is left out."""
    accepted = list(before)
    for resource in _simple_first(resources):
        problems = custom.issues(resource, accepted, known)
        if problems:
            log.warning("SearchParameter/%s is not used: %s", resource.get("id"), problems[0].diagnostics)
        else:
            accepted.append(custom.custom(resource, known))
    return accepted


def _simple_first(resources: Iterable[Resource]) -> list[Resource]:
    return sorted(resources, key=lambda one: one.get("type") == "composite")


def _meanings(customs: Iterable[Custom]) -> set[tuple[str, str, str]]:
    return {(one.url, one.code, one.meaning) for one in customs}
