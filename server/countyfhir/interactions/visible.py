"""Whether a caller with a narrowed grant may see or write a resource (DESIGN: the grant travels in the plan)."""

from __future__ import annotations

from collections.abc import Iterable

from countyfhir.exchange import Grant, Interaction, Stored, Write
from countyfhir.interactions.needs import Found, Key
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError
from countyfhir.search.holds import holds
from countyfhir.search.query import SeenBy


async def require_visible(stored: Stored, grant: Grant, world: World) -> None:
    """404, as if it were not there, when the grant is narrowed to other resources."""
    if not await is_visible(stored, grant, world):
        raise _unknown(stored.resource_type, stored.logical_id)


async def is_visible(stored: Stored, grant: Grant, world: World) -> bool:
    """Whether the grant shows the resource as it is now; a deleted one to the institution that wrote it."""
    alternatives = grant.narrowed(stored.resource_type)
    if alternatives is None:
        return True
    if stored.deleted:  # nothing but who wrote it is known of it
        asking = {one for each in alternatives for clause in each for one in clause if isinstance(one, SeenBy)}
        organizations = {name for one in asking for name in one.organizations}
        return await world.store.resources.wrote_first(stored.resource_type, stored.logical_id, organizations)
    key = (stored.resource_type, stored.logical_id)
    return key in await world.store.resources.visible((key,), grant)


async def require_all_visible(keys: Iterable[tuple[str, str]], grant: Grant, world: World) -> None:
    """The same for the existing resources that a write replaces."""
    narrowed = {key for key in keys if grant.narrowed(key[0]) is not None}
    if not narrowed:
        return
    hidden = narrowed - set(await world.store.resources.visible(narrowed, grant))
    if hidden:
        raise _unknown(*min(hidden))


def _unknown(resource_type: str, logical_id: str) -> FhirError:
    return FhirError("not-found", f"{resource_type}/{logical_id} is not known.")


async def leave_out_hidden(
    interaction: Interaction, keys: Iterable[Key], found: Found, grant: Grant, world: World
) -> None:
    """Have what the caller may not see among ``keys`` be as if it were not there. 404 for an update, which would create
    it, and for a delete, which would be said to be done."""
    there = {key for key in keys if grant.narrowed(key[0]) is not None and key in found.there((key,))}
    hidden = there - set(await world.store.resources.visible(there, grant)) if there else there
    if hidden and interaction.kind in ("update", "delete") and interaction.preconditions.if_match is None:
        raise _unknown(*min(hidden))
    for key in hidden:
        del found.versions[key]


def require_within(write: Write, grant: Grant) -> None:
    """403 when what would be written lies outside of what the grant is narrowed to."""
    alternatives = grant.narrowed(write.resource_type)
    if alternatives is None or write.resource is None:
        return
    if not any(holds(clauses, write) for clauses in alternatives):
        raise FhirError("forbidden", f"The granted scopes do not allow writing this {write.resource_type}.")
