"""What held before a decision about two records (docs/persons.md)."""

from __future__ import annotations

from dataclasses import replace

from countyfhir.exchange import Resource
from countyfhir.interactions.persons.neighbourhood import OPEN, REVIEW
from countyfhir.store.ports import PersonDecision


def kept(before: PersonDecision | None) -> Resource:
    """What a new decision keeps of the one that it takes the place of."""
    if before is None or before.kind in (OPEN, REVIEW):
        return {"kind": OPEN}
    made: Resource = {"kind": before.kind, "before": before.before}
    if before.kind == "merge" and "active" in before.before:
        made["active"] = before.before["active"]
    return made


def earlier(decision: PersonDecision) -> PersonDecision:
    """The decision that holds again when this one is taken back; whether the merged record was in use stays known."""
    before = dict(decision.before.get("before", {}))
    if "active" in decision.before:
        before["active"] = decision.before["active"]
    return replace(decision, kind=str(decision.before.get("kind", OPEN)), before=before)
