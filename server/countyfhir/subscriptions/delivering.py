"""What is due for a Subscription: reach its endpoint first, send what waits in order, keep it alive, try again later,
give up in the end. Any process may do it, one at a time for each Subscription (DESIGN: leased rows)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from countyfhir.exchange import Stored
from countyfhir.model import json, xml
from countyfhir.outcome import FhirError
from countyfhir.store.changed import NOTIFICATIONS
from countyfhir.store.ports import Attempt, Notification, Registration
from countyfhir.subscriptions import names, status
from countyfhir.subscriptions.content import event_text, text_of, visible
from countyfhir.subscriptions.doors import SECOND, Doors, SendFailed, owner_of
from countyfhir.subscriptions.wanted import XML, Wanted

log = logging.getLogger(__name__)

TYPE = "Subscription"
LEASE = 15 * SECOND
"""How long a Subscription waits for a process that died while it had the lease; it is renewed meanwhile."""
FORGOTTEN = 5_000
READ_BACK = 10 * SECOND
"""What is over already when it is written stays as it was sent for so long: its sender reads it back."""
GIVEN_UP = 500
"""Notifications given up at a time."""


@dataclass(slots=True)
class Held:
    """A Subscription while this process has the lease on it."""

    registration: Registration
    stored: Stored
    wanted: Wanted
    state: str
    settled: dict[int, str] = field(default_factory=dict)

    @property
    def subject(self) -> status.Subject:
        """What notifications say of it."""
        one, topic = self.registration, self.wanted.topic
        return status.Subject(one.subscription, self.state, topic.url if topic is not None else None, one.number)


class Delivering:
    """What one process sends. ``owner`` names it in leases."""

    def __init__(self, doors: Doors, owner: str) -> None:
        self.doors, self.owner = doors, owner
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> int:
        """Begin to serve what is due, each Subscription in a task of its own: a slow endpoint holds up nobody else."""
        room = self.doors.options.at_once - len(self._tasks)
        now = self.doors.now()
        leased = await self.doors.store.outbox.lease(self.owner, now, now + LEASE, room) if room > 0 else []
        for one in leased:
            task = asyncio.create_task(self._serve(one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(leased)

    async def finish(self) -> None:
        """Wait for all that has begun."""
        while self._tasks:
            await asyncio.gather(*list(self._tasks))

    async def stop(self) -> None:
        """Leave what has begun; leases run out, and what was not reported is sent again."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*list(self._tasks), return_exceptions=True)

    async def _serve(self, one: Registration) -> None:
        renewing = asyncio.create_task(self._renew(one, asyncio.current_task()))
        try:
            due, failures, error = await self._act(one)
            await self._report(one, Attempt({}, due, one.number, one.stamp, failures, None, error))
        except asyncio.CancelledError:
            now = self.doors.now()
            with suppress(FhirError):
                await asyncio.shield(self._report(one, Attempt({}, now, one.number, one.stamp, one.failures)))
            raise
        except FhirError as error:
            log.warning("Subscription/%s could not be served: %s", one.subscription, error)
        except Exception:
            log.exception("Subscription/%s could not be served", one.subscription)
        finally:
            renewing.cancel()

    async def _renew(self, one: Registration, serving: asyncio.Task[None] | None) -> None:
        """Hold the lease while an endpoint takes its time; when it is lost, another process has taken over."""
        while True:
            await asyncio.sleep(LEASE / 3 / SECOND)
            with suppress(FhirError):
                until = self.doors.now() + LEASE
                if not await self.doors.store.outbox.renew(one.subscription, self.owner, until) and serving is not None:
                    serving.cancel()

    async def _report(self, one: Registration, attempt: Attempt) -> bool:
        return await self.doors.store.outbox.report(one.subscription, self.owner, self.doors.now(), attempt)

    async def _act(self, one: Registration) -> tuple[int | None, int, str]:
        """Do what is due; when to look again, failures so far, the last error."""
        doors = self.doors
        stored = await doors.store.resources.read(TYPE, one.subscription)
        if one.phase == "stopped" or stored is None or stored.body is None:
            return None, 0, one.error
        resource = json.parse(stored.body)
        try:
            asked = doors.wanted(resource)
        except FhirError as error:
            return await self._stopped(one, stored, f"cannot be served here: {error}")
        held = Held(one, stored, asked, str(resource.get("status")))
        if asked.end is not None and asked.end <= doors.now():
            if (until := stored.last_updated + READ_BACK) > doors.now():
                return until, 0, ""
            await doors.set_status(stored, "off", None, "stopped")
            return None, 0, ""
        if (refused := await doors.usable(owner_of(one))) is not None:
            return await self._stopped(one, stored, refused)
        try:
            if one.phase == "requested":
                return await self._reached(held)
            return await self._told(held)
        except SendFailed as failed:
            return await self._failed(held, failed)

    async def _stopped(self, one: Registration, stored: Stored, reason: str) -> tuple[int | None, int, str]:
        await self.doors.set_status(stored, "error", reason, "stopped")
        return None, 0, reason

    async def _reached(self, held: Held) -> tuple[int | None, int, str]:
        """The first contact: a handshake where a topic is subscribed to, none for R4's own or a websocket; then the
        status is active, and what waits is sent."""
        one, asked = held.registration, held.wanted
        if asked.channel == "rest-hook" and asked.topic is not None:
            base, now = self.doors.base, self.doors.now()
            await self._send_bundle(held, status.bundle(held.subject, status.HANDSHAKE, base, now))
            now = self.doors.now()
            await self._report(one, Attempt({}, now, one.number, one.stamp, 0, now, release=False))
        await self.doors.set_status(held.stored, "active", None, "on")
        return self.doors.now(), 0, one.error

    async def _told(self, held: Held) -> tuple[int | None, int, str]:
        if held.wanted.channel == "websocket":
            return await self._kept(held)
        one, outbox, doors = held.registration, self.doors.store.outbox, self.doors
        while batch := await outbox.notifications(one.subscription, 0, one.number, held.wanted.max_count, "waiting"):
            bodies = await visible(doors, one, batch)
            shown = [item for item in batch if item.number in bodies]
            if shown:
                await self._send(held, batch, bodies)
                doors.counted("delivered")
            held.settled = {item.number: "delivered" if item.number in bodies else "withheld" for item in batch}
            now, sent = (
                doors.now(),
                doors.now() if shown else None,
            )  # due until it is released: others go on after a death
            if not await self._report(one, Attempt(held.settled, now, one.number, one.stamp, 0, sent, release=False)):
                raise FhirError("conflict", "Another process took over.")
            if held.state == "error" and shown:
                await doors.set_status(held.stored, "active", None, None)
                held.state = "active"
        return await self._alive(held)

    async def _alive(self, held: Held) -> tuple[int | None, int, str]:
        """A heartbeat when it is time; when the next one is, or the end comes."""
        one, doors, asked = held.registration, self.doors, held.wanted
        last = (await doors.store.outbox.registration(one.subscription) or one).sent
        moments = [asked.end] if asked.end is not None else []
        if asked.heartbeat is not None and asked.topic is not None:
            due = max(last, held.stored.last_updated) + asked.heartbeat * SECOND
            if due <= doors.now():
                bundle = status.bundle(held.subject, status.HEARTBEAT, doors.base, doors.now())
                await self._send_bundle(held, bundle)
                now = doors.now()
                await self._report(one, Attempt({}, now, one.number, one.stamp, 0, now, release=False))
                due = now + asked.heartbeat * SECOND
                if held.state == "error":
                    await doors.set_status(held.stored, "active", None, None)
            moments.append(due)
        return min(moments, default=None), 0, ""

    async def _kept(self, held: Held) -> tuple[int | None, int, str]:
        """For a websocket what waits is sent where the socket is; here it is only given up in time."""
        one, now = held.registration, self.doors.now()
        oldest = await self._give_up(held, "no websocket was bound")
        moments = [held.wanted.end] if held.wanted.end is not None else []
        if oldest is not None:
            moments.append(oldest.event.recorded + int(self.doors.options.give_up * SECOND))
        self.doors.store.changed.announce((NOTIFICATIONS,))
        return (max(now + SECOND, min(moments)) if moments else None), 0, one.error

    async def _send(self, held: Held, batch: Sequence[Notification], bodies: dict[int, Stored]) -> None:
        """One notification to a rest-hook: a Bundle where a topic is subscribed to; R4's own sends nothing but the
        call, or the resource as an update of the endpoint's (R4 subscription-channel-type)."""
        asked, doors = held.wanted, self.doors
        if asked.topic is None:
            for number, version in bodies.items():
                await self._send_resource(held, version)
                held.settled[number] = "delivered"
            shown = list(bodies.values()) if asked.payload is not None else []
        else:
            text = event_text(doors, held.subject, asked, batch, bodies)
            await self._post("POST", asked.endpoint, held, text, asked.payload)
            shown = list(bodies.values()) if asked.content == names.FULL_RESOURCE else []
        if shown:
            await doors.told(owner_of(held.registration), held.registration.subscription, shown)

    async def _send_resource(self, held: Held, version: Stored) -> None:
        asked = held.wanted
        if asked.payload is None or version.body is None:
            await self._post("POST", asked.endpoint, held, b"", None)
            return
        url = f"{asked.endpoint.rstrip('/')}/{version.resource_type}/{version.logical_id}"
        body = xml.dumps(json.parse(version.body)) if asked.payload == XML else version.body
        await self._post("PUT", url, held, body, asked.payload)

    async def _send_bundle(self, held: Held, bundle: dict[str, object]) -> None:
        asked = held.wanted
        await self._post("POST", asked.endpoint, held, text_of(bundle, asked), asked.payload)

    async def _post(self, method: str, url: str, held: Held, body: bytes, kind: str | None) -> None:
        options = self.doors.options
        headers = [*held.wanted.headers, *([("Content-Type", f"{kind}; charset=utf-8")] if kind else [])]
        asked = held.wanted.timeout
        within = min(options.timeout if asked is None else float(asked), options.longest_timeout)
        await self.doors.send(method, url, headers, body, within)

    async def _failed(self, held: Held, failed: SendFailed) -> tuple[int | None, int, str]:
        """Note it, say so in the Subscription when it goes on, give up what is too old, and when to try again."""
        one, doors = held.registration, self.doors
        doors.counted("failed")
        kept = await doors.store.outbox.registration(one.subscription) or one
        failures, reason = (0 if kept.sent > one.sent else one.failures) + 1, str(failed)
        handshake, dead = one.phase == "requested", doors.outcomes["dead"]
        await self._give_up(held, reason)
        lasting = failures >= doors.options.failing_after or doors.outcomes["dead"] > dead
        if held.state != "error" and (handshake or lasting):
            await doors.set_status(held.stored, "error", reason, None)
        if handshake and doors.now() - held.stored.last_updated > doors.options.give_up * SECOND:
            return await self._stopped(one, held.stored, f"the endpoint was never reached: {reason}")
        pause = max(doors.options.pause(failures), failed.after or 0.0)
        log.info("Subscription/%s was not reached (%d in a row): %s", one.subscription, failures, reason)
        return doors.now() + int(pause * SECOND), failures, reason

    async def _give_up(self, held: Held, reason: str) -> Notification | None:
        """What has waited too long is dead; the oldest that is not."""
        one, outbox, now = held.registration, self.doors.store.outbox, self.doors.now()
        limit = now - int(self.doors.options.give_up * SECOND)
        while waiting := await outbox.notifications(one.subscription, 0, None, GIVEN_UP, "waiting"):
            old = [item.number for item in waiting if max(item.event.recorded, item.changed) <= limit]
            if not old:
                return waiting[0]
            await outbox.settle(one.subscription, old, ("waiting",), "dead", now, reason)
            for _ in old:
                self.doors.counted("dead")
            if len(old) < len(waiting):
                return next(item for item in waiting if item.number not in old)
        return None


async def deliver_forever(doors: Doors, owner: str) -> None:
    """Serve what is due, until cancelled."""
    delivering, woken = Delivering(doors, owner), doors.store.changed.listen((NOTIFICATIONS, TYPE))
    cleaned = doors.now()
    try:
        while True:
            try:
                begun = await delivering.begin()
                if doors.now() - cleaned > 60 * SECOND:
                    cleaned = doors.now()
                    await doors.store.outbox.forget(cleaned - int(doors.options.keep * SECOND), FORGOTTEN)
                if begun:
                    await asyncio.sleep(0)
                    continue
            except FhirError as error:
                log.warning("notifications could not be looked for: %s", error)
            await woken.wait(doors.options.look)
    finally:
        await delivering.stop()
