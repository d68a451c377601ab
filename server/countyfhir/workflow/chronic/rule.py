"""The rule of chronic care (三高共管 六病同防): which writes concern it, and what it makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic import (
    acknowledging,
    care_plans,
    hand_over,
    long_prescriptions,
    next_visit,
    proposals,
    readings,
    registers,
    standing,
    visits,
)
from countyfhir.workflow.chronic.classification import worst
from countyfhir.workflow.chronic.codes import is_action
from countyfhir.workflow.chronic.conditions import reading
from countyfhir.workflow.chronic.days import local_day, today
from countyfhir.workflow.chronic.extracting import extract
from countyfhir.workflow.chronic.facts import age_on, day_of
from countyfhir.workflow.chronic.record import Record, local
from countyfhir.workflow.rules import Rule
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import with_mark, with_timer

Table = Mapping[str, Any]
_LOOKED_AT = frozenset(("http://loinc.org", "https://fhir.county-hc.example/cs/follow-up-item"))


def concerns(change: Change) -> bool:
    """Cheaply, before any table is read: what can be of chronic care at all."""
    test = _TESTS.get(change.resource_type)
    return test is not None and any(test(one) for one in (change.after, change.before) if one is not None)


def _measured(observation: Resource) -> bool:
    codings = (observation.get("code") or {}).get("coding", ())
    if not any(one.get("system") in _LOOKED_AT for one in codings):
        return False
    return "encounter" in observation or readings.is_bound(observation)


def died(patient: Resource) -> bool:
    """Whether a Patient is told to have died."""
    return bool(patient.get("deceasedDateTime") or patient.get("deceasedBoolean"))


_TESTS: dict[str, Callable[[Resource], bool]] = {
    "CarePlan": care_plans.is_bound,
    "Condition": lambda one: bool((one.get("code") or {}).get("coding")),
    "Encounter": visits.is_follow_up,
    "Observation": _measured,
    "MedicationRequest": long_prescriptions.is_bound,
    "Patient": died,
    "QuestionnaireResponse": lambda one: "questionnaire" in one,
    "ServiceRequest": proposals.is_taken_up,
    "Task": lambda one: is_action(one, "follow-up", "hand-over", "acknowledge-reading"),
}


async def judge(situation: Situation, changes: list[Change], verdict: Verdict) -> None:
    """Registers first, then the visits that the plan touches, then Tasks that people have changed."""
    rules = situation.tables.table("chronic-classification")
    table = situation.tables.table("chronic-registers")
    record = Record(situation, verdict)
    if not situation.from_intake:
        for change in changes:
            if change.resource_type == "Condition":
                await _diagnosed(record, change, table)
            elif change.resource_type == "Patient":
                await _ended(record, change)
            elif change.resource_type == "CarePlan":
                await care_plans.judge_plan(record, change)
            elif change.resource_type == "ServiceRequest" and change.before is None:
                await proposals.take_up(record, change)
            elif change.resource_type == "MedicationRequest":
                prescriptions = situation.tables.table("chronic-prescriptions")
                await long_prescriptions.judge_prescription(record, change, prescriptions, table)
            elif change.resource_type == "Task":
                await _task(record, change, table)
    extracted = await _extracted(record, changes, table)
    for reference in dict.fromkeys([*await _visits(record, changes, rules), *extracted]):
        await visits.judge_visit(record, reference, rules, table)
    for change in changes:
        if change.resource_type == "Observation" and change.after is not None:
            await _reading(record, change, rules, table)


async def _reading(record: Record, change: Change, rules: Table, table: Table) -> None:
    """A reading that came without a visit; one that an intake brings only when it is recent."""
    told = {**(change.after or {}), "id": change.logical_id}
    window, now = int(rules["intake_window_days"]), record.situation.now
    if not readings.is_bound(told) or (
        record.situation.from_intake and not visits.is_recent(day_of(told), now, window)
    ):
        return
    await readings.judge_reading(record, told, rules, table)


async def _extracted(record: Record, changes: list[Change], table: Table) -> list[str]:
    """Let the responses to the county's forms tell what they tell; the visits of them."""
    found: list[str] = []
    responses = [one for one in changes if one.resource_type == "QuestionnaireResponse"]
    for change in responses:
        found += await extract(record, change, record.situation.tables.table("chronic-forms"))
    if responses:
        for (kind, _), resource in list(record.verdict.resources.items()):
            if kind == "Condition" and registers.is_bound(resource, table):
                patient = await registers.enrol(record, resource, table)
                if patient is not None:
                    await assess_anew(record, patient, table)
    return found


async def _visits(record: Record, changes: list[Change], rules: Table) -> list[str]:
    """The visits that are new, changed or measured anew. Of those that an intake brings, only recent ones: the others
    are history, and nobody is recalled for last year's visit."""
    window = int(rules["intake_window_days"]) if record.situation.from_intake else None
    found: dict[str, None] = {}
    for change in changes:
        told = change.after or change.before or {}
        if change.resource_type == "Encounter":
            reference, day = change.reference, local_day((told.get("period") or {}).get("start"))
        elif change.resource_type == "Observation":
            reference, day = local(told.get("encounter")) or "", day_of(told)
        else:
            continue
        if reference and (window is None or visits.is_recent(day, record.situation.now, window)):
            found[reference] = None
    return list(found)


async def _diagnosed(record: Record, change: Change, table: Table) -> None:
    """Let the registers follow a diagnosis; a change of the code, or a deletion, ends what the former had begun."""
    after, before = change.after, change.before
    patients = []
    if before is not None and registers.is_bound(before, table):
        gone = {**before, "id": change.logical_id, "verificationStatus": _WRONG}
        if after is None or registers.registers_of(after, table) != registers.registers_of(before, table):
            patients.append(await registers.enrol(record, gone, table))
    if after is not None and registers.is_bound(after, table):
        patients.append(await registers.enrol(record, {**after, "id": change.logical_id}, table))
    for patient in {one for one in patients if one is not None}:
        await assess_anew(record, patient, table)


_WRONG = {"coding": [{"system": registers.VERIFICATION, "code": "refuted"}]}


async def assess_anew(record: Record, patient: str, table: Table) -> None:
    """Risk, stability and tier from the registers alone, after an entry or an exit."""
    episodes = await registers.episodes_of(record, patient)
    resident = await record.read(patient) or {}
    facts = standing.conditions_of(episodes, table)
    age = age_on(resident.get("birthDate"), today(record.situation.now))
    if age is not None:
        facts["age"] = reading(age)
    classes = standing.classes_on(episodes)
    if classes:
        facts["last"] = frozenset((worst(list(classes.values())),))
    facts["visits"] = reading(len(classes))
    await standing.stand(record, patient, episodes, facts, table, {})


async def _ended(record: Record, change: Change) -> None:
    """A resident who died leaves the registers; nobody follows up."""
    if change.after is None or not died(change.after) or (change.before is not None and died(change.before)):
        return
    if change.before is None:
        return
    await registers.leave_all(record, change.reference)
    for task in await next_visit.open_visits(record, change.reference):
        await record.put(next_visit.cancelled(task, "居民死亡 The resident has died", record.situation.now))


async def _task(record: Record, change: Change, table: Table) -> None:
    if is_action(change.before, "acknowledge-reading"):
        await acknowledging.judge_acknowledgement(record, change)
        return
    if change.after is None:
        return
    if is_action(change.after, "hand-over"):
        await hand_over.judge_hand_over(record, change, table)
    elif is_action(change.after, "follow-up"):
        told = {**change.after, "id": change.logical_id}
        await record.put(next_visit.in_state(told, table, record.situation.now))


async def on_time(situation: Situation, change: Change, verdict: Verdict) -> None:
    """A follow-up that has come due, is overdue or lost; a hand-over that nobody has answered."""
    task = verdict.latest(change)
    if task is None:
        return
    if is_action(task, "follow-up"):
        table = situation.tables.table("chronic-registers")
        verdict.write(next_visit.in_state(task, table, situation.now))
    elif is_action(task, "acknowledge-reading"):
        record = Record(situation, verdict)
        verdict.write(await acknowledging.escalate(record, task, situation.tables.table("chronic-alerts")))
    elif is_action(task, "hand-over"):
        verdict.write(with_mark(with_timer(task, None), "overdue"))


RULE = Rule(concerns, judge, on_time)
