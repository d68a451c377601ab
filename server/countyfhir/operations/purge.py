"""$purge: an administrator removes all versions of a resource but the current one. An operation of ours; R4 has
none."""

from __future__ import annotations

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.read import unknown
from countyfhir.interactions.world import World
from countyfhir.outcome import Issue, operation_outcome


async def purge(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """An OperationOutcome that tells how many versions went; 404 where the resource was never there."""
    resource_type, logical_id = str(interaction.resource_type), str(interaction.logical_id)
    if await world.store.resources.read(resource_type, logical_id) is None:
        raise unknown(resource_type, logical_id)
    removed = await world.store.resources.purge_history(resource_type, logical_id)
    said = f"{removed} earlier versions of {resource_type}/{logical_id} were removed; the current one stays."
    return Answer(200, body=operation_outcome((Issue("informational", said, severity="information"),)))
