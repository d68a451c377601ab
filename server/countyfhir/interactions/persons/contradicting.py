"""DetectedIssues of what linked records say against each other, kept up to date (R4 DetectedIssue)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from countyfhir.exchange import Resource, Stored
from countyfhir.identity.contradictions import KINDS, Contradiction, concerns, contradictions
from countyfhir.interactions.persons.reviews import save
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.search.query import Clause, Query, ReferenceIs, Sort, TokenIs
from countyfhir.store import instant

ISSUES = "https://fhir.county-hc.example/cs/detected-issue"
SEVERITY = {"allergy": "high", "abo": "high", "rh": "high"}
IDS_AT_ONCE = 100
PAGE = 500
LOINC = "http://loinc.org"


async def follow(stored: Sequence[Stored], world: World) -> None:
    """Look again at the persons of whom something was written that may contradict."""
    patients = {one.patient for one in stored if one.patient and concerns(one.resource_type, one.body)}
    linked = await world.store.persons.linked(sorted(patients)) if patients else {}
    await look({ids[0] for ids in linked.values()}, world)


async def look(persons: Iterable[str], world: World) -> None:
    """Raise, change or cancel the issues of persons (ids of golden records, also of those that are no more)."""
    wanted = sorted(set(persons))
    linked = await world.store.persons.linked(wanted) if wanted else {}
    owner = {one: person for person, ids in linked.items() for one in ids}
    said = await _statements(sorted(owner), world)
    issues: list[Resource] = []
    for person in wanted:
        own = [one for one in said if owner[_patient(one)] == person]
        found = {one.kind: one for one in contradictions(own)}
        issues += await _changed(person, found, own, world)
    await save(issues, world)


async def _statements(patients: Sequence[str], world: World) -> list[Resource]:
    """All statements of these Patients about allergies and blood groups."""
    found: list[Resource] = []
    groups: Clause = (TokenIs("code", LOINC, "883-9"), TokenIs("code", LOINC, "10331-7"))
    for start in range(0, len(patients), IDS_AT_ONCE):
        whose: Clause = tuple(ReferenceIs("patient", "Patient", one) for one in patients[start : start + IDS_AT_ONCE])
        for kind, where in (("AllergyIntolerance", (whose,)), ("Observation", (whose, groups))):
            query = Query((kind,), where, (Sort("_id", "token"),), count=PAGE)
            while True:
                page = await world.store.resources.search(query)
                found += [json.parse(one.body) for one in page.matches if one.body is not None]
                if page.cursor is None:
                    break
                query = replace(query, cursor=page.cursor)
    return found


def _patient(resource: Resource) -> str:
    holder = resource.get("patient") or resource.get("subject") or {}
    return str(holder.get("reference", "")).rpartition("/")[2]


async def _changed(
    person: str, found: dict[str, Contradiction], own: Sequence[Resource], world: World
) -> list[Resource]:
    """The issues of a person that are not as they should be."""
    ids = {kind: issue_id(person, kind) for kind in KINDS}
    there = await world.store.resources.read_many(("DetectedIssue", one) for one in ids.values())
    made: list[Resource] = []
    for kind, logical_id in ids.items():
        stored = there.get(("DetectedIssue", logical_id))
        before = json.parse(stored.body) if stored is not None and stored.body is not None else None
        if kind in found:
            listed = [{"reference": one} for one in found[kind].implicated]
            if before is None or before.get("implicated") != listed or before.get("status") != "final":
                made.append(_issue(logical_id, found[kind], listed, own, world))
        elif before is not None and before.get("status") == "final":
            made.append({**before, "status": "cancelled"})
    return made


def issue_id(person: str, kind: str) -> str:
    """The id of the issue of a kind about a person."""
    digest = hashlib.sha256(f"{person} {kind}".encode()).digest()[:16]
    return f"{kind}-{base64.b32encode(digest).decode().rstrip('=').lower()}"


def _issue(
    logical_id: str, found: Contradiction, implicated: list[Resource], own: Sequence[Resource], world: World
) -> Resource:
    patients = sorted(_patient(one) for one in own if f"{one['resourceType']}/{one['id']}" in found.implicated)
    return {
        "resourceType": "DetectedIssue",
        "id": logical_id,
        "status": "final",
        "code": {"coding": [{"system": ISSUES, "code": f"{found.kind}-contradiction"}], "text": KINDS[found.kind]},
        "severity": SEVERITY[found.kind],
        "patient": {"reference": f"Patient/{patients[0]}"},
        "identifiedDateTime": instant.text(world.now()),
        "implicated": implicated,
        "detail": KINDS[found.kind],
    }
