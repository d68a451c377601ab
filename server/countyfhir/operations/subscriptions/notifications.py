"""$notifications, $notifications-replay, $notifications-discard: what waits to be delivered and what was given up, for
the person on duty (operations of this server)."""

from __future__ import annotations

from collections.abc import Sequence

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.world import World
from countyfhir.operations.quarantine import answered, number, numbers, parameters
from countyfhir.outcome import FhirError
from countyfhir.store import instant
from countyfhir.store.ports import Notification

STATES = ("waiting", "dead")
DEFAULT_COUNT, MOST = 100, 1000
AT_ONCE = 500


async def listed(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Dead letters, or with ``state=waiting`` what is still to be delivered: Subscription, number, resource, since
    when, why. ``subscription`` narrows it, ``_count`` and ``after`` (Subscription/number) page."""
    asked = parameters(interaction, ("state", "subscription", "_count", "after"))
    state = asked.get("state", ["dead"])[0]
    if state not in STATES:
        raise FhirError("value", f"state is one of {', '.join(STATES)}.", expression="state")
    count = min(number(asked, "_count", DEFAULT_COUNT), MOST)
    after = _place(asked["after"][0]) if "after" in asked else None
    if "subscription" in asked:
        first = after[1] + 1 if after is not None else 0
        subscription = asked["subscription"][0]
        found = await world.store.outbox.notifications(subscription, first, None, count + 1, state)
    else:
        found = await world.store.outbox.in_state(state, after, count + 1)
    counts = await world.store.outbox.counts()
    told: list[Resource] = [{"name": name, "valueInteger": counts[name]} for name in STATES]
    told += [{"name": "notification", "part": _described(one)} for one in found[:count]]
    if len(found) > count and count:
        last = found[count - 1]
        told.append({"name": "after", "valueString": f"{last.subscription}/{last.number}"})
    return answered(told)


def _described(one: Notification) -> list[Resource]:
    event = one.event
    return [
        {"name": "subscription", "valueString": one.subscription},
        {"name": "number", "valueInteger": one.number},
        {"name": "resource", "valueString": f"{event.resource_type}/{event.logical_id}/_history/{event.version_id}"},
        {"name": "change", "valueCode": event.change},
        {"name": "recorded", "valueInstant": instant.text(event.recorded)},
        *([{"name": "reason", "valueString": one.reason}] if one.reason else []),
    ]


def _place(text: str) -> tuple[str, int]:
    subscription, slash, place = text.rpartition("/")
    if not slash or not place.isdigit() or len(place) > 11:
        raise FhirError("value", "after is the last Subscription and number: ID/NUMBER.", expression="after")
    return subscription, int(place)


async def replayed(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Has dead letters of a ``subscription`` delivered after all: those of ``number`` (may repeat), or all; in their
    order, before what waits. How many."""
    return await _moved(interaction, world, "waiting", "")


async def discarded(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Gives dead letters up for good, for a ``reason``: those of ``number`` (may repeat), or all of a
    ``subscription``. How many."""
    asked = parameters(interaction, ("subscription", "number", "reason"))
    reason = asked.get("reason", [""])[0].strip()
    if not reason:
        raise FhirError("required", "Say why they are discarded: reason.", expression="reason")
    return await _moved(interaction, world, "discarded", reason)


async def _moved(interaction: Interaction, world: World, state: str, reason: str) -> Answer:
    asked = parameters(interaction, ("subscription", "number", "reason"))
    subscription = asked.get("subscription", [""])[0]
    if await world.store.outbox.registration(subscription) is None:
        raise FhirError("not-found", f"Subscription/{subscription[:64]} is not served here.", expression="subscription")
    chosen, moved = numbers(asked, "number"), 0
    while places := chosen or [one.number for one in await _dead(subscription, world)]:
        moved += await world.store.outbox.settle(subscription, places, ("dead",), state, world.now(), reason)
        if chosen:
            break
    return answered([{"name": "moved", "valueInteger": moved}])


async def _dead(subscription: str, world: World) -> Sequence[Notification]:
    return await world.store.outbox.notifications(subscription, 0, None, AT_ONCE, "dead")
