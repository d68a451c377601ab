"""The reading entries of a transaction: checked before the commit, performed after it."""

from __future__ import annotations

from countyfhir.exchange import Grant, Stored
from countyfhir.interactions import capabilities, history, operation, read, search
from countyfhir.interactions.accessed import record_entry
from countyfhir.interactions.batch import answer_row
from countyfhir.interactions.bundle_entries import BundleEntry
from countyfhir.interactions.needs import Key
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError, at_entry

_READERS = {
    "vread": read.vread,
    "search-type": search.search,
    "search-system": search.search,
    "search-compartment": search.search,
    "history-instance": history.history,
    "history-type": history.history,
    "history-system": history.history,
    "capabilities": capabilities.capabilities,
    "operation": operation.operation,
}


async def check_reads(
    entries: list[BundleEntry], writes: dict[Key, bool], grants: dict[int, Grant], world: World
) -> None:
    """FhirError where a reading entry cannot succeed after this bundle's ``writes`` (key -> there afterwards)."""
    for entry in entries:
        grant = grants[entry.index]
        interaction = entry.interaction
        try:
            if interaction.kind == "operation" and operation.find(interaction, world.operations).affects_state:
                raise FhirError(
                    "not-supported",
                    "An operation that changes something cannot stand in a transaction; use a batch.",
                    status=400,
                )
            if interaction.kind.startswith("search"):
                search.parsed(interaction, world)
            elif interaction.kind == "read":
                await _check_read(entry, writes, grant, world)
        except FhirError as error:
            raise at_entry(error, entry.index) from error


async def _check_read(entry: BundleEntry, writes: dict[Key, bool], grant: Grant, world: World) -> None:
    key = (str(entry.interaction.resource_type), str(entry.interaction.logical_id))
    if key not in writes:
        await read.read(entry.interaction, grant, world)
    elif not writes[key]:
        raise FhirError("deleted", f"{key[0]}/{key[1]} is deleted by this transaction.")


async def read_together(entries: list[BundleEntry], world: World) -> dict[Key, Stored]:
    """What the read entries show, of one moment: nobody sees half of another's transaction."""
    keys = {
        (str(entry.interaction.resource_type), str(entry.interaction.logical_id))
        for entry in entries
        if entry.interaction.kind == "read"
    }
    return await world.store.resources.read_many(keys) if keys else {}


async def perform_read(entry: BundleEntry, grant: Grant, world: World, snapshot: dict[Key, Stored]) -> bytes:
    """The row of a reading entry, after the commit; reads show the ``snapshot``."""
    try:
        if entry.interaction.kind == "read":
            answer = await read.read(entry.interaction, grant, world, snapshot)
        else:
            answer = await _READERS[entry.interaction.kind](entry.interaction, grant, world)
    except FhirError as error:
        raise at_entry(error, entry.index) from error
    await record_entry(entry.interaction, answer.status, answer, world)
    return answer_row(entry.interaction, answer)
