"""read and vread, conditional reads included (R4 sections 3.1.0.1, 3.1.0.2)."""

from __future__ import annotations

from collections.abc import Mapping

from countyfhir.exchange import Answer, Grant, Interaction, Stored
from countyfhir.interactions import audit_events
from countyfhir.interactions.conditions import not_modified
from countyfhir.interactions.visible import is_visible, require_visible
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError


async def read(
    interaction: Interaction, grant: Grant, world: World, snapshot: Mapping[tuple[str, str], Stored] | None = None
) -> Answer:
    """The current version: 404 when the id was never used, 410 when it was deleted. ``snapshot``: what was read of one
    moment already, for the reads of a transaction."""
    resource_type, logical_id = interaction.resource_type, interaction.logical_id
    assert resource_type is not None
    assert logical_id is not None
    if resource_type == audit_events.RESOURCE_TYPE and audit_events.is_recorded(interaction):
        return await audit_events.read(interaction, grant, world)
    if snapshot is None:
        stored = await world.store.resources.read(resource_type, logical_id)
    else:
        stored = snapshot.get((resource_type, logical_id))
    if stored is None:
        raise unknown(resource_type, logical_id)
    if grant.narrowing:
        await require_visible(stored, grant, world)
    return shown(stored, interaction)


async def vread(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """One version; the current version must be visible to the caller too."""
    resource_type, logical_id, version_id = interaction.resource_type, interaction.logical_id, interaction.version_id
    assert resource_type is not None
    assert logical_id is not None
    assert version_id is not None
    if version_id == "1" and audit_events.is_recorded(interaction):
        return await audit_events.read(interaction, grant, world)
    number = int(version_id) if version_id.isascii() and version_id.isdigit() and len(version_id) < 16 else 0
    stored = await world.store.resources.vread(resource_type, logical_id, number) if number else None
    if stored is None or (grant.narrowing and not await is_visible(stored, grant, world)):
        raise FhirError("not-found", f"{resource_type}/{logical_id} has no version {version_id[:64]}.")
    return shown(stored, interaction)


def shown(stored: Stored, interaction: Interaction) -> Answer:
    """The answer that shows a version: 200, 304 when the caller has it, 410 for a deletion."""
    if stored.deleted:
        raise FhirError(
            "deleted",
            f"{stored.resource_type}/{stored.logical_id} was deleted with version {stored.version_id}.",
            headers={"ETag": f'W/"{stored.version_id}"'},
        )
    conditions = interaction.preconditions
    if (conditions.if_none_match or conditions.if_modified_since) and not_modified(conditions, stored):
        return Answer(304, stored=stored)
    return Answer(200, headers=went_to(stored, interaction.base), body=stored.body, stored=stored)


def went_to(stored: Stored, base: str) -> dict[str, str]:
    """The headers of a Patient that was merged: ``Link`` with the relation successor-version (RFC 5829) leads to the
    record that took its place."""
    if stored.resource_type != "Patient" or stored.body is None or b'"replaced-by"' not in stored.body:
        return {}
    found = [
        f'<{base}/{link["other"]["reference"]}>; rel="successor-version"'
        for link in json.parse(stored.body).get("link", ())
        if link.get("type") == "replaced-by" and str(link["other"].get("reference", "")).startswith("Patient/")
    ]
    return {"Link": ", ".join(found)} if found else {}


def unknown(resource_type: str, logical_id: str) -> FhirError:
    """404 for an id that was never used."""
    return FhirError("not-found", f"{resource_type}/{logical_id} is not known.")
