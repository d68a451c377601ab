"""$validate with mode=delete: whether the resource is there, and whether others still point to it."""

from __future__ import annotations

from dataclasses import replace

from countyfhir.exchange import Grant, Interaction
from countyfhir.interactions.visible import is_visible
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError, Issue
from countyfhir.search.query import Query, ReferenceIs

MOST_NAMED = 20


async def deletion_issues(interaction: Interaction, grant: Grant, world: World) -> list[Issue]:
    """[] when the delete would go through. 400 where it is not called on an instance."""
    resource_type, logical_id = interaction.resource_type, interaction.logical_id
    if resource_type is None or logical_id is None:
        raise FhirError("required", "mode=delete is asked of a stored resource: [type]/[id]/$validate?mode=delete.")
    stored = (await world.store.resources.read_many({(resource_type, logical_id)})).get((resource_type, logical_id))
    subject = f"{resource_type}/{logical_id}"
    if stored is not None and not stored.deleted and not await is_visible(stored, grant, world):
        stored = None
    if stored is None or stored.deleted:
        code, said = ("not-found", "is not known") if stored is None else ("deleted", "was deleted already")
        return [Issue(code, f"{subject} {said}; deleting it changes nothing.", (resource_type,), "information")]
    if world.policy.delete_referenced:
        return []
    holders = await _holders(resource_type, logical_id, grant, world)
    if not holders:
        return []
    text = f"{subject} cannot be deleted while others point to it: {', '.join(holders[:MOST_NAMED])}."
    return [Issue("conflict", text, (resource_type,))]


async def _holders(resource_type: str, logical_id: str, grant: Grant, world: World) -> list[str]:
    """Who points to the resource, as far as search parameters tell; the store itself knows the others too, and a delete
    asks it."""
    found: dict[str, None] = {}
    for holder in sorted(world.definitions.endpoint_types):
        if not grant.may("s", holder):
            continue
        names = [
            code
            for code, one in world.definitions.search_parameters.get(holder, {}).items()
            if one.type == "reference" and (not one.targets or resource_type in one.targets)
        ]
        if not names:
            continue
        alternatives = tuple(ReferenceIs(code, resource_type, logical_id) for code in names)
        query = replace(Query((holder,), (alternatives,)), count=MOST_NAMED)
        page = await world.store.resources.search(query, grant)
        found |= dict.fromkeys(f"{one.resource_type}/{one.logical_id}" for one in page.matches)
        if len(found) >= MOST_NAMED:
            break
    return [one for one in found if one != f"{resource_type}/{logical_id}"]
