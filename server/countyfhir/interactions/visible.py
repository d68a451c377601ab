"""Whether a caller with a narrowed grant may see or write a resource (DESIGN: the grant travels in the plan)."""

from __future__ import annotations

from collections.abc import Iterable

from countyfhir.exchange import Grant, Stored, Write
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError
from countyfhir.search.holds import holds


async def require_visible(stored: Stored, grant: Grant, world: World) -> None:
    """404, as if it were not there, when the grant is narrowed to other resources."""
    if grant.narrowed(stored.resource_type) is None:
        return
    key = (stored.resource_type, stored.logical_id)
    if key not in await world.store.resources.visible((key,), grant):
        raise FhirError("not-found", f"{stored.resource_type}/{stored.logical_id} is not known.")


async def require_all_visible(keys: Iterable[tuple[str, str]], grant: Grant, world: World) -> None:
    """The same for the existing resources that a write replaces."""
    narrowed = {key for key in keys if grant.narrowed(key[0]) is not None}
    if not narrowed:
        return
    hidden = narrowed - set(await world.store.resources.visible(narrowed, grant))
    if hidden:
        resource_type, logical_id = min(hidden)
        raise FhirError("not-found", f"{resource_type}/{logical_id} is not known.")


def require_within(write: Write, grant: Grant) -> None:
    """403 when what would be written lies outside of what the grant is narrowed to."""
    alternatives = grant.narrowed(write.resource_type)
    if alternatives is None or write.resource is None:
        return
    if not any(holds(clauses, write) for clauses in alternatives):
        raise FhirError("forbidden", f"The granted scopes do not allow writing this {write.resource_type}.")
