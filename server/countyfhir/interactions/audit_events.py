"""AuditEvents: those the server records, served from the audit store, before those that clients wrote (R4
AuditEvent)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from countyfhir.audit import event
from countyfhir.audit import search as recorded
from countyfhir.audit.parameters import modifiers_of
from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.bundle_text import search_entry
from countyfhir.interactions.page_form import PageForm, body_of_row, page_form
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.model.definitions import SearchParameter

RESOURCE_TYPE = "AuditEvent"


def search_parameters(among: Iterable[SearchParameter]) -> Iterator[tuple[SearchParameter, list[str]]]:
    """Those that recorded events are searched by, each with its modifiers."""
    return ((one, list(modifiers_of(one.code))) for one in among if one.code in recorded.SUPPORTED)


def is_recorded(interaction: Interaction) -> bool:
    """Whether a read is of an AuditEvent that the server recorded itself."""
    return interaction.resource_type == RESOURCE_TYPE and event.sequence_of(interaction.logical_id or "") is not None


async def read(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """One recorded AuditEvent; its only version is 1."""
    resource = await event.read(str(interaction.logical_id), world.store.audit, grant)
    return Answer(200, body=json.dumps(resource))


async def only_version(interaction: Interaction, grant: Grant, world: World) -> bytes:
    """The history of a recorded AuditEvent: one row, since it never changes."""
    resource = await event.read(str(interaction.logical_id), world.store.audit, grant)
    row = {
        "fullUrl": f"{interaction.base}/{RESOURCE_TYPE}/{resource['id']}",
        "resource": resource,
        "request": {"method": "POST", "url": RESOURCE_TYPE},
        "response": {
            "status": "201 Created",
            "etag": 'W/"1"',
            "lastModified": resource["meta"]["lastUpdated"],
        },
    }
    return json.dumps(row)


def continues_recorded(interaction: Interaction) -> bool:
    """Whether a search is (still) in the recorded AuditEvents, rather than in those that clients wrote."""
    inside = interaction.compartment
    if interaction.resource_type != RESOURCE_TYPE or (inside is not None and inside[0] != "Patient"):
        return False
    cursors = [value for name, value in interaction.query if name == "_cursor"]
    return not cursors or recorded.is_cursor(cursors[-1])


async def search(interaction: Interaction, grant: Grant, world: World) -> tuple[list[bytes], str | None]:
    """The rows of one page of recorded AuditEvents, newest first, and the ``_cursor`` of the next page."""
    limits = recorded.Limits(world.search.zone, world.policy.default_count, world.policy.max_count)
    pairs = list(interaction.query)
    if interaction.compartment is not None:
        pairs.append(("patient", "/".join(interaction.compartment)))
    found = await recorded.search(pairs, world.store.audit, limits, grant)
    form = page_form(interaction.query)
    rows = [_row(interaction.base, one, form) for one in found.events]
    return rows, found.cursor


def _row(base: str, resource: Resource, form: PageForm) -> bytes:
    return search_entry(f"{base}/{RESOURCE_TYPE}/{resource['id']}", body_of_row(json.dumps(resource), form))
