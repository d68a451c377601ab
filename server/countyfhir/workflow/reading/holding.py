"""Reports that do not agree with their order: kept as they were sent, attached to nobody, until a person decides."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.model import json
from countyfhir.workflow.critical.alarms import raise_for_held
from countyfhir.workflow.reading.clock import kind_of
from countyfhir.workflow.reading.matching import (
    REASONS,
    UNKNOWN_ORDER,
    Matched,
    centre_of,
    is_new,
    matched,
    patients,
)
from countyfhir.workflow.reading.notices import communication, digest, task
from countyfhir.workflow.reading.order_tasks import asker_of
from countyfhir.workflow.reading.reading import (
    REPORT_STATE,
    identifier_of,
    literal,
    named_id,
    notice_type,
    of_code,
    put_on,
    tag_of,
    token,
    with_tag,
)
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import instant, with_mark, with_timer

CODE = "held-report"
HELD = ("held", "Held: order and person do not agree 待核对：申请单与居民不一致")
_KEPT = ("resourceType", "id", "identifier", "category", "code", "issued", "performer")
Table = Mapping[str, Any]


def is_held(report: Resource | None) -> bool:
    """Whether what stands here only says that there is a report."""
    return tag_of(report, REPORT_STATE) == "held"


async def hold(
    situation: Situation, change: Change, verdict: Verdict, before: Resource | None, found: Matched, table: Table
) -> None:
    """Keep the report as it was sent; say that there is one, tell both sides, ask for a decision."""
    report = change.after
    assert report is not None
    assert found.held is not None
    if before is not None and not is_held(before):
        text = "The person of a report cannot become another one by a new version; mark it entered-in-error."
        chinese = "不得以新版本更换报告所属居民，请标记误录后重新出具。"
        verdict.refuse(change, "conflict", f"{text} {chinese}", "DiagnosticReport.subject")
        return
    name = str(before["id"] if before is not None else report["id"])
    if before is not None and is_new(change):
        verdict.is_known(change, before)
    verdict.accept(change)
    verdict.warn(change, "conflict", f"The report is held. 报告已暂存待核对。{REASONS[found.held]}", "DiagnosticReport")
    original = _original(name, {**report, "id": name}, await centre_of(situation, report))
    kept = await situation.look.read(_name_of(original)) if before is not None else None
    if kept is not None and _data(kept) == _data(original):
        return
    _set_aside(situation, verdict, report)
    stub = {one: report[one] for one in _KEPT if one in report and not _contained(report[one])}
    verdict.write(with_tag({**stub, "id": name, "status": "registered"}, REPORT_STATE, *HELD))
    verdict.write(original)
    await _ask(situation, verdict, {**report, "id": name}, found, table)


def _set_aside(situation: Situation, verdict: Verdict, report: Resource) -> None:
    """The results that come with a held report are attached to nobody either."""
    for one in report.get("result", ()):
        change = situation.changed(literal(one, "Observation"))
        result = verdict.latest(change) if change is not None else None
        if result is not None:
            subject = {name: value for name, value in (result.get("subject") or {}).items() if name != "reference"}
            left = {name: value for name, value in result.items() if name != "subject"}
            verdict.write(with_tag({**left, "subject": subject} if subject else left, REPORT_STATE, *HELD))


def _contained(value: Any) -> bool:
    return isinstance(value, list) and any(str(one.get("reference", "")).startswith("#") for one in value)


def _original(name: str, report: Resource, centre: str | None) -> Resource:
    """The report as it was sent, in a document of the centre about nobody: nobody else reads it."""
    text = {"contentType": "application/fhir+json", "data": b64encode(json.dumps(report)).decode()}
    made: Resource = {
        "resourceType": "DocumentReference",
        "id": named_id("original", name),
        "status": "current",
        "type": notice_type("original"),
        "content": [{"attachment": {**text, "title": "Report as it was sent 报告原文"}}],
        "context": {"related": [{"reference": f"DiagnosticReport/{name}"}]},
    }
    return {**made, "author": [{"reference": centre}], "custodian": {"reference": centre}} if centre else made


def _name_of(original: Resource) -> str:
    return f"DocumentReference/{original['id']}"


def _data(original: Resource) -> str:
    return str(original["content"][0]["attachment"]["data"])


async def _ask(situation: Situation, verdict: Verdict, report: Resource, found: Matched, table: Table) -> None:
    """The Task that decides, and a word to the centre and to who asked; at once when it is critical."""
    assert found.held is not None
    centre, asker = await centre_of(situation, report), await asker_of(situation, found.order)
    name, now = f"DiagnosticReport/{report['id']}", situation.now
    text = f"A report is held. 报告待核对。{REASONS[found.held]}"
    made = task(
        *(CODE, (report["id"],)),
        now=now,
        focus=name,
        owner=centre or asker,
        requester=asker or centre,
        subject=None,
        text=text,
        minutes=table["held_minutes"],
        priority="urgent",
    )
    made = {**made, "businessStatus": {"text": REASONS[found.held]}}
    numbers = [one["identifier"] for one in report.get("basedOn", ()) if identifier_of(one)]
    if numbers:
        made["groupIdentifier"] = numbers[0]
    made = put_on(
        made,
        "input",
        "original",
        {"valueReference": {"reference": f"DocumentReference/{named_id('original', report['id'])}"}},
    )
    if found.order is not None:
        made = put_on(made, "input", "order", {"valueReference": {"reference": f"ServiceRequest/{found.order['id']}"}})
    earlier = await situation.look.read(f"Task/{made['id']}")
    verdict.write({**made, "authoredOn": earlier["authoredOn"]} if earlier is not None else made)
    about = [name, *([f"ServiceRequest/{found.order['id']}"] if found.order is not None else [])]
    for one in dict.fromkeys(side for side in (centre, asker) if side is not None):
        told = communication(
            *("report-held", (report["id"], digest(report))),
            now=now,
            text=text,
            recipients=[one],
            about=about,
            priority="urgent",
        )
        if told is not None:
            verdict.write(told)
    await raise_for_held(situation, verdict, report, found.order, centre, asker)


async def sent_again(
    situation: Situation, change: Change, verdict: Verdict, before: Resource, found: Matched, table: Table
) -> None:
    """A held report comes once more: when it agrees now, it goes where it belongs."""
    if found.held is not None:
        await hold(situation, change, verdict, before, found, table)
        return
    assert change.after is not None
    if is_new(change):
        verdict.is_known(change, before)
    await _settle(situation, change, verdict, {**change.after, "id": before["id"]}, found, table)


async def order_came(situation: Situation, verdict: Verdict, order: Resource, table: Table) -> None:
    """Reports that wait for this order are looked at again."""
    for one in order.get("identifier", ()):
        if not one.get("value"):
            continue
        number = token((one.get("system"), str(one["value"])))
        criteria = f"group-identifier={number}&code=held-report&status=requested,received,accepted,in-progress"
        for waiting in await situation.look.search("Task", criteria, bound=True):
            await retry(situation, verdict, waiting, table)


async def retry(situation: Situation, verdict: Verdict, waiting: Resource, table: Table) -> bool:
    """Look at a held report again; whether it could be matched now."""
    report = await original_of(situation, waiting)
    if report is None:
        return False
    found = await matched(situation, report, table)
    if found is None or found.held is not None or found.order is None:
        if found is not None and found.held not in (None, UNKNOWN_ORDER) and found.order is not None:
            await _ask(situation, verdict, report, found, table)
        return False
    await _settle(situation, None, verdict, report, found, table)
    return True


async def _settle(
    situation: Situation, change: Change | None, verdict: Verdict, report: Resource, found: Matched, table: Table
) -> None:
    from countyfhir.workflow.reading.reports import joined, take

    assert found.order is not None
    report = await joined(situation, report, found.order)
    waiting = await situation.look.read(f"Task/{named_id(CODE, report['id'])}")
    stub = await situation.look.read(f"DiagnosticReport/{report['id']}")
    await take(situation, change, verdict, stub, report, found.order, table)
    if waiting is not None and waiting.get("status") != "completed":
        chosen = literal(report.get("subject"))
        done = put_on(waiting, "output", "patient", {"valueReference": {"reference": chosen}})
        verdict.write(closed(done, "completed", situation.now))


async def original_of(situation: Situation, waiting: Resource) -> Resource | None:
    """The report of a hold as it was sent, under the id it has here."""
    places = (literal(one.get("valueReference"), "DocumentReference") for one in of_code(waiting, "input", "original"))
    original = await situation.look.read(next(places, None))
    name = literal(waiting.get("focus"), "DiagnosticReport")
    if original is None or name is None:
        return None
    return {**json.parse(b64decode(_data(original))), "id": name.partition("/")[2]}


def closed(waiting: Resource, status: str, now: int) -> Resource:
    """The Task over, without mark and timer."""
    period = {**(waiting.get("executionPeriod") or {}), "end": instant(now)}
    period = {"start": waiting.get("authoredOn", instant(now)), **period}
    made = {**waiting, "status": status, "lastModified": instant(now), "executionPeriod": period}
    return with_timer(with_mark(made, None), None)


async def decide(situation: Situation, change: Change, verdict: Verdict, table: Table) -> None:
    """A person releases a held report (completed, with the patient as output) or sends it back (rejected)."""
    before, after = change.before, change.after
    if before is None or after is None:
        text = "Holds are made and kept by the server. 暂存任务由系统创建和保存。"
        verdict.refuse(change, "business-rule", text, "Task")
        return
    if after.get("status") == before.get("status"):
        return
    if before.get("status") in ("completed", "rejected"):
        text = "The held report was decided already. 该报告已处理。"
        verdict.refuse(change, "business-rule", text, "Task.status")
    elif not _may_decide(situation, before, table):
        roles = ", ".join(table["release_roles"])
        text = f"A held report is decided by the centre or by who asked, in a role of: {roles}."
        verdict.refuse(change, "forbidden", f"{text} 仅相关机构授权人员可处理待核对报告。", "Task")
    elif after["status"] == "completed":
        await _release(situation, change, verdict, after, table)
    elif after["status"] == "rejected":
        await _send_back(situation, change, verdict, after)
    elif after["status"] not in ("received", "accepted", "in-progress"):
        text = "A held report is released (completed) or sent back (rejected). 待核对报告只能放行或退回。"
        verdict.refuse(change, "business-rule", text, "Task.status")


def _may_decide(situation: Situation, waiting: Resource, table: Table) -> bool:
    sides = (literal(waiting.get("owner")), literal(waiting.get("requester")))
    mine = situation.organizations is None or any(one is not None and situation.acts_for(one) for one in sides)
    return mine and situation.has_role(*table["release_roles"])


async def _release(situation: Situation, change: Change, verdict: Verdict, after: Resource, table: Table) -> None:
    from countyfhir.workflow.reading.reports import joined, take

    chosen = next((literal(one.get("valueReference"), "Patient") for one in of_code(after, "output", "patient")), None)
    report = await original_of(situation, after)
    if chosen is None or report is None or await situation.look.read(chosen) is None:
        text = "Say whose report it is: an output of type patient with a reference to the Patient."
        verdict.refuse(change, "business-rule", f"{text} 放行时须指明报告所属居民。", "Task.output")
        return
    order = await _chosen_order(situation, after, chosen, table)
    report = await _about(situation, report, chosen)
    if order is not None:
        report = await joined(situation, report, order)
    stub = await situation.look.read(f"DiagnosticReport/{report['id']}")
    await take(situation, change, verdict, stub, report, order, table)
    verdict.write(closed(after, "completed", situation.now))


async def _about(situation: Situation, report: Resource, chosen: str) -> Resource:
    """The report about the chosen person; a number that is somebody else's goes (the original keeps it)."""
    subject = {**(report.get("subject") or {}), "reference": chosen}
    if identifier_of(subject) is not None:
        named = await patients(situation, {"identifier": subject["identifier"]})
        if not named & await situation.look.persons([chosen.partition("/")[2]]):
            subject = {"reference": chosen}
    return {**report, "subject": subject}


async def _chosen_order(situation: Situation, after: Resource, chosen: str, table: Table) -> Resource | None:
    """The order that the Task names as output or input, when it is about the chosen person."""
    person = await situation.look.persons([chosen.partition("/")[2]])
    for one in (*of_code(after, "output", "order"), *of_code(after, "input", "order")):
        order = await situation.look.read(literal(one.get("valueReference"), "ServiceRequest"))
        if order is not None and kind_of(order, table) and await patients(situation, order.get("subject")) & person:
            return order
    return None


async def _send_back(situation: Situation, change: Change, verdict: Verdict, after: Resource) -> None:
    if not after.get("statusReason"):
        text = "Say why the report is sent back. 退回须写明原因。"
        verdict.refuse(change, "business-rule", text, "Task.statusReason")
        return
    stub = await situation.look.read(literal(after.get("focus")))
    if stub is not None:
        verdict.write({**stub, "status": "cancelled"})
    verdict.write(closed(after, "rejected", situation.now))
    sides = (literal(after.get("owner")), literal(after.get("requester")))
    told = communication(
        *("report-rejected", (after["id"], instant(situation.now))),
        now=situation.now,
        text=f"A held report was sent back: {after['statusReason'].get('text', '')} 待核对报告已退回。",
        recipients=[one for one in sides if one is not None],
        about=[str(literal(after.get("focus"))), f"Task/{after['id']}"],
        priority="urgent",
    )
    if told is not None:
        verdict.write(told)


async def on_time(situation: Situation, change: Change, waiting: Resource, verdict: Verdict, table: Table) -> None:
    """Nobody has decided: look whether it can be matched now, else it is overdue."""
    if not await retry(situation, verdict, waiting, table):
        verdict.write(with_timer(with_mark(verdict.latest(change) or waiting, "overdue"), None))
