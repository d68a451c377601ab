"""Subscriptions as the operations see them: those that the caller may see, with what is kept beside them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from countyfhir.exchange import Grant, Interaction, Principal, Resource, Stored
from countyfhir.interactions.read import unknown
from countyfhir.interactions.visible import require_visible
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.search.query import Query, Sort
from countyfhir.store.ports import Registration
from countyfhir.subscriptions.doors import Doors, owner_of
from countyfhir.subscriptions.status import Subject

TYPE = "Subscription"
MOST = 1000


@dataclass(frozen=True, slots=True)
class Known:
    """A Subscription: the resource as it is stored, and its registration (None: it was never served)."""

    stored: Stored
    resource: Resource
    registration: Registration | None

    @property
    def subject(self) -> Subject:
        """What is said of it in answers and notifications."""
        kept, criteria = self.registration, str(self.resource.get("criteria", ""))
        return Subject(
            self.stored.logical_id,
            str(self.resource.get("status")),
            criteria if "://" in criteria.partition("?")[0] else None,
            kept.number if kept is not None else 0,
            kept.error if kept is not None else "",
        )


def notifying(world: World) -> Doors:
    """What serves Subscriptions; FhirError where they are only kept."""
    if world.notifying is None:
        raise FhirError(
            "not-supported", "This server does not serve Subscriptions (setting notifications).", status=404
        )
    return world.notifying


async def one_of(logical_id: str, grant: Grant, world: World) -> Known:
    """One Subscription; 404 when it is not there for this caller, 410 when it was deleted."""
    stored = await world.store.resources.read(TYPE, logical_id)
    if stored is None:
        raise unknown(TYPE, logical_id)
    await require_visible(stored, grant, world)
    if stored.body is None:
        raise FhirError("deleted", f"{TYPE}/{logical_id} was deleted.")
    registration = await world.store.outbox.registration(logical_id)
    return Known(stored, json.parse(stored.body), registration)


async def all_of(grant: Grant, world: World) -> list[Known]:
    """Those that the caller may see, by id."""
    registrations = {one.subscription: one for one in await world.store.outbox.registrations()}
    query, found = Query((TYPE,), (), (Sort("_id", "token"),), count=MOST), list[Known]()
    while True:
        page = await world.store.resources.search(query, grant)
        for stored in page.matches:
            if stored.body is not None:
                found.append(Known(stored, json.parse(stored.body), registrations.get(stored.logical_id)))
        if page.cursor is None:
            return found
        query = replace(query, cursor=page.cursor)


async def asked_for(interaction: Interaction, ids: Sequence[str], grant: Grant, world: World) -> list[Known]:
    """The instance the operation is called on; else those of the ids that are there for this caller, or all."""
    if interaction.logical_id is not None:
        return [await one_of(interaction.logical_id, grant, world)]
    wanted: Collection[str] = set(ids)
    return [one for one in await all_of(grant, world) if not wanted or one.stored.logical_id in wanted]


def belongs_to(known: Known, principal: Principal) -> bool:
    """Whether the caller is who the Subscription is served for; the program and the machine itself count as such."""
    if principal.kind in ("local", "system"):
        return True
    if known.registration is None:
        return False
    owner = owner_of(known.registration)
    return (owner.kind, owner.name, owner.organization) == (principal.kind, principal.name, principal.organization)
