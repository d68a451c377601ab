"""Criteria of conditional interactions as queries: always strict, never empty (R4 section 3.1.0.8.3)."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

from countyfhir.exchange import Interaction
from countyfhir.identity.golden import TAG
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError
from countyfhir.search import parse
from countyfhir.search.query import Clause, Not, Query, TokenIs

NO_GOLDEN_RECORD: Clause = (Not((TokenIs("_tag", TAG["system"], TAG["code"]),)),)
"""Conditional interactions mean the records of institutions, not those the server makes of them."""


def criteria_text(interaction: Interaction, text: str, world: World) -> Query:
    """The query of an If-None-Exist value (``identifier=s|v``, with or without a leading ``?`` or ``Type?``)."""
    query_text = text.rpartition("?")[2]
    pairs = tuple(parse_qsl(query_text, keep_blank_values=True))
    return criteria_pairs(interaction.resource_type, pairs, interaction, world)


def criteria_pairs(
    resource_type: str | None, pairs: tuple[tuple[str, str], ...], interaction: Interaction, world: World
) -> Query:
    """The query of decoded pairs; FhirError 412 when there are none (they would select everything)."""
    if resource_type is None:
        raise FhirError("invalid", "Conditional criteria need a resource type.")
    context = replace(world.search, base=interaction.base)
    query = replace(parse.criteria(resource_type, pairs, context), count=2)
    if resource_type == "Patient" and world.person_rules is not None:
        query = replace(query, where=(*query.where, NO_GOLDEN_RECORD))
    return query
