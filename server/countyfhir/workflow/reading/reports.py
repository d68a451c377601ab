"""Reports of centres: matched, checked, delivered; corrections are told to everybody who has the earlier one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.reading import holding
from countyfhir.workflow.reading.clock import Kind, is_history, kind_of, requested_at
from countyfhir.workflow.reading.devices import (
    BEFORE_FINAL,
    DEVICE,
    VERIFIED,
    agents_of,
    by_device,
    is_by_device,
    marked,
    named_people,
)
from countyfhir.workflow.reading.matching import Matched, centre_of, is_new, matched, organization_of
from countyfhir.workflow.reading.notices import communication, digest, task
from countyfhir.workflow.reading.order_tasks import asker_of, new_task, order_task, with_report
from countyfhir.workflow.reading.reading import (
    AUTHORSHIP,
    ISSUED,
    REPORT_STATE,
    claims,
    identifier_of,
    literal,
    same,
    tag_of,
    token,
    with_tag,
)
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import micros

SKEW = 300_000_000
Table = Mapping[str, Any]


async def judge(situation: Situation, change: Change, verdict: Verdict, table: Table) -> None:
    """A report that is a centre's goes to its order, or is held."""
    report = change.after
    if report is None:
        if change.before is not None and change.before.get("status") in ISSUED and await _of_order(situation, change):
            text = "A report that was issued is not deleted; mark it entered-in-error."
            verdict.refuse(change, "business-rule", f"{text} 已发布的报告不得删除，请标记误录。", "DiagnosticReport")
        return
    found = await matched(situation, report, table)
    if found is None or (found.order is not None and is_history(situation, found.order, table)):
        if not situation.from_intake:
            _unordered(situation, change, verdict, report, table)
        return
    if situation.from_intake and found.held is not None:
        return  # the intake keeps what it cannot match in its own quarantine
    before = change.before or await known_before(situation, change, report)
    if before is not None and holding.is_held(before):
        await holding.sent_again(situation, change, verdict, before, found, table)
    elif found.held is not None:
        await holding.hold(situation, change, verdict, before, found, table)
    elif found.order is not None:
        await _attach(situation, change, verdict, before, found.order, table)


async def _of_order(situation: Situation, change: Change) -> bool:
    table = situation.tables.table("reading")
    return change.before is not None and await matched(situation, change.before, table) is not None


def _unordered(situation: Situation, change: Change, verdict: Verdict, report: Resource, table: Table) -> None:
    """A report without an order of a centre: still a device cannot make it final where it is the county's."""
    if claims(report, table["bound"]["report_profiles"]) or by_device(report) or by_device(change.before):
        agents = agents_of(situation, change.reference)
        device = is_by_device(report, change.before, agents, situation, table)
        if device:
            _refuse_final(change, verdict, report)
        made = marked(report, change.before, device)
        if made != report:
            verdict.write(made)


async def known_before(situation: Situation, change: Change, report: Resource) -> Resource | None:
    """The report with the same number of the same centre that is here already."""
    if not is_new(change):
        return None
    centre = await centre_of(situation, report)
    for one in report.get("identifier", ()):
        if not one.get("value"):
            continue
        pair = (one.get("system"), str(one["value"]))
        for other in await situation.look.search("DiagnosticReport", f"identifier={token(pair)}", bound=True):
            if other["id"] == report["id"]:
                continue
            withdrawn = other.get("status") == "entered-in-error" != report.get("status")
            if not withdrawn and await centre_of(situation, other) == centre:
                return other
    return None


async def _attach(
    situation: Situation, change: Change, verdict: Verdict, before: Resource | None, order: Resource, table: Table
) -> None:
    assert change.after is not None
    report = await joined(situation, change.after, order)
    again = change.before is None and before is not None
    if before is not None and again:
        report = {**report, "id": before["id"]}
        if meta := _merged(before.get("meta"), report.get("meta")):
            report["meta"] = meta
        verdict.is_known(change, before)
        if same(marked(report, before, by_device(before)), before) or _is_older(report, before):
            return
    await take(situation, change, verdict, before, report, order, table)


def _merged(old: Any, new: Any) -> Resource:
    meta = {**(old or {}), **(new or {})}
    tags = [
        *(old or {}).get("tag", ()),
        *(one for one in (new or {}).get("tag", ()) if one not in (old or {}).get("tag", ())),
    ]
    meta = {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated", "tag")}
    return {**meta, "tag": tags} if tags else meta


def _is_older(report: Resource, before: Resource) -> bool:
    """Whether what comes now was issued before what is here, or is a preliminary form of it: a message that was
    overtaken."""
    new, old = micros(report.get("issued")), micros(before.get("issued"))
    if new is None or old is None:
        return False
    overtaken = report.get("status") in ("registered", "partial", "preliminary") and before.get("status") in ISSUED
    return new < old or (overtaken and new == old)


async def joined(situation: Situation, report: Resource, order: Resource) -> Resource:
    """The report with our ids beside the centre's numbers."""
    subject = literal(report.get("subject"), "Patient") or literal(order.get("subject"), "Patient")
    name = f"ServiceRequest/{order['id']}"
    based = list(report.get("basedOn", ()))
    if not any(literal(one) == name for one in based):
        numbers = [one for one in based if literal(one) is None and identifier_of(one)]
        based = [{**one, "reference": name} if one in numbers[:1] else one for one in based]
    performers = []
    for one in report.get("performer", ()):
        named = literal(one) or await organization_of(situation, one)
        performers.append({"reference": named, **one} if named and "reference" not in one else one)
    made = {**report, "basedOn": based}
    if subject is not None:
        made["subject"] = {**(report.get("subject") or {}), "reference": subject}
    if performers:
        made["performer"] = performers
    return made


async def take(
    situation: Situation,
    change: Change | None,
    verdict: Verdict,
    before: Resource | None,
    report: Resource,
    order: Resource | None,
    table: Table,
) -> None:
    """Write a report that belongs here: its order's Task follows, the orderer gets it, corrections are told."""
    agents = agents_of(situation, f"DiagnosticReport/{report['id']}")
    if change is not None:
        agents += agents_of(situation, change.reference) if change.reference.partition("/")[2] != report["id"] else []
    device = is_by_device(report, before, agents, situation, table)
    if device:
        _refuse_final(change, verdict, report)
    _refuse_state(change, verdict, before, report, table)
    report = marked(report, before, device)
    verdict.write(report)
    await _results_follow(situation, verdict, report)
    kind = kind_of(order, table)
    if order is not None and kind is not None:
        await _task_follows(situation, change, verdict, before, report, order, kind, table)
    if before is not None and before.get("status") in ISSUED and not same(before, report):
        await corrected(situation, verdict, before, report, order, table)
    elif report.get("status") in (*ISSUED, "preliminary") and not same(before, report):
        await _deliver(situation, verdict, report, order)


async def _results_follow(situation: Situation, verdict: Verdict, report: Resource) -> None:
    """Results that name their person by a number only, or waited with the report, are about its person; those of a
    device's report are by the device until the report is verified."""
    author = tag_of(report, AUTHORSHIP)
    subject = literal(report.get("subject"), "Patient")
    for one in report.get("result", ()) if subject is not None else ():
        name = literal(one, "Observation")
        if name is None:
            continue
        stored = verdict.resources.get(("Observation", name.partition("/")[2])) or await situation.look.read(name)
        if stored is None:
            continue
        left = stored
        if literal(stored.get("subject")) is None:
            about = {**(stored.get("subject") or {}), "reference": subject}
            left = with_tag({**stored, "subject": about}, REPORT_STATE, None)
        if author is not None:
            left = with_tag(left, AUTHORSHIP, *(DEVICE if author == "device" else VERIFIED))
        if left != stored:
            verdict.write(left)


def _refuse_final(change: Change | None, verdict: Verdict, report: Resource) -> None:
    if report.get("status") not in BEFORE_FINAL:
        text = "What a device reports is at most preliminary until a person who is named verifies it."
        verdict.refuse(
            change,
            "business-rule",
            f"{text} 设备结果须经署名医师核实后方可发布，此前至多为初步报告。",
            "DiagnosticReport.status",
        )


def _refuse_state(
    change: Change | None, verdict: Verdict, before: Resource | None, report: Resource, table: Table
) -> None:
    old, new = (before or {}).get("status"), report.get("status")
    if before is None or old == new or tag_of(before, REPORT_STATE) is not None:
        return
    legal = table["report_next"].get(str(old), [])
    if new not in legal:
        text = f"A report that is {old} becomes {', '.join(legal) or 'nothing else'}, not {new}."
        chinese = f"报告状态不得由 {old} 改为 {new}。"
        verdict.refuse(change, "business-rule", f"{text} {chinese}", "DiagnosticReport.status")


async def _task_follows(
    situation: Situation,
    change: Change | None,
    verdict: Verdict,
    before: Resource | None,
    report: Resource,
    order: Resource,
    kind: Kind,
    table: Table,
) -> None:
    known = await order_task(situation, verdict, order, table)
    own = known or await new_task(situation, order, kind, table)
    requested = requested_at(order, table, micros(own.get("authoredOn"))) or situation.now
    first = _first(situation, change, verdict, before, report, requested)
    left = with_report(own, report, kind, requested, first, situation.now)
    if left != known:
        verdict.write(left)
    status = "completed" if left["status"] == "completed" else "active"
    latest = verdict.resources.get(("ServiceRequest", order["id"]), order)
    if latest.get("status") in ("active", "completed") and latest["status"] != status:
        verdict.write({**latest, "status": status})


def _first(
    situation: Situation,
    change: Change | None,
    verdict: Verdict,
    before: Resource | None,
    report: Resource,
    requested: int,
) -> int:
    """When this version was issued by a human: what a person verified without a new instant is issued now."""
    issued, now = micros(report.get("issued")), situation.now
    if issued is None or (by_device(before) and issued == micros((before or {}).get("issued"))):
        return now
    if issued > now + SKEW:
        text = "The report is issued in the future; the clock takes the present. 报告时间晚于当前时间，按当前时间计。"
        verdict.warn(change, "business-rule", text, "DiagnosticReport.issued")
        return now
    if issued < requested:
        text = "The report is issued before it was requested; check the clocks. 报告时间早于申请时间，请核对时钟。"
        verdict.warn(change, "business-rule", text, "DiagnosticReport.issued")
    return issued


async def _deliver(situation: Situation, verdict: Verdict, report: Resource, order: Resource | None) -> None:
    to = [await asker_of(situation, order), literal((order or {}).get("requester"))]
    told = communication(
        *("report", (report["id"], digest(report))),
        now=situation.now,
        text=_text(report, "Report 报告"),
        recipients=[one for one in to if one is not None],
        sender=await centre_of(situation, report),
        subject=report.get("subject"),
        about=_about(report, order),
        content=f"DiagnosticReport/{report['id']}",
    )
    if told is not None:
        verdict.write(told)


async def corrected(
    situation: Situation, verdict: Verdict, before: Resource, report: Resource, order: Resource | None, table: Table
) -> None:
    """Alert everybody who received the earlier version: a Communication to all, and a Task to each."""
    name = f"DiagnosticReport/{report['id']}"
    to = [await asker_of(situation, order)] if order is not None else []
    for one in await situation.look.search("Communication", f"based-on={name}"):
        to += [literal(each) for each in one.get("recipient", ())]
    recipients = list(dict.fromkeys(one for one in to if one is not None))
    centre, key = await centre_of(situation, report), (report["id"], digest(report))
    text = _text(report, "Corrected report: the earlier version no longer holds 报告已更正，原报告作废")
    told = communication(
        *("report-corrected", key),
        now=situation.now,
        text=text,
        recipients=recipients,
        sender=centre,
        subject=report.get("subject"),
        about=_about(report, order),
        content=name,
        priority="urgent",
    )
    if told is not None:
        verdict.write(told)
    for recipient in recipients:
        verdict.write(
            task(
                *("corrected-report", (*key, recipient)),
                now=situation.now,
                focus=name,
                owner=recipient,
                requester=centre,
                subject=report.get("subject"),
                text=text,
                minutes=table["corrected_minutes"],
                priority="urgent",
            )
        )


def _about(report: Resource, order: Resource | None) -> list[str]:
    about = [f"DiagnosticReport/{report['id']}"]
    return [f"ServiceRequest/{order['id']}", *about] if order is not None else about


def _text(report: Resource, what: str) -> str:
    code = report.get("code") or {}
    name = code.get("text") or next((one.get("display") for one in code.get("coding", ()) if one.get("display")), "")
    return f"{what} ({report.get('status')}): {name}".rstrip(": ")


async def provenance(situation: Situation, change: Change, verdict: Verdict, table: Table) -> None:
    """A Provenance by devices only: its report is by a device, and cannot be final without a person."""
    told = change.after
    if told is None:
        return
    for target in told.get("target", ()):
        name = literal(target, "DiagnosticReport")
        if name is None or situation.changed(name) is not None:
            continue
        report = await situation.look.read(name)
        if report is None or by_device(report) or named_people(report):
            continue
        if report.get("status") not in BEFORE_FINAL:
            text = "A final report has a person who stands for it; name the practitioner in the report first."
            verdict.refuse(change, "business-rule", f"{text} 已发布的报告须有署名医师。", "Provenance.agent")
        else:
            verdict.write(marked(report, report, True))


__all__ = ["Matched", "judge", "known_before", "provenance", "take"]
