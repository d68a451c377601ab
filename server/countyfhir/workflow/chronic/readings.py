"""Readings that came without a visit: a laboratory's are classified like those of a visit; those that a resident takes
at home, or a device sends, raise an alert that somebody must acknowledge (DOMAIN D11, D15)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic import acknowledging, assessments, visits
from countyfhir.workflow.chronic.classification import Classified
from countyfhir.workflow.chronic.conditions import Range, holds, reading
from countyfhir.workflow.chronic.days import plus_days
from countyfhir.workflow.chronic.facts import UNUSABLE, day_of, facts_of
from countyfhir.workflow.chronic.record import Record, local
from countyfhir.workflow.timing import micros

Table = Mapping[str, Any]
CAPTURED = "https://fhir.county-hc.example/StructureDefinition/capture-method"
_BY_DEVICE = ("device", "self-reported")
_INSTITUTIONS = ("Organization/", "Practitioner/", "PractitionerRole/")


def is_bound(observation: Resource, profiles: list[str] | None = None) -> bool:
    """Whether a reading without a visit is of chronic care: it claims one of the county's profiles (any of them where
    none are given), or says how it was captured."""
    if "encounter" in observation:
        return False
    claimed = [str(one).partition("|")[0] for one in (observation.get("meta") or {}).get("profile", ())]
    if any(one.get("url") == CAPTURED for one in observation.get("extension", ())):
        return True
    if profiles is None:
        return any(one.startswith("https://fhir.county-hc.example/StructureDefinition/county-") for one in claimed)
    return any(one in profiles for one in claimed)


def is_from_home(observation: Resource) -> bool:
    """Whether the resident, somebody of the family or a device took it, not an institution."""
    performers = [local(one) or "" for one in observation.get("performer", ())]
    if any(one.startswith(("Patient/", "RelatedPerson/")) for one in performers):
        return True
    if any(one.startswith(_INSTITUTIONS) for one in performers):
        return False
    captured = (one.get("valueCoding", {}) for one in observation.get("extension", ()) if one.get("url") == CAPTURED)
    return "device" in observation or any(one.get("code") in _BY_DEVICE for one in captured)


async def judge_reading(record: Record, observation: Resource, rules: Table, registers: Table) -> None:
    """Classify a reading; raise an alert, or take it back when the reading is withdrawn."""
    table = record.situation.tables.table("chronic-alerts")
    patient = local(observation.get("subject"))
    if patient is None or not is_bound(observation, table["profiles"]):
        return
    reference = f"Observation/{observation['id']}"
    from_home = is_from_home(observation)
    facts = facts_of([observation], rules)
    if from_home and observation.get("status") in UNUSABLE:
        await acknowledging.take_back(record, reference)
    elif from_home and facts:
        facts |= await _rises(record, observation, patient, facts, rules, int(table["rise_within_days"]))
        alert = next((one for one in table["alerts"] if holds(one["when"], facts)), None)
        if alert is None:
            await acknowledging.take_back(record, reference)
        else:
            await acknowledging.raise_alert(record, observation, patient, alert)
    await _classify(record, observation, patient, rules, registers, from_home)


async def _classify(
    record: Record, observation: Resource, patient: str, rules: Table, registers: Table, from_home: bool
) -> None:
    visit = visits.Visit(f"Observation/{observation['id']}", patient, day_of(observation), None, [observation])
    if not visit.day or observation.get("status") in UNUSABLE:
        return
    await visits.fill(record, visit, rules, registers)
    found = [one for one in visits.classes_of(visit, rules, registers) if one.code != "unknown"]
    if not found:
        return
    if from_home:
        await _kept(record, visit, found, rules)
    else:
        await visits.follow(record, visit, found, rules, registers)


async def _kept(record: Record, visit: visits.Visit, found: list[Classified], rules: Table) -> None:
    """The class of a home reading, which changes nothing by itself: the alert does."""
    await record.put(assessments.computed(visit, found, None, rules))


async def _rises(
    record: Record, observation: Resource, patient: str, facts: Mapping[str, Any], rules: Table, within: int
) -> dict[str, Any]:
    """How much each value is above that of the reading before, of the last days."""
    day = day_of(observation)
    codings = [f"{one.get('system')}|{one.get('code')}" for one in (observation.get("code") or {}).get("coding", ())]
    if not day or not codings:
        return {}
    others = await record.find(
        "Observation",
        patient,
        f"code={','.join(codings)}&date=ge{plus_days(day, -within)}&date=le{day}",
        lambda one: (
            one["id"] != observation["id"] and one.get("status") not in UNUSABLE and _at(one) < _at(observation)
        ),
    )
    if not others:
        return {}
    before = facts_of([max(others, key=_at)], rules)
    found = {}
    for name, value in facts.items():
        earlier = before.get(name)
        if isinstance(value, Range) and isinstance(earlier, Range):
            found[f"{name}-rise"] = reading(Decimal(value.high - earlier.high))
    return found


def _at(observation: Resource) -> tuple[str, int]:
    told = observation.get("effectiveDateTime") or observation.get("effectiveInstant")
    return (day_of(observation), micros(told) or 0)
