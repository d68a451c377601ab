"""From the changes of the store to the outbox: every version is looked at once, in the order of the commits, and who is
to be told of it is kept together with how far that has come (docs/decisions/0014)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from countyfhir.exchange import Stored
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.search.query import Query
from countyfhir.store.changed import NOTIFICATIONS
from countyfhir.store.ports import Event, Registration
from countyfhir.subscriptions.doors import Doors, owner_of
from countyfhir.subscriptions.matching import Change, change_of, concerns
from countyfhir.subscriptions.wanted import Wanted

log = logging.getLogger(__name__)

TYPE = "Subscription"
AT_ONCE = 200
KIND = JOB = "notifications"
LEASE = 10_000_000  # microseconds
KEPT = 2_000


class Following:
    """What one process knows while it follows. Everything that counts is in the store. ``idle``: nobody is to be told
    of anything, so that only Subscriptions are of interest."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self.idle = False
        self._wanted: dict[tuple[str, int], Wanted | None] = {}

    async def step(self) -> bool:
        """Look at the next changes; whether there may be more."""
        outbox, resources = self.doors.store.outbox, self.doors.store.resources
        live = [one for one in await outbox.registrations() if one.phase != "stopped"]
        self.idle = not live
        if self.idle:
            return False
        followed = await outbox.followed()
        changes = await resources.changes(max(followed, min(one.since for one in live)), AT_ONCE)
        if not changes:
            return False
        events = await self._events(live, changes)
        entered = await outbox.enter(followed, changes[-1].sequence, events)
        if entered and events:
            self.doors.store.changed.announce((NOTIFICATIONS,))
        return len(changes) == AT_ONCE or not entered

    async def _events(self, live: Sequence[Registration], changes: Sequence[Stored]) -> list[tuple[str, Event]]:
        context, resources = self.doors.context(), self.doors.store.resources
        found: list[tuple[Registration, Stored, str]] = []
        for place, stored in enumerate(changes):
            if place % 20 == 19:
                await asyncio.sleep(0)
            change: Change | None = None
            for one in live:
                if stored.sequence <= one.since:
                    continue
                asked = await self._asked(one, stored.sequence)
                if asked is None or not _about(asked, stored):
                    continue
                change = change or await change_of(stored, resources, context)
                if await self._concerns(asked, change):
                    found.append((one, stored, change.kind))
        return await self._visible(found)

    async def _concerns(self, asked: Wanted, change: Change) -> bool:
        try:
            return await concerns(asked, change, self._find)
        except FhirError as error:
            if error.status >= 500:
                raise  # the store could not be asked: the change is looked at again
            log.warning("a criterion could not be applied: %s", error)
            return False

    async def _find(self, query: Query) -> bool:
        return bool((await self.doors.store.resources.search(query)).matches)

    async def _visible(self, found: Sequence[tuple[Registration, Stored, str]]) -> list[tuple[str, Event]]:
        """Only what the owner of each Subscription may see."""
        by_owner: dict[bytes, list[Stored]] = {}
        owners = {one.owner: owner_of(one) for one, _, _ in found}
        for one, stored, _ in found:
            by_owner.setdefault(one.owner, []).append(stored)
        seen = {owner: await self.doors.seen(owners[owner], versions) for owner, versions in by_owner.items()}
        return [
            (
                one.subscription,
                Event(
                    stored.resource_type,
                    stored.logical_id,
                    stored.version_id,
                    stored.sequence,
                    stored.last_updated,
                    kind,
                ),
            )
            for one, stored, kind in found
            if stored.sequence in seen[one.owner]
        ]

    async def _asked(self, one: Registration, sequence: int) -> Wanted | None:
        """What the Subscription asked for when the change was committed."""
        resources = self.doors.store.resources
        stored = await resources.read(TYPE, one.subscription)
        while stored is not None and stored.sequence > sequence:
            stored = await resources.vread(TYPE, one.subscription, stored.version_id - 1)
        if stored is None or stored.body is None:
            return None
        key = (one.subscription, stored.version_id)
        if key not in self._wanted:
            if len(self._wanted) >= KEPT:
                self._wanted.clear()
            try:
                self._wanted[key] = self.doors.wanted(json.parse(stored.body))
            except FhirError as error:
                log.warning("Subscription/%s cannot be served: %s", one.subscription, error)
                self._wanted[key] = None
        return self._wanted[key]

    def forget(self) -> None:
        """Read Subscriptions anew: topics or search parameters are others now."""
        self._wanted.clear()


def _about(asked: Wanted, stored: Stored) -> bool:
    types = asked.resource_types
    return types is None or stored.resource_type in types


async def follow_forever(doors: Doors, owner: str) -> None:
    """Look whenever something was written, one process at a time, until cancelled; another goes on when this one is
    gone."""
    jobs, everything, subscribed = doors.store.jobs, doors.store.changed.listen(), doors.store.changed.listen((TYPE,))
    following, context = Following(doors), doors.context()
    await _try_forever_to_add(doors)
    held = False
    while True:
        try:
            if not held:
                held = await jobs.lease(KIND, owner, doors.now() + LEASE) is not None
                until = doors.now() + LEASE // 2
            if held and doors.context() is not context:
                following.forget()
                context = doors.context()
            more = held and await following.step()
            if held and doors.now() > until:
                held = await jobs.report(JOB, owner, doors.now() + LEASE, {})
                until = doors.now() + LEASE // 2
            if more:
                continue
        except FhirError as error:
            log.warning("changes could not be looked at for notifications: %s", error)
        except asyncio.CancelledError:
            if held:
                await asyncio.shield(jobs.report(JOB, owner, doors.now(), {}))
            raise
        await (subscribed if following.idle or not held else everything).wait(doors.options.look)


async def _try_forever_to_add(doors: Doors) -> None:
    while True:
        try:
            await doors.store.jobs.add(JOB, KIND, {})
            return
        except FhirError as error:
            log.warning("the job of notifications could not be added: %s", error)
            await asyncio.sleep(doors.options.look)
