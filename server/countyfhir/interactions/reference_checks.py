"""References on write: what they name must be here, or an empty resource is put in its place (setting
``reference_checks``; R4 section 2.3.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from countyfhir.exchange import Grant, Interaction, Resource, Write
from countyfhir.interactions import references
from countyfhir.interactions.prepare import indexed
from countyfhir.interactions.visible import require_all_visible
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError, Issue

Key = tuple[str, str]
PLACEHOLDER = {
    "system": "https://fhir.county-hc.example/CodeSystem/record-state",
    "code": "placeholder",
    "display": "Placeholder 占位记录",
}
"""The tag of a resource that was made because another refers to it; what is sent later under its id replaces it."""
MOST_NAMED = 20


async def placeholders(
    writes: Sequence[Write], interaction: Interaction, grant: Grant, world: World
) -> tuple[Write, ...]:
    """The empty resources to be written with ``writes`` so that their references lead somewhere; () where that is not
    asked for. FhirError 422 with the place of each reference where they must exist and do not."""
    if world.policy.reference_checks == "off":
        return ()
    written = {(one.resource_type, one.logical_id) for one in writes if one.resource is not None}
    named = {key for one in writes for key in one.references if key[0] in world.definitions.endpoint_types} - written
    if not named:
        return ()
    found = await world.store.resources.read_many(named)
    present = {key for key, stored in found.items() if not stored.deleted}
    await require_all_visible(named & present, grant, world)
    missing = named - present
    if missing and world.policy.reference_checks == "exists":
        raise FhirError(list(_refused(writes, missing)), status=422)
    made = []
    for key in sorted(missing):
        if not grant.may("c", key[0]):
            raise FhirError("forbidden", f"The granted scopes do not allow to create a placeholder of {key[0]}.")
        before = found.get(key)
        write = Write("PUT", *key, stub(*key), before.version_id if before is not None else 0)
        made.append(indexed(write, interaction.base, world))
    return tuple(made)


def stub(resource_type: str, logical_id: str) -> Resource:
    """The empty resource; it has none of the elements its type requires, which is why it is tagged."""
    return {"resourceType": resource_type, "id": logical_id, "meta": {"tag": [PLACEHOLDER]}}


def _refused(writes: Iterable[Write], missing: set[Key]) -> Iterable[Issue]:
    names = {f"{resource_type}/{logical_id}" for resource_type, logical_id in missing}
    count = 0
    for write in writes:
        for path, text in references.literal(write.resource or {}):
            plain = "/".join(text.partition("/_history/")[0].rsplit("/", 2)[-2:])
            if plain in names and count < MOST_NAMED:
                count += 1
                place = path if path.endswith(".reference") else f"{path}.reference"
                yield Issue("not-found", f"This server has no such {plain.partition('/')[0]}.", (place,))
    if not count:
        yield Issue("not-found", "A resource that is referred to is not on this server.")
