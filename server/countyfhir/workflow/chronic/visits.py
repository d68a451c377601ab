"""A follow-up visit as a whole: what it measured, the class of each disease, what was known before, and what follows:
the computed class beside the doctor's own, the next visit, proposals (DOMAIN 3.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic import assessments, next_visit, proposals, standing
from countyfhir.workflow.chronic.classification import Classified, classify, worst
from countyfhir.workflow.chronic.codes import ITEM
from countyfhir.workflow.chronic.conditions import reading
from countyfhir.workflow.chronic.days import later, local_day, plus_days, today
from countyfhir.workflow.chronic.facts import UNUSABLE, age_on, facts_of
from countyfhir.workflow.chronic.record import Record, codes_in, derived_id, local, refers
from countyfhir.workflow.chronic.registers import episodes_of, register_of

Table = Mapping[str, Any]
PROFILE = "https://fhir.county-hc.example/StructureDefinition/county-encounter-follow-up"
FOLLOW_UP = "随访"
KINDS = {"高血压": "hypertension", "糖尿病": "type-2-diabetes", "血脂": "dyslipidaemia"}
"""What ``Encounter.type.text`` of a follow-up names (高血压随访, 2型糖尿病患者随访) -> disease."""
OVER = ("cancelled", "entered-in-error")
COMPUTED = "computed-assessment"


@dataclass(slots=True)
class Visit:
    """A visit (or a reading that came without one) that is being judged."""

    reference: str
    patient: str
    day: str
    encounter: Resource | None
    observations: list[Resource]
    facts: dict[str, Any] = field(default_factory=dict)
    episodes: list[Resource] = field(default_factory=list)
    earlier: dict[str, tuple[str, str]] = field(default_factory=dict)  # disease -> (day, class) of the visit before
    overtaken: frozenset[str] = frozenset()  # diseases of which a later visit is known


def is_follow_up(encounter: Resource | None) -> bool:
    """Whether an Encounter is a visit of the county's follow-up: by its profile, or by the kind of its form."""
    if encounter is None:
        return False
    claimed = (str(one).partition("|")[0] for one in (encounter.get("meta") or {}).get("profile", ()))
    return PROFILE in claimed or bool(kinds_of(encounter))


def kinds_of(encounter: Resource | None) -> list[str]:
    """The diseases whose form was filled in at a visit."""
    texts = [str(one.get("text", "")) for one in (encounter or {}).get("type", ())]
    return [KINDS[word] for text in texts if FOLLOW_UP in text for word in KINDS if word in text]


async def judge_visit(
    record: Record, reference: str, rules: Table, registers: Table, *, proposing: bool = True
) -> None:
    """Classify a visit and write what follows; withdraw it all where the visit was none. Not ``proposing``: of a visit
    of the past only the class and the next visit are written."""
    encounter = await record.read(reference)
    patient = local((encounter or {}).get("subject"))
    if encounter is None or not is_follow_up(encounter) or patient is None:
        return
    day = local_day((encounter.get("period") or {}).get("start"))
    if encounter.get("status") in OVER or not day:
        await _withdraw(record, reference, patient)
        return
    criteria = f"encounter={reference}"
    observations = await record.find(
        "Observation", patient, criteria, lambda one: refers(one.get("encounter"), reference) and _told(one)
    )
    visit = Visit(reference, patient, day, encounter, observations)
    await fill(record, visit, rules, registers)
    classified = classes_of(visit, rules, registers)
    if classified:
        await follow(record, visit, classified, rules, registers, proposing=proposing)


def _told(observation: Resource) -> bool:
    return observation.get("status") not in UNUSABLE and COMPUTED not in codes_in(observation.get("code"), ITEM)


def classes_of(visit: Visit, rules: Table, registers: Table) -> list[Classified]:
    """The class of each disease that is followed and that the visit tells of."""
    followed = [name for name, spec in registers["registers"].items() if spec.get("followed")]
    return [one for name in followed if (one := _class_of(name, visit, rules)) is not None]


def _class_of(disease: str, visit: Visit, rules: Table) -> Classified | None:
    """The class of a disease that the visit was for, or that it measured in a resident on its register."""
    edition = rules["editions"][-1]["diseases"].get(disease, {})
    measured = any(name in visit.facts for name in edition.get("measures", ()))
    asked = disease in kinds_of(visit.encounter)
    on_register = any(register_of(one) == disease for one in visit.episodes)
    if not (asked and visit.facts) and not (measured and on_register):
        return None
    return classify(disease, visit.facts, rules, visit.day)


async def fill(record: Record, visit: Visit, rules: Table, registers: Table) -> None:
    """The facts of the visit, of the resident, and of the visits before."""
    visit.facts = facts_of(visit.observations, rules)
    if not visit.facts:
        return
    resident = await record.read(visit.patient) or {}
    age = age_on(resident.get("birthDate"), visit.day)
    if age is not None:
        visit.facts["age"] = reading(age)
    visit.episodes = await episodes_of(record, visit.patient)
    past = await assessments.past(record, visit.patient)
    visit.earlier, visit.overtaken = await _around(record, visit, past)
    visit.facts |= standing.conditions_of(visit.episodes, registers)
    visit.facts |= _changes(visit, past, registers)


async def _around(
    record: Record, visit: Visit, past: Sequence[Resource]
) -> tuple[dict[str, tuple[str, str]], frozenset[str]]:
    """The class at the visit before, by disease, and the diseases that were seen later."""
    earlier: dict[str, tuple[str, str]] = {}
    overtaken = set()
    computed = {local(one.get("encounter")) for one in past if assessments.tells_all(one)}
    for observation in past:
        of = local(observation.get("encounter"))
        if of is None or of == visit.reference or (of in computed and not assessments.tells_all(observation)):
            continue
        day = local_day(observation.get("effectiveDateTime"))
        kinds = kinds_of(await record.read(of))
        for disease, code in assessments.classes_of(observation, kinds).items():
            if day > visit.day:
                overtaken.add(disease)
            elif day < visit.day and day >= earlier.get(disease, ("", ""))[0]:
                earlier[disease] = (day, code)
    return earlier, frozenset(overtaken)


def _changes(visit: Visit, past: Sequence[Resource], registers: Table) -> dict[str, Any]:
    """Whether a complication is new since the visit before, or worse."""
    change = visit.facts.get("complication-change", frozenset())
    since = max((day for day, _ in visit.earlier.values()), default=plus_days(visit.day, -1))
    starts = [
        str(one.get("period", {}).get("start", ""))
        for one in visit.episodes
        if not registers["registers"].get(register_of(one) or "", {}).get("followed")
    ]
    new = "new" in change or any(since < start <= visit.day for start in starts)
    now, before = visit.facts.get("foot-pulse", frozenset()), assessments.foot_pulse_before(past, visit.day)
    new = new or (before == "1" and not now.isdisjoint(("2", "3")))
    return {
        "new-complication": new,
        "aggravated-complication": "aggravated" in change or (before == "2" and "3" in now),
    }


async def follow(
    record: Record,
    visit: Visit,
    classified: Sequence[Classified],
    rules: Table,
    registers: Table,
    *,
    proposing: bool = True,
) -> None:
    """Write the computed class, and what follows from the worse of it and the doctor's own."""
    doctors = assessments.doctors_class(visit.facts, rules)
    kinds = kinds_of(visit.encounter)
    told = assessments.computed(visit, classified, doctors, rules)
    await record.put(told)
    counted = {one.disease: _counted(one, doctors if one.disease in kinds else None) for one in classified}
    current = [one for one in classified if one.disease not in visit.overtaken]
    steps = {one.disease: step_of(one.disease, counted[one.disease], visit, rules) for one in current}
    await standing.assess(record, visit, counted, registers)
    institution = (visit.encounter or {}).get("serviceProvider")
    cause = proposals.Cause(
        visit.reference, f"Observation/{told['id']}", visit.patient, visit.reference if visit.encounter else None,
        institution, visit.day,
    )  # fmt: skip
    if proposing:
        await _propose(record, cause, current, steps, registers)
    if current and visit.encounter is not None:
        await _next(record, visit, current, steps, cause, registers)


def _counted(one: Classified, doctors: str | None) -> str:
    codes = [code for code in (one.code, doctors) if code not in (None, "unknown")]
    return worst([str(code) for code in codes]) if codes else "unknown"


def step_of(disease: str, code: str, visit: Visit, rules: Table) -> Table:
    """What follows from a class, given the class at the visit before."""
    table = rules["follow-up"].get(disease, rules["follow-up"]["default"])
    step: Table = table[code]
    day, before = visit.earlier.get(disease, ("", ""))
    again = bool(day) and before == code and day >= plus_days(visit.day, -int(rules["consecutive_within"]))
    return step["again"] if again and "again" in step else step


async def _propose(
    record: Record, cause: proposals.Cause, current: Sequence[Classified], steps: Mapping[str, Table], registers: Table
) -> None:
    names = {one.disease: str(registers["registers"][one.disease]["text"]).partition(" |")[0] for one in current}
    adjusted = [names[disease] for disease, step in steps.items() if "adjustment" in step.get("propose", ())]
    referred = [one for one in current if "referral" in steps[one.disease].get("propose", ())]
    criteria = {str(one.criterion or steps[one.disease].get("criterion")) for one in referred}
    priorities = [str(steps[one.disease].get("priority", "routine")) for one in referred]
    priority = min(priorities, key=proposals.URGENCY.index, default="routine")
    await proposals.propose_adjustment(record, cause, adjusted)
    await proposals.propose_referral(
        record, cause, sorted(criteria), priority, [names[one.disease] for one in referred]
    )


async def _next(
    record: Record,
    visit: Visit,
    current: Sequence[Classified],
    steps: Mapping[str, Table],
    cause: proposals.Cause,
    registers: Table,
) -> None:
    """Close the follow-up that this visit was, and plan the next: one for all diseases."""
    now = record.situation.now
    task_id = derived_id(visit.reference, "next-visit")
    dues: dict[str, str] = {}
    own: Resource | None = None
    for task in await next_visit.open_visits(record, visit.patient):
        dues = {**next_visit.dues_of(task), **dues}
        if task["id"] == task_id:
            own = task
        else:
            await record.put(next_visit.closed(task, visit.reference, visit.day, now))
    before = own or await record.read(f"Task/{task_id}")
    if before is not None and own is None:
        return  # the visit that this one had asked for has taken place, or was called off
    dues |= {one.disease: _due(visit, one.disease, steps[one.disease]) for one in current}
    recall = any("propose" in steps[one.disease] for one in current)
    task = next_visit.planned(visit.patient, task_id, recall, now)
    if own is not None:
        task |= {"authoredOn": own.get("authoredOn", task["authoredOn"])}
    task |= {"encounter": {"reference": visit.reference}, "reasonReference": {"reference": cause.assessment}}
    if cause.institution is not None:
        task |= {"requester": cause.institution, "owner": cause.institution}
    names = {
        name: " ".join(p.strip() for p in spec["text"].split("|")) for name, spec in registers["registers"].items()
    }
    task = next_visit.due_again(task, dues, names, registers, now)
    if own is None or {**own, "lastModified": ""} != {**task, "lastModified": ""}:
        await record.put(task)


def _due(visit: Visit, disease: str, step: Table) -> str:
    """The day by the rules, or the earlier one that the doctor wrote on the form of the disease."""
    by_rule = later(visit.day, step["next"])
    written = [
        local_day(one.get("valueDateTime"))
        for one in visit.observations
        if "next-visit" in codes_in(one.get("code"), ITEM)
    ]
    if disease not in kinds_of(visit.encounter):
        return by_rule
    return min([by_rule, *(day for day in written if day > visit.day)])


async def _withdraw(record: Record, reference: str, patient: str) -> None:
    """A visit that was none: its class was wrong, its proposals fall."""
    computed = await record.read(f"Observation/{derived_id(reference, COMPUTED)}")
    if computed is None:
        return
    await record.put({**computed, "status": "entered-in-error"})
    cause = proposals.Cause(reference, f"Observation/{computed['id']}", patient, reference, None, "")
    await proposals.propose_adjustment(record, cause, [])
    await proposals.propose_referral(record, cause, [], "routine", [])
    task = await record.read(f"Task/{derived_id(reference, 'next-visit')}")
    if task is not None and task.get("status") in next_visit.OPEN:
        await record.put(
            next_visit.cancelled(task, "随访记录误录 The visit was entered in error", record.situation.now)
        )


def is_recent(day: str, now: int, window: int) -> bool:
    """Whether a visit that a legacy system brings is still to be followed up."""
    return bool(day) and day >= plus_days(today(now), -window)
