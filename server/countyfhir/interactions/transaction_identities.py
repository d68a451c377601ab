"""What a transaction must not leave in doubt: full URLs that name two entries, criteria that its own writes would meet
twice (R4 sections 3.1.0.11.2, 2.36.4 bdl-7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from countyfhir.exchange import Write
from countyfhir.interactions.bundle_entries import BundleEntry
from countyfhir.interactions.criteria import criteria_pairs, criteria_text
from countyfhir.interactions.draft import Draft
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError, at_entry
from countyfhir.search.entries import TOKEN
from countyfhir.search.holds import holds
from countyfhir.search.query import Query, TokenIs


def check_full_urls(entries: Iterable[BundleEntry]) -> None:
    """FhirError where two entries with a resource have the same full URL: references to it would be ambiguous."""
    first: dict[str, int] = {}
    for entry in entries:
        if entry.full_url is None or entry.interaction.body is None:
            continue
        if entry.full_url in first:
            raise FhirError(
                "invalid",
                f"Entries {first[entry.full_url]} and {entry.index} have the same fullUrl; each must have its own.",
                expression=(f"Bundle.entry[{first[entry.full_url]}].fullUrl", f"Bundle.entry[{entry.index}].fullUrl"),
            )
        first[entry.full_url] = entry.index


def check_unambiguous(writing: list[BundleEntry], drafts: list[Draft], writes: list[Write], world: World) -> None:
    """FhirError 412 where the criteria of a conditional create or update would also be met by what another entry
    writes: afterwards they would select two resources, as they would not had the entries come one after the other."""
    pool: _Pool | None = None
    for entry, draft in zip(writing, drafts, strict=True):
        query = _criteria(entry, world) if draft.writes else None
        if query is None:
            continue
        pool = pool or _Pool(writes)
        mine = (draft.writes[0].resource_type, draft.writes[0].logical_id)
        for other in pool.candidates(query):
            if (other.resource_type, other.logical_id) != mine and _meets(other, query):
                problem = FhirError(
                    "multiple-matches",
                    "The criteria of this entry are also met by what another entry of the transaction writes.",
                    status=412,
                )
                raise at_entry(problem, entry.index)


def _criteria(entry: BundleEntry, world: World) -> Query | None:
    interaction = entry.interaction
    if interaction.kind == "create" and interaction.preconditions.if_none_exist is not None:
        return criteria_text(interaction, interaction.preconditions.if_none_exist, world)
    if interaction.kind == "update" and interaction.logical_id is None:
        return criteria_pairs(interaction.resource_type, interaction.query, interaction, world)
    return None


def _meets(write: Write, query: Query) -> bool:
    try:
        return holds(query.where, write)
    except FhirError:  # a chain or the like, which only the store can follow
        return False


class _Pool:
    """The resources that are written, found by type, and by token where the criteria name one (most do): a bundle of
    thousands of conditional creates is not compared pair by pair."""

    def __init__(self, writes: Iterable[Write]) -> None:
        self.by_type: dict[str, list[Write]] = defaultdict(list)
        self.by_token: dict[tuple[object, ...], list[Write]] = defaultdict(list)
        for write in writes:
            if write.resource is None:
                continue
            self.by_type[write.resource_type].append(write)
            for kind, parameter, _, *values in write.entries:
                if kind == TOKEN:
                    self.by_token[(write.resource_type, parameter, *values)].append(write)

    def candidates(self, query: Query) -> list[Write]:
        """Every write that may meet the query, and others."""
        resource_type = query.resource_types[0]
        for clause in query.where:
            token = clause[0]
            if len(clause) == 1 and isinstance(token, TokenIs) and None not in (token.system, token.code):
                return self.by_token.get((resource_type, token.parameter, token.system, token.code), [])
        return self.by_type.get(resource_type, [])
