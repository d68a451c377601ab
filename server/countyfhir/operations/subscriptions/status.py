"""$status: how Subscriptions stand (Subscriptions R5 Backport, backport-subscription-status)."""

from __future__ import annotations

from urllib.parse import urlencode

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.world import World
from countyfhir.operations.quarantine import parameters
from countyfhir.operations.subscriptions.subject import TYPE, asked_for, notifying
from countyfhir.subscriptions import status as told

KNOWN = ("id", "status")


async def status(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """A Bundle of type searchset with a status for the instance, or for those of ``id`` and ``status`` (each may
    repeat: any of them)."""
    notifying(world)
    asked = parameters(interaction, KNOWN)
    found = await asked_for(interaction, asked.get("id", ()), grant, world)
    wanted = set(asked.get("status", ())) if interaction.logical_id is None else set()
    shown = [one.subject for one in found if not wanted or one.subject.status in wanted]
    place = "/".join(part for part in (interaction.base, TYPE, interaction.logical_id, "$status") if part)
    query = urlencode([(name, value) for name, values in asked.items() for value in values])
    statuses = [told.status(one, told.QUERY_STATUS, interaction.base) for one in shown]
    return Answer(200, body=told.searchset(statuses, place + (f"?{query}" if query else "")))
