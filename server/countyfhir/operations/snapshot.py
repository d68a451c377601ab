"""$snapshot: a profile with a snapshot made from its differential (R4 StructureDefinition-snapshot)."""

from __future__ import annotations

import asyncio

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.world import World
from countyfhir.operations.terminology.asking import Asked, asked
from countyfhir.outcome import FhirError
from countyfhir.validation import structure
from countyfhir.validation.profiles import NoSnapshot, Profiles, snapshot

KNOWN = ("definition", "url")
TYPE = "StructureDefinition"


async def make_snapshot(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The StructureDefinition sent (``definition``), named (``url``, also ``url|version``) or asked of, with a snapshot
    made anew. FhirError 404 for an unknown url, 422 where the differential does not fit or a definition is missing."""
    profiles = world.profiles
    if profiles is None:
        raise FhirError("not-supported", "This server was started without profiles.")
    body = interaction.body
    if body is not None and not isinstance(body, dict):
        raise FhirError("invalid", f"Send a {TYPE}, or Parameters with definition or url.")
    if body is not None and body.get("resourceType") == TYPE:
        definition: Resource = body
    else:
        definition = chosen(await asked(interaction, grant, world, KNOWN), profiles)
    if problems := [one for one in structure.check(definition, TYPE) if one.severity == "error"]:
        raise FhirError(problems)
    try:
        made = await asyncio.to_thread(snapshot, definition, profiles.structure)
    except NoSnapshot as problem:
        raise FhirError("processing", str(problem), expression=f"{TYPE}.differential") from None
    if "snapshot" not in made:
        raise FhirError("processing", "There is nothing to make a snapshot from: no differential.", expression=TYPE)
    return Answer(200, body=made)


def chosen(request: Asked, profiles: Profiles) -> Resource:
    """The definition that is meant."""
    if request.own is not None:
        return request.own
    sent, url = request.one("definition"), request.text("url")
    if isinstance(sent, dict):
        if sent.get("resourceType") != TYPE:
            raise FhirError("invalid", f"The parameter definition must be a {TYPE}.", expression="definition")
        return sent
    if not url:
        raise FhirError("required", "Say the profile: definition (a resource) or url.", expression="definition")
    found = profiles.stated(url)
    if found is None:
        raise FhirError("not-found", f"The {TYPE} {url} is not known here.", expression="url")
    return found
