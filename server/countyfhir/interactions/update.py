"""update: by id, with create on PUT, and conditional (R4 sections 3.1.0.4, 3.1.0.4.3)."""

from __future__ import annotations

from countyfhir.exchange import Interaction, Resource, Stored, Write
from countyfhir.interactions.body import resource_of
from countyfhir.interactions.conditions import check_if_match, check_if_none_match, several
from countyfhir.interactions.create import new
from countyfhir.interactions.criteria import criteria_pairs
from countyfhir.interactions.draft import Draft
from countyfhir.interactions.merge_meta import merged_meta
from countyfhir.interactions.needs import Found, Needs
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError


def needs(interaction: Interaction, world: World) -> Needs:
    """The current version, or the matches of the criteria and the version under the id of the body."""
    assert interaction.resource_type is not None
    if interaction.logical_id is not None:
        return Needs(frozenset({(interaction.resource_type, interaction.logical_id)}))
    query = criteria_pairs(interaction.resource_type, interaction.query, interaction, world)
    sent = interaction.body.get("id") if isinstance(interaction.body, dict) else None
    keys = frozenset({(interaction.resource_type, sent)}) if isinstance(sent, str) else frozenset()
    return Needs(keys, (query,))


def build(interaction: Interaction, found: Found, world: World) -> Draft:
    """The new version; 201 where nothing (or a deleted one) was there."""
    resource = resource_of(interaction)
    if interaction.logical_id is None:
        return _conditional(interaction, resource, found, world)
    assert interaction.resource_type is not None
    sent = resource.get("id")
    if sent != interaction.logical_id:
        raise FhirError(
            "invalid",
            "The id in the body must be the id in the URL."
            if sent is not None
            else "An update needs an id in the body.",
            expression=f"{interaction.resource_type}.id",
        )
    return _put(interaction, interaction.logical_id, resource, found, world)


def _conditional(interaction: Interaction, resource: Resource, found: Found, world: World) -> Draft:
    resource_type = interaction.resource_type
    assert resource_type is not None
    query = criteria_pairs(resource_type, interaction.query, interaction, world)
    matches = found.matching(query)
    condition = (found.condition(query),)
    sent = resource.get("id")
    if len(matches) > 1:
        raise several(resource_type)
    if matches:
        target = matches[0].logical_id
        if sent is not None and sent != target:
            raise FhirError(
                "invalid",
                f"The criteria select {resource_type}/{target}, but the body has another id.",
                expression=f"{resource_type}.id",
            )
        draft = _put(interaction, target, {**resource, "id": target}, found, world)
        return Draft(draft.writes, condition, draft.status)
    if sent is None:
        check_if_match(interaction.preconditions, None, resource_type)
        return Draft((new(resource_type, world.new_id(), resource, "PUT"),), condition, 201)
    current = found.current(resource_type, str(sent))
    if current is not None and not current.deleted:
        raise FhirError(
            "conflict",
            f"The criteria select nothing, but {resource_type}/{sent} exists and does not match them.",
            status=409,
        )
    draft = _put(interaction, str(sent), resource, found, world)
    return Draft(draft.writes, condition, draft.status)


def _put(interaction: Interaction, logical_id: str, resource: Resource, found: Found, world: World) -> Draft:
    resource_type = interaction.resource_type
    assert resource_type is not None
    subject = f"{resource_type}/{logical_id}"
    current = found.current(resource_type, logical_id)
    check_if_match(interaction.preconditions, current, subject)
    check_if_none_match(interaction.preconditions, current, subject)
    if current is None or current.deleted:
        if not world.policy.update_create:
            raise FhirError(
                "not-supported", f"{subject} does not exist and this server does not create by PUT.", status=405
            )
        return Draft((put(resource_type, logical_id, resource, current),), status=201)
    return Draft((put(resource_type, logical_id, resource, current),), status=200)


def put(resource_type: str, logical_id: str, resource: Resource, current: Stored | None) -> Write:
    """The write of the next version after ``current``; tags and labels that the sender left out are kept (R4
    2.26.3.2)."""
    if current is not None and current.body is not None and b'"meta":{' in current.body:
        resource = merged_meta(resource, json.parse(current.body))
    return Write("PUT", resource_type, logical_id, resource, current.version_id if current else 0)
