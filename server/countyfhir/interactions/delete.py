"""delete: by id and conditional, single or multiple by setting (R4 sections 3.1.0.7, 3.1.0.7.1)."""

from __future__ import annotations

from dataclasses import replace

from countyfhir.exchange import Interaction, Stored, Write
from countyfhir.interactions.conditions import check_if_match, several
from countyfhir.interactions.criteria import criteria_pairs
from countyfhir.interactions.draft import Draft
from countyfhir.interactions.needs import Found, Needs
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError
from countyfhir.search.query import Query

MOST = 5000
"""How many resources one conditional delete may remove."""


def needs(interaction: Interaction, world: World) -> Needs:
    """The current version, or the matches of the criteria."""
    assert interaction.resource_type is not None
    if interaction.logical_id is not None:
        return Needs(frozenset({(interaction.resource_type, interaction.logical_id)}))
    return Needs(queries=(_criteria(interaction, world),))


def _criteria(interaction: Interaction, world: World) -> Query:
    query = criteria_pairs(interaction.resource_type, interaction.query, interaction, world)
    return replace(query, count=MOST + 1) if world.policy.conditional_delete_multiple else query


def build(interaction: Interaction, found: Found, world: World) -> Draft:
    """The deletion; nothing (204 all the same) where there is nothing to delete."""
    assert interaction.resource_type is not None
    if interaction.logical_id is not None:
        current = found.current(interaction.resource_type, interaction.logical_id)
        check_if_match(interaction.preconditions, current, f"{interaction.resource_type}/{interaction.logical_id}")
        if current is None or current.deleted:
            return Draft(status=204, existing=current)
        return Draft((removal(current, world),), status=204)
    query = _criteria(interaction, world)
    matches = found.matching(query)
    if len(matches) > 1 and not world.policy.conditional_delete_multiple:
        raise several(interaction.resource_type)
    if len(matches) > MOST:
        raise FhirError("too-costly", f"The criteria select more than {MOST} resources; delete them in smaller parts.")
    for match in matches:
        check_if_match(interaction.preconditions, match, f"{match.resource_type}/{match.logical_id}")
    return Draft(tuple(removal(match, world) for match in matches), (found.condition(query),), 204)


def removal(current: Stored, world: World) -> Write:
    """The write that deletes the version ``current``."""
    return Write(
        "DELETE",
        current.resource_type,
        current.logical_id,
        expected_version=current.version_id,
        unreferenced=not world.policy.delete_referenced,
    )
