"""The class of a follow-up of one disease by the rule table that was in force on its day (DOMAIN 3.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from countyfhir.workflow.chronic.conditions import Facts, holds

Table = Mapping[str, Any]
WORST_FIRST = ("emergency", "complication", "adverse-reaction", "unsatisfied", "unknown", "satisfied")
CLASSES = {
    "satisfied": "控制满意 Well controlled",
    "unsatisfied": "控制不满意 Not well controlled",
    "adverse-reaction": "不良反应 Adverse reaction",
    "complication": "并发症 Complication",
    "emergency": "危急 Emergency",
    "unknown": "资料不足 Not enough to classify",
}


@dataclass(frozen=True, slots=True)
class Classified:
    """The class of one disease, the rules that gave it (id and text), the criterion of a referral they name, the
    version of the edition, and the facts that were missing."""

    disease: str
    code: str
    reasons: tuple[tuple[str, str], ...] = ()
    criterion: str | None = None
    version: str = ""
    missing: tuple[str, ...] = ()


def edition_on(table: Table, day: str) -> Table:
    """The edition in force on a day (YYYY-MM-DD)."""
    editions: Sequence[Table] = sorted(table["editions"], key=lambda one: str(one["from"]))
    begun = [one for one in editions if str(one["from"]) <= day]
    return begun[-1] if begun else editions[0]


def classify(disease: str, facts: Facts, table: Table, day: str) -> Classified | None:
    """The class of a disease at a visit; None where the visit tells nothing of the disease, nor of an emergency."""
    edition = edition_on(table, day)
    rules = edition["diseases"].get(disease)
    if rules is None:
        return None
    version = str(edition["version"])
    for code in ("emergency", "complication", "adverse-reaction"):
        found = [one for one in rules[code] if holds(one["when"], facts)]
        if found:
            criterion = next((one["criterion"] for one in found if "criterion" in one), None)
            return Classified(disease, code, _told(found), criterion, version)
    missing = tuple(name for name in rules["needs"] if name not in facts)
    if missing:
        return Classified(disease, "unknown", (), None, version, missing)
    found = [one for one in rules["satisfied"] if holds(one["when"], facts)]
    if found:
        return Classified(disease, "satisfied", _told(found[:1]), None, version)
    return Classified(disease, "unsatisfied", _told([rules["unsatisfied"]]), None, version)


def worst(classes: Sequence[str]) -> str:
    """The class that counts for the visit as a whole."""
    return min(classes, key=WORST_FIRST.index)


def _told(rules: Sequence[Table]) -> tuple[tuple[str, str], ...]:
    return tuple((str(one["id"]), " ".join(part.strip() for part in str(one["text"]).split("|"))) for one in rules)
