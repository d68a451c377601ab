"""Websockets of Subscriptions: R4's ``bind ID`` and ``ping ID``, and ``bind-with-token`` of the Subscriptions R5
Backport (R4 Subscription; Backport, channels).

Each socket has a place of its own in the numbers of a Subscription. It begins with what was never delivered, so nothing
is lost between two connections, whichever process they lead to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from countyfhir.access.authenticate import Authenticator, Caller
from countyfhir.exchange import Grant, Principal, Stored
from countyfhir.http import headers as request_headers
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.operations.subscriptions.subject import belongs_to, notifying, one_of
from countyfhir.outcome import FhirError, operation_outcome
from countyfhir.store.changed import NOTIFICATIONS
from countyfhir.store.ports import Notification, Registration
from countyfhir.subscriptions import names, status
from countyfhir.subscriptions.content import event_text, text_of, visible
from countyfhir.subscriptions.doors import SECOND, Doors, owner_of
from countyfhir.subscriptions.tokens import opened
from countyfhir.subscriptions.wanted import Wanted

log = logging.getLogger("countyfhir.http")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LOOK = 1.0  # seconds between looks when nothing wakes
PATIENCE = 60.0  # seconds that a socket may stay without a binding
LONGEST = 16_384  # characters of a message
MOST_BOUND = 1_000
UNAUTHORISED, REFUSED = 4401, 4403
_NOBODY = Caller(Principal("anonymous", "anonymous"), Grant({}))


@dataclass(slots=True)
class Binding:
    """A Subscription that a socket is told of: after which number, until when (microseconds; None: as long as it is
    open), and when something was last sent."""

    subscription: str
    position: int
    until: int | None
    sent: int
    version: int = 0
    asked: Wanted | None = None
    state: str = "active"


@dataclass(frozen=True, slots=True)
class Sockets:
    """The ASGI application of websockets. ``origins`` are those of browsers that may connect, beside the server's
    own."""

    world: World
    authenticator: Authenticator
    origins: Iterable[str] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        await receive()  # websocket.connect
        headers = request_headers.collected(scope["headers"])
        try:
            doors = notifying(self.world)
            self._check_origin(headers)
            caller = await self._caller(headers)
        except FhirError as error:
            await send({"type": "websocket.close", "code": UNAUTHORISED if error.status == 401 else REFUSED})
            return
        await send({"type": "websocket.accept"})
        await Connection(self.world, doors, caller, send).serve(receive)

    async def _caller(self, headers: request_headers.Headers) -> Caller:
        """Who connects. Browsers cannot send a header: whoever sends none has to bind with tokens."""
        if self.authenticator.mode != "none" and b"authorization" not in headers and b"x-api-key" not in headers:
            return _NOBODY
        return await self.authenticator.authenticate(headers)

    def _check_origin(self, headers: request_headers.Headers) -> None:
        """FhirError 403 for a page of another site: a browser asks nobody before it opens a websocket (RFC 6455
        section 10.2)."""
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not origin or "*" in self.origins or origin in self.origins:
            return
        if origin.partition("://")[2] != headers.get(b"host", b"").decode("latin-1"):
            raise FhirError("forbidden", "Pages of this origin may not connect.")


@dataclass(slots=True)
class Connection:
    """One open websocket."""

    world: World
    doors: Doors
    caller: Caller
    out: Send
    bindings: dict[str, Binding] = field(default_factory=dict)

    async def serve(self, receive: Receive) -> None:
        """Until either side closes."""
        woken = self.doors.store.changed.listen((NOTIFICATIONS, "Subscription"))
        pushing = asyncio.create_task(self._push_forever(woken))
        try:
            while True:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    return
                try:
                    await self._take(str(message.get("text") or ""))
                except FhirError as error:
                    await self._say(json.dumps(operation_outcome(error.issues)))
                woken.woken.set()
        finally:
            pushing.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await pushing

    async def _say(self, text: bytes) -> None:
        await self.out({"type": "websocket.send", "text": text.decode()})

    async def _take(self, text: str) -> None:
        """A message of the client; FhirError for one that cannot be followed."""
        word, _, rest = text.strip().partition(" ")
        if len(text) > LONGEST or word not in ("bind", "bind-with-token") or not rest.strip():
            raise FhirError("not-supported", "Send 'bind ID' or 'bind-with-token TOKEN'.")
        if word == "bind":
            known = await one_of(rest.strip(), self.caller.grant, self.world)
            if not self.caller.grant.may("r", "Subscription") or not belongs_to(known, self.caller.principal):
                raise FhirError("forbidden", "This Subscription is served for another principal.")
            await self._bind(rest.strip(), None)
            return
        subscriptions, until = opened(rest.strip(), self.world.store.secret, self.doors.now())
        for one in subscriptions:
            await self._bind(one, until)

    async def _bind(self, subscription: str, until: int | None) -> None:
        outbox = self.doors.store.outbox
        kept = await outbox.registration(subscription)
        if kept is None or kept.phase == "stopped":
            raise FhirError("not-found", f"Subscription/{subscription[:64]} is not served at present.")
        if len(self.bindings) >= MOST_BOUND:
            raise FhirError("too-costly", f"A websocket is bound to {MOST_BOUND} Subscriptions at most.")
        before = self.bindings.get(subscription)
        if before is not None:
            before.until = until
        waiting = await outbox.notifications(subscription, 0, None, 1, "waiting")
        position = before.position if before else waiting[0].number - 1 if waiting else kept.number
        binding = Binding(subscription, position, until, self.doors.now())
        asked = await self._asked(binding)
        if asked is None or asked.channel != "websocket":
            raise FhirError("processing", f"Subscription/{subscription[:64]} has another channel than websocket.")
        if asked.topic is None:
            await self._say(f"bound {subscription}".encode())
        else:
            bundle = status.bundle(_subject(binding, kept), status.HANDSHAKE, self.doors.base, self.doors.now())
            await self._say(text_of(bundle, asked))
        self.bindings[subscription] = binding

    async def _asked(self, binding: Binding) -> Wanted | None:
        """What the Subscription asks for now; None when it is gone or cannot be served."""
        stored = await self.doors.store.resources.read("Subscription", binding.subscription)
        if stored is None or stored.body is None:
            return None
        if stored.version_id != binding.version or binding.asked is None:
            resource = json.parse(stored.body)
            try:
                binding.asked = self.doors.wanted(resource)
            except FhirError:
                return None
            binding.version, binding.state = stored.version_id, str(resource.get("status"))
        return binding.asked

    async def _push_forever(self, woken: Any) -> None:
        waited = 0.0
        try:
            while True:
                for binding in list(self.bindings.values()):
                    if not await self._push(binding):
                        del self.bindings[binding.subscription]
                waited = 0.0 if self.bindings else waited + LOOK
                if waited > PATIENCE:
                    break
                await woken.wait(LOOK)
        except FhirError as error:
            log.warning("a websocket could not be served: %s", error)
        with suppress(Exception):  # the other side may have closed already
            await self.out({"type": "websocket.close", "code": 1000})

    async def _push(self, binding: Binding) -> bool:
        """Send what is new; false when the binding has ended."""
        doors = self.doors
        now, kept = doors.now(), await doors.store.outbox.registration(binding.subscription)
        if kept is None or kept.phase == "stopped" or (binding.until is not None and binding.until <= now):
            return False
        if kept.phase == "requested":
            return True
        if await doors.usable(owner_of(kept)) is not None or (asked := await self._asked(binding)) is None:
            return False
        while batch := await doors.store.outbox.notifications(
            binding.subscription, binding.position + 1, kept.number, asked.max_count
        ):
            await self._tell(binding, kept, asked, [one for one in batch if one.state in ("waiting", "delivered")])
            binding.position = batch[-1].number
        if asked.topic is not None and asked.heartbeat is not None and binding.sent + asked.heartbeat * SECOND <= now:
            bundle = status.bundle(_subject(binding, kept), status.HEARTBEAT, doors.base, now)
            await self._say(text_of(bundle, asked))
            binding.sent = now
        return True

    async def _tell(self, binding: Binding, kept: Registration, asked: Wanted, batch: Sequence[Notification]) -> None:
        doors, subscription = self.doors, binding.subscription
        bodies = await visible(doors, kept, batch)
        if bodies:
            if asked.topic is None:
                for _ in bodies:
                    await self._say(f"ping {subscription}".encode())
            else:
                await self._say(event_text(doors, _subject(binding, kept), asked, batch, bodies))
            binding.sent = doors.now()
            doors.counted("delivered")
        await self._settle(subscription, batch, bodies)
        if bodies and asked.content == names.FULL_RESOURCE:
            await doors.told(owner_of(kept), subscription, list(bodies.values()))

    async def _settle(self, subscription: str, batch: Sequence[Notification], bodies: dict[int, Stored]) -> None:
        outbox, now = self.doors.store.outbox, self.doors.now()
        for state, numbers in (
            ("delivered", [one.number for one in batch if one.number in bodies]),
            ("withheld", [one.number for one in batch if one.number not in bodies]),
        ):
            await outbox.settle(subscription, numbers, ("waiting",), state, now)


def _subject(binding: Binding, kept: Registration) -> status.Subject:
    topic = binding.asked.topic.url if binding.asked is not None and binding.asked.topic is not None else None
    subject = status.Subject(binding.subscription, binding.state, topic, kept.number)
    return replace(subject, error=kept.error) if kept.error else subject
