"""Subscriptions as they are written: what a client may ask for, whose grant counts, and how the server changes their
status (R4 Subscription; Subscriptions R5 Backport)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from countyfhir.audit.record import record_of
from countyfhir.exchange import SYSTEM, Grant, Interaction, Plan, Principal, Resource, Stored, Subscriber, Write
from countyfhir.interactions.covered import covered
from countyfhir.interactions.persons.whole import whole_grant
from countyfhir.interactions.search_parameters import refresh
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.store.ports import ConditionFailed, Registration, Store
from countyfhir.subscriptions.doors import Doors, Options, Send, owner_text, principal_of
from countyfhir.subscriptions.endpoints import Policy
from countyfhir.subscriptions.topics import Topics

TYPE = "Subscription"
MANAGED = frozenset({"status", "reason", "contact", "end", "error", "meta", "text"})
"""Elements that another principal than the owner may change: none of them says what is sent where."""
KEYS_KEPT = 3.0
"""Seconds for which it is believed that a key is still good, as for requests."""


def taken(write: Write, interaction: Interaction) -> Write:
    """A client's write of a Subscription: requested and active ask the server to serve it, off and error do not.
    That it is active is the server's to say. The one who writes it is who is told (``registered`` decides)."""
    if write.resource is None:
        return replace(write, subscriber=Subscriber("gone"))
    owner = owner_text(interaction.principal)
    if write.resource.get("status") not in ("requested", "active"):
        return replace(write, subscriber=Subscriber("stopped", owner))
    resource = {name: value for name, value in write.resource.items() if name != "error"}
    resource["status"] = "requested"
    return replace(write, resource=resource, subscriber=Subscriber("requested", owner))


def concerns(writes: Iterable[Write]) -> bool:
    """Whether a Subscription is among them."""
    return any(one.subscriber is not None for one in writes)


async def registered(plan: Plan, world: World) -> Plan:
    """The plan, where the server can do what its Subscriptions ask for; FhirError 422 where not, 403 for changes that
    would send to others what only their owner may see."""
    writes = [await _registered(one, world) if one.subscriber is not None else one for one in plan.writes]
    return replace(plan, writes=tuple(writes))


async def _registered(write: Write, world: World) -> Write:
    subscriber, doors = write.subscriber, world.notifying
    if subscriber is None or subscriber.owner is None or doors is None or write.resource is None:
        return write
    if subscriber.phase == "requested":
        await _require_readable(doors.wanted(write.resource).resource_types, write, world)
    kept = await world.store.outbox.registration(write.logical_id)
    if kept is None or _is_owner(kept, subscriber.owner):
        return write
    stored = await world.store.resources.read(TYPE, write.logical_id)
    before = json.parse(stored.body) if stored is not None and stored.body is not None else {}
    if _said(before) != _said(write.resource):
        text = (
            f"Subscription/{write.logical_id} is told what its owner may see, and belongs to another principal: its"
            " status, reason, contact and end can be changed, what it asks for cannot. Make one of your own."
        )
        raise FhirError("forbidden", text, expression=TYPE)
    return replace(write, subscriber=Subscriber(subscriber.phase))


async def _require_readable(types: Iterable[str] | None, write: Write, world: World) -> None:
    """FhirError 403 when the one who asks may read none of the types: it would never be told anything."""
    assert write.subscriber is not None
    principal = principal_of(write.subscriber.owner or b"")
    named = sorted(types) if types is not None else []
    for name in named:
        if await _granted(principal, name, world) is not None:
            return
    if named:
        text = f"The granted scopes do not allow to read {' or '.join(named)}: there is nothing to be told."
        raise FhirError("forbidden", text, expression=f"{TYPE}.criteria")


def _is_owner(kept: Registration, owner: bytes) -> bool:
    one, other = principal_of(kept.owner), principal_of(owner)
    return (one.kind, one.name, one.organization) == (other.kind, other.name, other.organization)


def _said(resource: Resource) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in MANAGED}


async def set_status(stored: Stored, status: str, error: str | None, phase: str | None, world: World) -> bool:
    """Write the status of a Subscription as the server sees it; false when somebody has changed it meanwhile."""
    from countyfhir.interactions.prepare import indexed  # it checks Subscriptions by this module

    assert stored.body is not None
    resource = json.parse(stored.body) | {"status": status}
    resource.pop("error", None)
    if error is not None:
        resource["error"] = error
    subscriber = Subscriber(phase) if phase is not None else None
    write = Write("PUT", TYPE, stored.logical_id, resource, stored.version_id, subscriber=subscriber)
    asking = Interaction("update", TYPE, stored.logical_id, principal=SYSTEM, base=world.search.base)
    record = record_of(asking, world.now(), 200, TYPE, stored.logical_id)
    for _ in range(world.policy.attempts):
        try:
            await world.store.resources.commit(Plan((indexed(write, world.search.base, world),), audit=(record,)))
            return True
        except ConditionFailed as failed:
            if failed.kind != "definitions":
                return False
            await refresh(world)
    return False


async def seen(principal: Principal, versions: Iterable[Stored], world: World) -> set[int]:
    """The sequences of those versions that the principal may be told of: its scopes allow to read or search the type,
    and the resource lies within what they are narrowed to now."""
    found: set[int] = set()
    by_type: dict[str, list[Stored]] = {}
    for one in versions:
        by_type.setdefault(one.resource_type, []).append(one)
    for resource_type, its in by_type.items():
        grant = await _granted(principal, resource_type, world)
        if grant is None:
            continue
        if grant.narrowed(resource_type) is not None:
            keys = {(one.resource_type, one.logical_id) for one in its}
            visible = await world.store.resources.visible(keys, grant)
            its = [one for one in its if (one.resource_type, one.logical_id) in visible]
        found |= {one.sequence for one in its}
    return found


async def _granted(principal: Principal, resource_type: str, world: World) -> Grant | None:
    """The grant for reading the type, else for searching it; None: neither."""
    grant = await covered(world.grant_of(principal), principal, world)
    for kind in ("read", "search-type"):
        asking = Interaction(kind, resource_type, principal=principal, base=world.search.base)
        try:
            return await whole_grant(world.check_access(asking, grant), world)
        except FhirError as error:
            if error.status != 403:
                raise
    return None


def key_check(world: Callable[[], World]) -> Callable[[Principal], Any]:
    """What tells why a principal is to be told nothing more: its key was revoked, or has expired."""
    good: dict[tuple[str, str | None], float] = {}

    async def usable(principal: Principal) -> str | None:
        if principal.kind != "key":
            return None
        named = (principal.name, principal.organization)
        if good.get(named, 0.0) > time.monotonic():
            return None
        now = world().now()
        for key in await world().store.keys.all():
            if (key.name, key.organization) == named and not key.revoked and (key.expires is None or key.expires > now):
                good[named] = time.monotonic() + KEYS_KEPT
                return None
        return "the API key of its owner was revoked or has expired"

    return usable


def doors_of(
    world: Callable[[], World],
    store: Store,
    topics: Callable[[], Topics],
    policy: Policy,
    send: Send,
    options: Options,
    base: str,
) -> Doors:
    """What the room of subscriptions is given. ``world`` is asked for when it is needed; ``base`` is the public address
    that references in notifications begin with."""

    async def told(principal: Principal, subscription: str, versions: Sequence[Stored]) -> None:
        asking = Interaction("read", principal=principal, query=(("Subscription", subscription),))
        records = [
            record_of(
                *(asking, world().now(), 200, one.resource_type, one.logical_id),
                (one.patient,) if one.patient is not None else (),
                str(one.version_id),
            )
            for one in versions
        ]
        await world().audit(records)

    return Doors(
        store=store,
        context=lambda: world().search,
        topics=topics,
        policy=policy,
        seen=lambda principal, versions: seen(principal, versions, world()),
        set_status=lambda stored, status, error, phase: set_status(stored, status, error, phase, world()),
        send=send,
        told=told,
        usable=key_check(world),
        now=lambda: world().now(),
        base=base,
        websocket=websocket_of(base),
        options=options,
    )


def websocket_of(base: str) -> str:
    """Where a websocket is opened at a base URL."""
    return base.replace("http", "ws", 1) + "/websocket"
