"""patch: JSON Patch, FHIRPath Patch, merge patch; by id and conditional (R4 section 3.1.0.6)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Any

from countyfhir.access import organization
from countyfhir.exchange import Interaction, Resource, Stored, Write
from countyfhir.interactions.conditions import check_if_match, several
from countyfhir.interactions.criteria import criteria_pairs
from countyfhir.interactions.draft import Draft
from countyfhir.interactions.needs import Found, Needs
from countyfhir.interactions.patch_formats import json_patch, merge_patch
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError

JSON_PATCH, MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"


def needs(interaction: Interaction, world: World) -> Needs:
    """The current version, or the matches of the criteria."""
    assert interaction.resource_type is not None
    if interaction.logical_id is not None:
        return Needs(frozenset({(interaction.resource_type, interaction.logical_id)}))
    return Needs(queries=(criteria_pairs(interaction.resource_type, interaction.query, interaction, world),))


def build(interaction: Interaction, found: Found, world: World) -> Draft:
    """The patched version; 404 where there is nothing to patch, 412 where the criteria select several."""
    current, conditions = _current(interaction, found, world)
    subject = f"{current.resource_type}/{current.logical_id}"
    check_if_match(interaction.preconditions, current, subject)
    assert current.body is not None
    patched = format_of(interaction)(json.parse(current.body), interaction.body)
    if patched.get("resourceType") != current.resource_type or patched.get("id") != current.logical_id:
        raise FhirError(
            "business-rule",
            "A patch must not change the resourceType or the id.",
            expression=f"{current.resource_type}.id",
        )
    claims = organization.issues_of(patched, interaction.principal)
    if claims:
        raise FhirError(claims)
    write = Write("PATCH", current.resource_type, current.logical_id, patched, current.version_id)
    return Draft((write,), conditions, 200)


def _current(interaction: Interaction, found: Found, world: World) -> tuple[Stored, tuple[Any, ...]]:
    resource_type = interaction.resource_type
    assert resource_type is not None
    if interaction.logical_id is not None:
        current = found.current(resource_type, interaction.logical_id)
        if current is None:
            raise FhirError(
                "not-found", f"{resource_type}/{interaction.logical_id} is not known; there is nothing to patch."
            )
        if current.deleted:
            raise FhirError(
                "deleted", f"{resource_type}/{interaction.logical_id} was deleted; there is nothing to patch."
            )
        return current, ()
    query = criteria_pairs(resource_type, interaction.query, interaction, world)
    matches = found.matching(query)
    if len(matches) > 1:
        raise several(resource_type)
    if not matches:
        raise FhirError("not-found", f"The criteria select no {resource_type}; there is nothing to patch.")
    return matches[0], (found.condition(query),)


def format_of(interaction: Interaction) -> Callable[[Resource, Any], Resource]:
    """The patch format by media type and shape of the body; 415 where it is none of ours.

    ``application/json`` with an object is a merge patch and with an array a JSON Patch (existing clients send both);
    a Parameters resource is a FHIRPath Patch under either FHIR media type.
    """
    body, content_type = interaction.body, interaction.content_type
    if isinstance(body, dict) and body.get("resourceType") == "Parameters":
        from countyfhir.interactions.patch_formats import fhirpath_patch  # a server starts without the engine

        return fhirpath_patch.apply
    if content_type == "application/fhir+json" and isinstance(body, dict) and body.get("resourceType") == "Binary":
        return _in_binary
    if content_type == JSON_PATCH or (
        isinstance(body, list) and content_type in ("application/json", "application/fhir+json")
    ):
        return json_patch.apply
    if isinstance(body, dict) and content_type in (MERGE_PATCH, "application/json"):
        return merge_patch.apply
    raise FhirError(
        "not-supported",
        f"A patch is a JSON Patch ({JSON_PATCH}), a FHIRPath Patch (a Parameters resource) or a merge patch "
        f"({MERGE_PATCH}); {content_type or 'no media type'} with this body is none of them.",
        status=415,
    )


def _in_binary(resource: Resource, document: Any) -> Resource:
    """A JSON Patch (or merge patch) inside a bundle stands in a Binary (R4 section 3.1.0.6.1): its data is the
    document."""
    apply = _IN_BINARY.get(document.get("contentType")) if isinstance(document.get("contentType"), str) else None
    if apply is None or not isinstance(document.get("data"), str):
        raise FhirError(
            "not-supported",
            f"A Binary that carries a patch has contentType {' or '.join(_IN_BINARY)}, and data.",
            expression="Binary.contentType",
            status=415,
        )
    try:
        text = b64decode("".join(document["data"].split()), validate=True)
    except ValueError as error:
        raise FhirError("value", "The data of the Binary is not base64.", expression="Binary.data") from error
    return apply(resource, json.parse_any(text))


_IN_BINARY: dict[str, Callable[[Resource, Any], Resource]] = {
    JSON_PATCH: json_patch.apply,
    MERGE_PATCH: merge_patch.apply,
}
