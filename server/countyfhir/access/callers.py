"""What a caller is narrowed to and what it may write, by its institution, roles and scopes and the tables of access
(docs/access.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from countyfhir.access.covering import Cover, Covering, kept
from countyfhir.access.labels import Labels
from countyfhir.access.relating import Relating
from countyfhir.access.scopes import is_clinical
from countyfhir.exchange import Grant, Principal
from countyfhir.model.definitions import Definitions

REMEMBERED = 4096
BOUND = ("key", "token")
"""Callers that name an institution: the local caller and the program itself see and write everything."""


@dataclass(frozen=True, slots=True)
class WritingRule:
    """A row of ``writing``: who may write the ``types``. ``tiers`` empty: whoever writes."""

    text: str
    types: frozenset[str]
    tiers: frozenset[str]
    needs: str
    elements: tuple[tuple[str, ...], ...]


class Callers:
    """The tables at work. ``related``: institutions see only records that they have a relation to, and write by the
    rows of ``writing``."""

    def __init__(self, known: Definitions, relating: Relating, labels: Labels | None, *, related: bool) -> None:
        self._known, self.relating, self.labels, self._related = known, relating, labels, related
        self._cover = kept(self._covered, REMEMBERED)

    def _covered(self, grant: Grant, cover: Cover) -> Grant:
        return self._covering.cover(grant, cover)

    @cached_property
    def _covering(self) -> Covering:
        table = self.relating.table
        types = tuple(sorted(self._known.endpoint_types - self.relating.shared))
        return Covering(types, frozenset(table["unattached"]), frozenset(table["through"]))

    @cached_property
    def _rules(self) -> tuple[WritingRule, ...]:
        return tuple(rule_of(row) for row in self.relating.table["writing"])

    def cover(self, grant: Grant, principal: Principal, organizations: Iterable[str]) -> Grant:
        """The grant narrowed to what that caller may see, who acts for these Organizations."""
        own = tuple(sorted({*organizations, str(principal.organization)}))
        guarded = self.labels.guarded(principal.roles) if self.labels is not None else ()
        return self._cover(grant, Cover(own, self.is_related(principal), guarded))

    def is_related(self, principal: Principal) -> bool:
        """Whether relations decide what the caller sees: not for the whole county's, by a role of the table with
        system/ scopes only."""
        if not self._related or principal.organization is None or principal.kind not in BOUND:
            return False
        roles = self.relating.table["county_wide"]["roles"]
        scopes = [scope for scope in principal.scopes if is_clinical(scope)]
        return set(roles).isdisjoint(principal.roles) or not all(scope.startswith("system/") for scope in scopes)

    def writing(self, resource_type: str, tiers: frozenset[str]) -> list[WritingRule]:
        """What an institution of these tiers has to fulfil to write a resource of the type."""
        return [
            rule
            for rule in self._rules
            if resource_type in rule.types and (not rule.tiers or not rule.tiers.isdisjoint(tiers))
        ]


def rule_of(row: Mapping[str, Any]) -> WritingRule:
    """A row of the table."""
    return WritingRule(
        f"{row['english']}. {row['chinese']}。",
        frozenset(row["types"]),
        frozenset(row.get("tiers", ())),
        row["needs"],
        tuple(tuple(path.split(".")) for path in row.get("elements", ())),
    )
