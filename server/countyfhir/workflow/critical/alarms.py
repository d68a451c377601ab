"""An alarm: a Flag on the resident, a Communication, a Task that a person of the receiving institution acknowledges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.critical import findings
from countyfhir.workflow.critical.findings import Finding
from countyfhir.workflow.reading.matching import organization_of
from countyfhir.workflow.reading.notices import communication, digest
from countyfhir.workflow.reading.reading import PLACE, TASK_NAMES, TASKS, concept, literal, named_id
from countyfhir.workflow.situation import Situation, Verdict
from countyfhir.workflow.timing import instant, with_timer

CODE = "critical-value"
NOTICE = {
    "critical-value": "Critical value 危急值",
    "critical-corrected": "Critical value corrected 危急值更正",
    "critical-escalated": "Critical value not acknowledged 危急值未确认",
}
NOTICES = f"{PLACE}/cs/critical-notice"
FLAG = f"{PLACE}/cs/flag-kind"
DETAIL = "http://hl7.org/fhir/StructureDefinition/flag-detail"
MINUTE = 60_000_000
Table = Mapping[str, Any]


def task_id(key: tuple[str, ...]) -> str:
    """The id of the Task of a critical value: the same however often it is sent."""
    return named_id(CODE, *key)


async def raise_alarm(
    situation: Situation,
    verdict: Verdict,
    finding: Finding,
    about: Resource,
    *,
    owner: str | None,
    centre: str | None,
    based_on: list[str],
    subject: Resource | None,
    table: Table,
    further: tuple[str, ...] = (),
) -> bool:
    """Raise it, unless this very value was raised before; whether it is new. ``about`` is the focus; ``owner`` the
    institution that has to act (where it is not known, the centre that found it), ``further`` recipients."""
    whom = literal(subject, "Patient") or (about["id"] if about["resourceType"] != "Flag" else "")
    name = f"{about['resourceType']}/{about['id']}"
    key = (whom, *finding.key)
    task = ("Task", task_id(key))
    if task in verdict.resources or await situation.look.read(f"Task/{task[1]}") is not None:
        return False
    now, receiver = situation.now, owner or centre
    flag = _flag(finding, key, name, subject, centre, now, about)
    if flag is not None:
        verdict.write(flag)
    verdict.write(_task(finding, key, name, receiver, centre, subject, flag, based_on, now, table))
    told = communication(
        *(CODE, key),
        now=now,
        text=finding.text,
        recipients=[one for one in (receiver, *further) if one is not None],
        sender=centre if centre != receiver else None,
        subject=subject,
        about=[name, *based_on],
        content=name,
        priority="stat",
        category=concept(NOTICES, CODE, NOTICE),
    )
    if told is not None:
        verdict.write(told)
    return True


def _flag(
    finding: Finding,
    key: tuple[str, ...],
    name: str,
    subject: Resource | None,
    centre: str | None,
    now: int,
    about: Resource,
) -> Resource | None:
    if literal(subject, "Patient") is None or about["resourceType"] == "Flag":
        return None
    made: Resource = {
        "resourceType": "Flag",
        "id": named_id("critical-flag", *key),
        "extension": [{"url": DETAIL, "valueReference": {"reference": name}}],
        "status": "active",
        "category": [{"coding": [{"system": FLAG, "code": CODE, "display": "危急值"}], "text": "危急值"}],
        "code": {"text": finding.text},
        "subject": {"reference": literal(subject)},
        "period": {"start": instant(now)},
    }
    if centre is not None:
        made["author"] = {"reference": centre}
    return made


def _task(
    finding: Finding,
    key: tuple[str, ...],
    name: str,
    receiver: str | None,
    centre: str | None,
    subject: Resource | None,
    flag: Resource | None,
    based_on: list[str],
    now: int,
    table: Table,
) -> Resource:
    made: Resource = {
        "resourceType": "Task",
        "id": task_id(key),
        "status": "requested",
        "intent": "order",
        "priority": "stat",
        "code": concept(TASKS, CODE, TASK_NAMES),
        "description": finding.text,
        "basedOn": [{"reference": one} for one in based_on],
        "focus": {"reference": name},
        "authoredOn": instant(now),
        "lastModified": instant(now),
        "restriction": {"period": {"end": instant(now + int(table["minutes"] * MINUTE))}},
    }
    if not based_on:
        del made["basedOn"]
    if receiver is not None:
        made["owner"] = {"reference": receiver}
        made["restriction"]["recipient"] = [{"reference": receiver}]
    if centre is not None:
        made["requester"] = {"reference": centre}
    if literal(subject, "Patient") is not None:
        made["for"] = {"reference": literal(subject)}
    if flag is not None:
        made["reasonReference"] = {"reference": f"Flag/{flag['id']}"}
    return with_timer(made, now + int(table["warning"] * MINUTE))


async def asker_for(situation: Situation, verdict: Verdict, resource: Resource) -> tuple[str | None, list[str]]:
    """The institution that a result goes to, and the orders it is of: who asked, else where the visit was, else who
    keeps the record."""
    orders = [literal(one, "ServiceRequest") for one in resource.get("basedOn", ())]
    if resource["resourceType"] == "Observation":
        for report in await _reports(situation, verdict, resource):
            orders += [literal(one, "ServiceRequest") for one in report.get("basedOn", ())]
    known = list(dict.fromkeys(one for one in orders if one is not None))
    for name in known:
        order = await situation.look.read(name)
        reference = (order or {}).get("requester")
        found = await organization_of(situation, reference) or literal(reference)
        if found is not None:
            return found, known
    visit = await situation.look.read(literal(resource.get("encounter"), "Encounter"))
    found = await organization_of(situation, (visit or {}).get("serviceProvider"))
    if found is not None:
        return found, known
    patient = await situation.look.read(literal(resource.get("subject"), "Patient"))
    for one in ((patient or {}).get("managingOrganization"), *(patient or {}).get("generalPractitioner", ())):
        found = await organization_of(situation, one)
        if found is not None:
            return found, known
    return None, known


async def _reports(situation: Situation, verdict: Verdict, observation: Resource) -> list[Resource]:
    """The reports that have it as a result: as they are left in this plan, else those that are stored."""
    name = f"Observation/{observation['id']}"
    planned = [verdict.latest(one) or {} for one in situation.changes if one.resource_type == "DiagnosticReport"]
    planned += [one for one in verdict.resources.values() if one["resourceType"] == "DiagnosticReport"]
    here = [one for one in planned if any(literal(each) == name for each in one.get("result", ()))]
    return here or await situation.look.search("DiagnosticReport", f"result={name}")


async def raise_for_held(
    situation: Situation,
    verdict: Verdict,
    report: Resource,
    order: Resource | None,
    centre: str | None,
    asker: str | None,
) -> None:
    """A held report that is critical: both sides are alarmed at once, though nobody knows yet whose it is."""
    table = situation.tables.table("critical-values")
    finding = findings.of_report(report, table)
    for one in report.get("contained", ()):
        if finding is None and one.get("resourceType") == "Observation":
            finding = findings.of_observation(one, None, table)
    if finding is None or findings.too_old(report, situation.now, situation.from_intake, table):
        return
    held = Finding(f"{finding.text}; held, the person is not certain 居民身份待核对", ("held", *finding.key))
    await raise_alarm(
        situation,
        verdict,
        held,
        report,
        owner=asker,
        centre=centre,
        based_on=[f"ServiceRequest/{order['id']}"] if order is not None else [],
        subject=None,
        table=table,
        further=tuple(one for one in (centre,) if one is not None),
    )


async def tell_corrected(situation: Situation, verdict: Verdict, key: tuple[str, ...], about: Resource) -> None:
    """The value of an alarm no longer stands: who was told is told so; the Task stays until somebody closes it."""
    task = await situation.look.read(f"Task/{task_id(key)}")
    if task is None:
        return
    text = "The critical value was corrected; see the result. 该危急值已更正，请查看最新结果。"
    name = f"{about['resourceType']}/{about['id']}"
    told = communication(
        *("critical-corrected", (*key, digest(about))),
        now=situation.now,
        text=text,
        recipients=[one for one in (literal(task.get("owner")), *_recipients(task)) if one is not None],
        subject=about.get("subject"),
        about=[name, f"Task/{task['id']}"],
        content=name,
        priority="urgent",
        category=concept(NOTICES, "critical-corrected", NOTICE),
    )
    if told is None or ("Communication", told["id"]) in verdict.resources:
        return
    verdict.write(told)
    note = {"text": text, "time": instant(situation.now)}
    verdict.write({**task, "note": [*task.get("note", ()), note]})


def _recipients(task: Resource) -> list[str | None]:
    return [literal(one) for one in (task.get("restriction") or {}).get("recipient", ())]
