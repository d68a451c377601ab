"""Conformance resources at work as soon as they are written: in this process before the answer, in others within a
second, and after a restart (R4 section 4.6: what a server is asked about, it uses)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from countyfhir.exchange import Resource, Stored, Write
from countyfhir.model import json
from countyfhir.outcome import FhirError, Issue
from countyfhir.search.query import Query, Sort
from countyfhir.store.ports import HistoryQuery, ResourceStore

if TYPE_CHECKING:
    from countyfhir.interactions.world import World

log = logging.getLogger(__name__)

TYPES = ("CodeSystem", "ValueSet", "ConceptMap", "NamingSystem", "StructureDefinition")
SHIPPED = "https://fhir.county-hc.example/shipped"
"""``meta.source`` of the resources that come from files; whoever writes over one leaves it out, and keeps his
version."""
LOOK = 0.7  # seconds between looks at what lies beside the store
BEAT = 15.0  # seconds between looks at the history when nothing is announced
_PAGE = 100

Follow = Callable[[str, str, Resource | None], None]
"""Takes a resource type, a logical id and the present resource (None: it was deleted)."""
Check = Callable[[Resource], list[Issue]]
"""What is wrong with a resource that is to be written."""


@dataclass(slots=True)
class Followers:
    """Who takes up what is written. ``by_type``: resource type -> functions, called for every version that becomes the
    present one (maybe twice for one version); ``checks``: what refuses a write. ``seen``: the last change of each
    type that was taken up. ``refresh``: called at every look. ``whole``: told once all logical ids of a type that are
    there, after each was handed over. Registered by the composition root before the first request."""

    by_type: dict[str, list[Follow]] = field(default_factory=dict)
    checks: dict[str, list[Check]] = field(default_factory=dict)
    refresh: list[Callable[[], object]] = field(default_factory=list)
    whole: dict[str, list[Callable[[str, frozenset[str]], None]]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def follow(self, resource_types: Iterable[str], follower: Follow) -> None:
        """Call ``follower`` for what is written of these types."""
        for name in resource_types:
            self.by_type.setdefault(name, []).append(follower)

    def check(self, resource_types: Iterable[str], check: Check) -> None:
        """Refuse writes of these types that ``check`` finds an error in."""
        for name in resource_types:
            self.checks.setdefault(name, []).append(check)

    def take(self, resource_type: str, logical_id: str, resource: Resource | None) -> None:
        """Hand a present version to its followers; one that fails is logged and does not stop the others. What comes
        from files is known to them already."""
        if is_shipped(resource):
            return
        for follower in self.by_type.get(resource_type, ()):
            try:
                follower(resource_type, logical_id, resource)
            except (FhirError, LookupError, TypeError, ValueError) as error:
                log.warning("%s/%s is not used: %s", resource_type, logical_id, type(error).__name__)


def is_shipped(resource: Resource | None) -> bool:
    """Whether a stored resource is one of the files', which profiles and terminology read for themselves."""
    return resource is not None and resource.get("meta", {}).get("source") == SHIPPED


def concerns(writes: Iterable[Write]) -> bool:
    """Whether one of the writes is of a conformance type."""
    return any(write.resource_type in TYPES for write in writes)


def refuse_broken(writes: Iterable[Write], world: World) -> None:
    """FhirError 422 with everything that makes a conformance resource unusable."""
    problems: list[Issue] = []
    for write in writes:
        if write.resource is not None:
            for check in world.followers.checks.get(write.resource_type, ()):
                problems += check(write.resource)
    if any(one.severity in ("error", "fatal") for one in problems):
        raise FhirError(problems, status=422)


async def taken_up(writes: Iterable[Write], stored: Iterable[Stored], world: World) -> None:
    """Use what this process has just committed."""
    for write, version in zip(writes, stored, strict=True):
        if write.resource_type in world.followers.by_type:
            await _take(version, world)


async def catch_up(world: World, types: Iterable[str] | None = None) -> bool:
    """Use what others have written since the last look; the first look at a type goes through everything that is there.
    ``types``: only these. Returns whether there was anything."""
    followers, resources = world.followers, world.store.resources
    found = False
    async with followers.changing:
        _refresh(world)
        for name in list(followers.by_type) if types is None else types:
            if name not in followers.seen:
                followers.seen[name] = await _newest(name, resources)
                found = await _all(name, world) or found
            else:
                found = await _since(name, world) or found
    return found


async def _newest(name: str, resources: ResourceStore) -> int:
    page = await resources.history(HistoryQuery(name, count=1))
    return page.versions[0].sequence if page.versions else 0


async def _all(name: str, world: World) -> bool:
    """Take up every present resource of a type."""
    query, there = Query((name,), (), (Sort("_id", "token"),), count=_PAGE), set()
    while True:
        page = await world.store.resources.search(query)
        for one in page.matches:
            await _take(one, world)
            there.add(one.logical_id)
        if page.cursor is None:
            break
        query = replace(query, cursor=page.cursor)
    for told in world.followers.whole.get(name, ()):
        await asyncio.to_thread(told, name, frozenset(there))
    return bool(there)


async def _since(name: str, world: World) -> bool:
    """Take up the versions of a type that came after the last look, the oldest first."""
    last, cursor, count = world.followers.seen[name], None, 1
    new: list[Stored] = []
    while True:
        page = await world.store.resources.history(HistoryQuery(name, count=count, cursor=cursor))
        new += [one for one in page.versions if one.sequence > last]
        if page.cursor is None or not page.versions or page.versions[-1].sequence <= last:
            break
        cursor, count = page.cursor, _PAGE
    newest = {one.logical_id: one for one in reversed(new)}
    for one in newest.values():
        await _take(one, world)
    if new:
        world.followers.seen[name] = new[0].sequence
    return bool(new)


async def _take(one: Stored, world: World) -> None:
    resource = json.parse(one.body) if one.body is not None else None
    await asyncio.to_thread(world.followers.take, one.resource_type, one.logical_id, resource)


async def follow_forever(world: World) -> None:
    """``catch_up`` at once when the store announces that such a type was written, by whatever process, and now and then
    without that, until cancelled."""
    woken, clock = world.store.changed.listen(world.followers.by_type), asyncio.get_running_loop().time
    announced, due, pause = True, 0.0, LOOK  # the store begins to announce at about the time of the first look
    while True:
        if announced or clock() >= due:
            try:
                await catch_up(world)
                due, pause = clock() + pause, BEAT
            except FhirError as error:
                due = 0.0
                log.warning("conformance resources could not be looked at: %s", error)
        else:
            async with world.followers.changing:
                _refresh(world)
        announced = await woken.wait(LOOK)


def _refresh(world: World) -> None:
    for refresh in world.followers.refresh:
        refresh()
