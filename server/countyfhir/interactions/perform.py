"""The one door: every interaction, over whatever edge it came, goes through ``perform`` (DESIGN: the life of a
request)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import ModuleType

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions import (
    batch,
    capabilities,
    create,
    delete,
    history,
    operation,
    patch,
    read,
    request_parameters,
    search,
    transaction,
    update,
)
from countyfhir.interactions.covered import covered
from countyfhir.interactions.persons.whole import whole_grant
from countyfhir.interactions.world import World
from countyfhir.interactions.write import write
from countyfhir.outcome import FhirError

Performer = Callable[[Interaction, Grant, World], Awaitable[Answer]]


def _writing(module: ModuleType) -> Performer:
    async def perform_write(interaction: Interaction, grant: Grant, world: World) -> Answer:
        return await write(interaction, grant, world, module.needs, module.build)

    return perform_write


PERFORMERS: dict[str, Performer] = {
    "read": read.read,
    "vread": read.vread,
    "create": _writing(create),
    "update": _writing(update),
    "patch": _writing(patch),
    "delete": _writing(delete),
    "history-instance": history.history,
    "history-type": history.history,
    "history-system": history.history,
    "search-type": search.search,
    "search-system": search.search,
    "search-compartment": search.search,
    "capabilities": capabilities.capabilities,
    "operation": operation.operation,
    "transaction": transaction.transaction,
}
"""FHIR interaction code -> what performs it. ``batch`` joins below: it performs others."""


OF_ONE_RECORD = frozenset({"create", "update", "patch", "delete"})
"""A patient/ scope reaches the linked records of its patient for reading; it writes to that very record only."""


async def perform(interaction: Interaction, world: World, grant: Grant | None = None) -> Answer:
    """Check what the principal may, do it, answer. FhirError for everything that goes wrong."""
    if grant is None:
        grant = world.grant_of(interaction.principal)
    grant = world.check_access(interaction, await covered(grant, interaction.principal, world))
    if interaction.kind not in OF_ONE_RECORD:
        grant = await whole_grant(grant, world)
    if interaction.query:
        request_parameters.check(interaction)
    performer = PERFORMERS.get(interaction.kind)
    if performer is None:
        raise FhirError("not-supported", f"The interaction {interaction.kind} is not offered.", status=405)
    return await performer(interaction, grant, world)


async def _batch(interaction: Interaction, grant: Grant, world: World) -> Answer:
    return await batch.batch(interaction, grant, world, perform)


PERFORMERS["batch"] = _batch
