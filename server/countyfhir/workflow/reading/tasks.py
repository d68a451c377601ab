"""What people may do with the Task of an order: claim it, give it back, refuse it, complete it with a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.reading.clock import REPORTED, Kind, is_history, kind_of, requested_at
from countyfhir.workflow.reading.devices import by_device
from countyfhir.workflow.reading.matching import is_new, organization_of, patients
from countyfhir.workflow.reading.notices import communication
from countyfhir.workflow.reading.order_tasks import (
    OPEN,
    asker_of,
    centre_of_order,
    completed,
    new_task,
    on_the_clock,
    order_task,
    reported_at,
    stopped,
)
from countyfhir.workflow.reading.reading import ISSUED, coded, literal, named_id, of_code, put_on
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import instant, mark_of, micros, with_mark, with_timer

PEOPLE = ("Practitioner", "PractitionerRole")
OPINIONS = ("ClinicalImpression", "Composition", "DiagnosticReport")
_SERVER = ("first-report", "timeliness", "claimed-by")
Table = Mapping[str, Any]


async def judge(situation: Situation, change: Change, verdict: Verdict, table: Table) -> None:
    """A Task on an order of a centre is taken over when it is new, and held to the rules when it changes."""
    after = change.after
    told = after or change.before
    order = await situation.look.read(literal((told or {}).get("focus"), "ServiceRequest"))
    kind = kind_of(order, table)
    if order is None or kind is None or is_history(situation, order, table):
        return
    if after is None:
        text = "The Task of an order is not deleted; revoke the order. 申请任务不得删除，请撤销申请。"
        verdict.refuse(change, "business-rule", text, "Task")
    elif situation.from_intake:
        requested = requested_at(order, table, micros(after.get("authoredOn")))
        if requested is not None:
            verdict.write(on_the_clock(after, kind, requested, situation.now))
    elif change.before is None:
        await _sent(situation, change, verdict, order, kind, table)
    else:
        await _changed(situation, change, verdict, change.before, after, order, kind, table)


async def _sent(
    situation: Situation, change: Change, verdict: Verdict, order: Resource, kind: Kind, table: Table
) -> None:
    """The client sends its own Task: it becomes the one of the order, or a new version of it."""
    after = change.after
    assert after is not None
    known = await situation.look.read(f"Task/{named_id('read-order', order['id'])}")
    if known is None and is_new(change):
        known = await _other(situation, change, verdict, order, table)
    if known is not None and known["id"] != change.logical_id and is_new(change):
        verdict.is_known(change, known)
        merged = {**known, **after, "id": known["id"], "meta": known.get("meta", {})}
        await _changed(situation, change, verdict, known, merged, order, kind, table)
        return
    made = await new_task(situation, order, kind, table, after)
    verdict.write(made)
    if made.get("status") == "completed":
        await _complete(situation, change, verdict, made, order, kind, table)


async def _other(
    situation: Situation, change: Change, verdict: Verdict, order: Resource, table: Table
) -> Resource | None:
    found = await situation.look.search("Task", f"focus=ServiceRequest/{order['id']}", bound=True)
    return next((one for one in found if one["id"] != change.logical_id and not coded(one, _CODES)), None)


_CODES = "https://fhir.county-hc.example/cs/reading-task"


async def _changed(
    situation: Situation,
    change: Change,
    verdict: Verdict,
    before: Resource,
    after: Resource,
    order: Resource,
    kind: Kind,
    table: Table,
) -> None:
    old, new = str(before.get("status")), str(after.get("status"))
    if old not in OPEN:
        if _without_notes(before) != _without_notes(after):
            text = f"The Task of this order is {old} and does not change any more. 该申请任务已终结。"
            verdict.refuse(change, "business-rule", text, "Task.status")
        return
    legal = table["next"].get(old, [])
    if new != old and new not in legal:
        text = f"A Task that is {old} becomes {', '.join(legal)}, not {new}. 任务状态不得由 {old} 改为 {new}。"
        verdict.refuse(change, "business-rule", text, "Task.status")
        return
    if not await _may(situation, change, verdict, before, after, order, table):
        return
    if new in ("rejected", "cancelled", "failed") and not after.get("statusReason"):
        verdict.refuse(change, "business-rule", "Say why. 须写明原因。", "Task.statusReason")
        return
    left = _claimed(situation, change, verdict, before, after, table)
    if left is None:
        return
    left = await _kept(situation, before, left, order, kind, table)
    if new == "completed":
        await _complete(situation, change, verdict, left, order, kind, table)
        return
    verdict.write(left)
    if new in ("rejected", "failed", "cancelled") and new != old:
        await _tell(situation, verdict, left, order, new)


def _without_notes(task: Resource) -> Resource:
    return {name: value for name, value in task.items() if name not in ("note", "meta", "lastModified", "text")}


async def _may(
    situation: Situation,
    change: Change,
    verdict: Verdict,
    before: Resource,
    after: Resource,
    order: Resource,
    table: Table,
) -> bool:
    """Whether the caller is of the centre; or of who asked, and only takes the order back."""
    if situation.organizations is None:
        return True
    centre = [literal(one) for one in (before.get("restriction") or {}).get("recipient", ())]
    centre += [await centre_of_order(situation, order), await organization_of(situation, before.get("owner"))]
    if any(one is not None and situation.acts_for(one) for one in centre):
        return True
    asker = await asker_of(situation, order)
    if asker is not None and situation.acts_for(asker):
        legal = (*table["by_requester"], before.get("status"))
        if after.get("status") in legal and literal(after.get("owner")) == literal(before.get("owner")):
            return True
        text = "Who asked may take the order back; reading it is the centre's. 申请机构只能撤回或暂缓申请。"
        verdict.refuse(change, "forbidden", text, "Task.status")
        return False
    text = "Only the centre of the order acts on it. 仅受理中心可处理该申请。"
    verdict.refuse(change, "forbidden", text, "Task.owner")
    return False


def _claimed(
    situation: Situation, change: Change, verdict: Verdict, before: Resource, after: Resource, table: Table
) -> Resource | None:
    """The Task as a claim or a release leaves it; None where another reader has it."""
    claimed = table["claimed"]
    was, shall = before.get("status") in claimed, after.get("status") in claimed
    holder, reader = literal(before.get("owner"), *PEOPLE), literal(after.get("owner"))
    if was and shall and not set(table["reassign_roles"]) & set(situation.principal.roles):
        by = next((one.get("valueString") for one in of_code(before, "input", "claimed-by")), None)
        other = reader != holder if holder is not None else by not in (None, situation.principal.name)
        if other:
            text = f"{holder or by} has claimed this order; it can be claimed when it is given back."
            verdict.refuse(change, "conflict", f"{text} 该申请已被他人认领。", "Task.owner")
            return None
    if shall and not was:
        period = {"start": instant(situation.now), **(after.get("executionPeriod") or {})}
        after = put_on(after, "input", "claimed-by", {"valueString": situation.principal.name})
        return {**after, "executionPeriod": period}
    if was and after.get("status") in ("requested", "received"):
        centre = (before.get("restriction") or {}).get("recipient", [])[:1]
        after = {
            **after,
            "input": [one for one in after.get("input", ()) if coded(one, _NOTICES, "type") != "claimed-by"],
        }
        if not after["input"]:
            del after["input"]
        return {**after, "owner": centre[0]} if centre and holder is not None and reader == holder else after
    return after


_NOTICES = "https://fhir.county-hc.example/cs/reading-notice"


async def _kept(
    situation: Situation, before: Resource, after: Resource, order: Resource, kind: Kind, table: Table
) -> Resource:
    """The Task with what the server keeps on it: request, limit, first report, marks."""
    for name in ("authoredOn", "focus", "for", "restriction"):
        if name in before:
            after = {**after, name: before[name]}
    for code in _SERVER:
        element = "input" if code == "claimed-by" else "output"
        for one in of_code(before, element, code):
            if not any(of_code(after, element, code)) and (code != "claimed-by" or after["status"] in table["claimed"]):
                after = {**after, element: [*after.get(element, ()), one]}
    if mark_of(before) is not None and mark_of(after) is None:
        after = with_mark(after, mark_of(before))
    requested = micros(before.get("authoredOn")) or requested_at(order, table, situation.now) or situation.now
    after = {**after, "lastModified": instant(max(situation.now, requested))}
    return on_the_clock(after, kind, requested, situation.now)


async def _complete(
    situation: Situation,
    change: Change,
    verdict: Verdict,
    task: Resource,
    order: Resource,
    kind: Kind,
    table: Table,
) -> None:
    """Completed by people: with the report of this order, or the opinion on it, of a human."""
    found = await _outcome(situation, task, order, kind)
    if found is None:
        what = (
            "an opinion (ClinicalImpression, Composition or DiagnosticReport)"
            if kind.name == "consultation"
            else "the final report"
        )
        text = f"A Task is completed with {what} of this person by a human as its output."
        verdict.refuse(change, "business-rule", f"{text} 完成任务须附人工出具的报告或会诊意见。", "Task.output")
        return
    requested = micros(task.get("authoredOn")) or requested_at(order, table, situation.now) or situation.now
    issued = micros(found.get("issued") or found.get("date")) or situation.now
    left = stopped(task, kind, requested, min(issued, situation.now), situation.now)
    left = completed(left, reported_at(left) or situation.now, issued)
    verdict.write(with_timer(left, None))
    latest = verdict.resources.get(("ServiceRequest", order["id"]), order)
    if latest.get("status") == "active":
        verdict.write({**latest, "status": "completed"})
    if found["resourceType"] != "DiagnosticReport":
        await _opinion(situation, verdict, found, order, left)


async def _outcome(situation: Situation, task: Resource, order: Resource, kind: Kind) -> Resource | None:
    whom = await situation.look.persons(await patients(situation, order.get("subject")))
    for output in task.get("output", ()):
        name = literal(output.get("valueReference"), *OPINIONS)
        found = await situation.look.read(name)
        if found is None or not await patients(situation, found.get("subject")) & whom:
            continue
        if found["resourceType"] == "DiagnosticReport":
            based = any(literal(one) == f"ServiceRequest/{order['id']}" for one in found.get("basedOn", ()))
            if based and found.get("status") in ISSUED and not by_device(found):
                return found
        elif kind.name == "consultation" and found.get("status") in ("completed", *REPORTED):
            return found
    return None


async def _opinion(situation: Situation, verdict: Verdict, found: Resource, order: Resource, task: Resource) -> None:
    to = [await asker_of(situation, order), literal(order.get("requester"))]
    told = communication(
        *("report", (found["id"], task["id"])),
        now=situation.now,
        text="Opinion of the remote consultation 远程会诊意见",
        recipients=[one for one in to if one is not None],
        sender=await centre_of_order(situation, order),
        subject=order.get("subject"),
        about=[f"ServiceRequest/{order['id']}", f"{found['resourceType']}/{found['id']}"],
        content=f"{found['resourceType']}/{found['id']}",
    )
    if told is not None:
        verdict.write(told)


async def _tell(situation: Situation, verdict: Verdict, task: Resource, order: Resource, status: str) -> None:
    """Who asked learns that the order is not read."""
    asker = await asker_of(situation, order)
    why = (task.get("statusReason") or {}).get("text", "")
    told = communication(
        *("report-rejected", (task["id"], status, instant(situation.now))),
        now=situation.now,
        text=f"The order is {status}: {why} 申请未能受理。",
        recipients=[one for one in [asker] if one is not None],
        sender=await centre_of_order(situation, order),
        subject=order.get("subject"),
        about=[f"ServiceRequest/{order['id']}", f"Task/{task['id']}"],
        priority="urgent",
    )
    if told is not None:
        verdict.write(told)


def is_of_an_order(change: Change) -> bool:
    """Whether a Task may be one of an order: it is about a ServiceRequest, and no other workflow's by its code."""
    told = change.after or change.before or {}
    if literal(told.get("focus"), "ServiceRequest") is None:
        return False
    code = coded(told, _CODES)
    return (
        code in (None, "read-order")
        and not told.get("instantiatesUri")
        and not coded(told, _REFERRAL, "businessStatus")
    )


_REFERRAL = "https://fhir.county-hc.example/cs/referral-state"
__all__ = ["is_of_an_order", "judge", "order_task"]
