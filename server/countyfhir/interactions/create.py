"""create, plain and conditional (R4 sections 3.1.0.8, 3.1.0.8.3)."""

from __future__ import annotations

from countyfhir.exchange import Interaction, Resource, Write
from countyfhir.interactions.body import resource_of
from countyfhir.interactions.conditions import several
from countyfhir.interactions.criteria import criteria_text
from countyfhir.interactions.draft import Draft
from countyfhir.interactions.needs import Found, Needs
from countyfhir.interactions.world import World


def needs(interaction: Interaction, world: World) -> Needs:
    """The matches of If-None-Exist, when there is one."""
    if interaction.preconditions.if_none_exist is None:
        return Needs()
    return Needs(queries=(criteria_text(interaction, interaction.preconditions.if_none_exist, world),))


def build(interaction: Interaction, found: Found, world: World) -> Draft:
    """A new resource under an id of the server's; or, where the criteria found one, that one and no write."""
    resource = resource_of(interaction)
    assert interaction.resource_type is not None
    if interaction.preconditions.if_none_exist is None:
        return Draft((new(interaction.resource_type, world.new_id(), resource),), status=201)
    query = criteria_text(interaction, interaction.preconditions.if_none_exist, world)
    matches = found.matching(query)
    if len(matches) > 1:
        raise several(interaction.resource_type)
    if matches:
        return Draft((), (found.condition(query),), 200, matches[0])
    write = new(interaction.resource_type, world.new_id(), resource)
    return Draft((write,), (found.condition(query),), 201)


def new(resource_type: str, logical_id: str, resource: Resource, method: str = "POST") -> Write:
    """The write of a resource that is not there yet."""
    return Write(method, resource_type, logical_id, {**resource, "id": logical_id}, expected_version=0)
