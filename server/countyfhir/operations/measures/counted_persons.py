"""Who is one person: records that are linked, or of which a review finds it probable, are counted once
(docs/indicators.md, "Persons")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from countyfhir.identity.golden_ids import is_golden
from countyfhir.model import json
from countyfhir.search.query import Missing, Query, TokenIs
from countyfhir.store.ports import Gathering, Row

REVIEW = TokenIs("code", "https://fhir.county-hc.example/cs/task", "person-review")
OPEN = tuple(TokenIs("status", None, code) for code in ("requested", "ready", "accepted", "in-progress", "on-hold"))


@dataclass(slots=True)
class Circles:
    """Names that belong together, directly or through others (union-find)."""

    above: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """The one that stands for all that belong together with it."""
        above = self.above
        top = above.get(name, name)
        while (higher := above.get(top, top)) != top:
            above[name] = top = higher
        return top

    def join(self, one: str, other: str) -> None:
        """They belong together from now on; the smaller name stands for both, so that the order does not matter."""
        first, second = self.of(one), self.of(other)
        if first != second:
            self.above[max(first, second)] = min(first, second)


def _linkage(body: bytes) -> list[str]:
    """The Patients that an active Linkage says to be one."""
    linkage = json.parse(body)
    if linkage.get("active") is False:
        return []
    return list(_patients(item.get("resource") for item in linkage.get("item", ())))


def _review(body: bytes) -> list[str]:
    """The records under review, where the comparison found them probably one."""
    inputs = json.parse(body).get("input", ())
    if not any(one.get("valueCode") == "probable" for one in inputs):
        return []
    return list(_patients(one.get("valueReference") for one in inputs))


def _patients(references: Iterable[Any]) -> Iterable[str]:
    for one in references:
        kind, _, logical_id = str((one or {}).get("reference", "")).partition("/")
        if kind == "Patient":
            yield logical_id


GATHERINGS: tuple[Gathering, ...] = (
    Gathering(Query(("Patient",), ((Missing("link", False),),)), towards="link"),
    Gathering(Query(("Linkage",)), shape=_linkage),
    Gathering(Query(("Task",), ((REVIEW,), OPEN)), shape=_review),
)
"""What tells who is one person: links of Patients, Linkages, reviews that wait for a decision."""


def circles(answers: Sequence[list[Row]]) -> Circles:
    """Who belongs together, by logical id of the Patients."""
    links, linkages, reviews = answers
    found = Circles()
    for logical_id, _, targets, _ in links:
        for target in targets:
            kind, _, other = target.partition("/")
            if kind == "Patient":
                found.join(logical_id, other)
    for *_, together in (*linkages, *reviews):
        for other in together[1:]:
            found.join(together[0], other)
    return found


def shown(circle: Circles, seen: Iterable[str]) -> dict[str, str]:
    """Of each person among the records that the caller sees, the one to name: the golden one, else the first."""
    found: dict[str, str] = {}
    for one in seen:
        person = circle.of(one)
        known = found.get(person)
        if known is None or (not is_golden(one), one) < (not is_golden(known), known):
            found[person] = one
    return found


def reference_of(person: str, named: Mapping[str, str]) -> str:
    """The literal reference that stands for a person."""
    return f"Patient/{named.get(person, person)}"
