"""$get-ws-binding-token: what a websocket shows to be told of Subscriptions (Subscriptions R5 Backport,
backport-subscription-get-ws-binding-token)."""

from __future__ import annotations

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.subscribing import websocket_of
from countyfhir.interactions.world import World
from countyfhir.operations.quarantine import answered, parameters
from countyfhir.operations.subscriptions.subject import TYPE, asked_for, belongs_to, notifying
from countyfhir.outcome import FhirError
from countyfhir.store import instant
from countyfhir.subscriptions.doors import SECOND
from countyfhir.subscriptions.tokens import sealed

KNOWN = ("id",)


async def get_ws_binding_token(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Parameters with the token, its expiration, the ids of the Subscriptions it is good for and where to connect.
    Without ids: all of the caller's with the channel websocket. 404 for one that is not there, 403 for one of another
    principal, 422 for one with another channel."""
    doors = notifying(world)
    asked = parameters(interaction, KNOWN)
    ids = () if interaction.logical_id is not None else tuple(asked.get("id", ()))
    found = await asked_for(interaction, ids, grant, world)
    named = bool(ids) or interaction.logical_id is not None
    if missing := set(ids) - {one.stored.logical_id for one in found}:
        raise FhirError("not-found", f"{TYPE}/{min(missing)[:64]} is not known.", expression="id")
    good: list[str] = []
    for one in found:
        socket = one.resource.get("channel", {}).get("type") == "websocket"
        if named and not socket:
            raise FhirError("processing", f"{TYPE}/{one.stored.logical_id} has another channel than websocket.")
        if named and not belongs_to(one, interaction.principal):
            text = f"{TYPE}/{one.stored.logical_id} is served for another principal."
            raise FhirError("forbidden", text)
        if socket and belongs_to(one, interaction.principal):
            good.append(one.stored.logical_id)
    if not good:
        raise FhirError("not-found", "There is no Subscription of yours with the channel websocket.")
    until = world.now() + int(doors.options.token * SECOND)
    told: list[Resource] = [
        {"name": "token", "valueString": sealed(good, until, world.store.secret)},
        {"name": "expiration", "valueDateTime": instant.text(until)},
        *({"name": "subscription", "valueString": one} for one in good),
        {"name": "websocket-url", "valueUrl": websocket_of(interaction.base)},
    ]
    return answered(told)
