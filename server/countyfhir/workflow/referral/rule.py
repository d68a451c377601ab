"""The rule of two-way referral: requests first, then Tasks, then what moves them; and the clock."""

from __future__ import annotations

from countyfhir.exchange import Resource
from countyfhir.workflow.referral import clock
from countyfhir.workflow.referral.bookings import MOVES, take_slots
from countyfhir.workflow.referral.case import bound, case_of, consent_data, of_this_kind, task_of
from countyfhir.workflow.referral.reading import KIND, codes, identity, state_of
from countyfhir.workflow.referral.requests import follow_status, judge_request
from countyfhir.workflow.referral.steps import before_cancelling, move
from countyfhir.workflow.referral.table import Table, table_of
from countyfhir.workflow.referral.tasks import judge_task, prove
from countyfhir.workflow.rules import Rule
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import mark_of, with_mark, with_timer

ORDERS = "https://fhir.county-hc.example/StructureDefinition/county-"
"""Profiles of examinations that are booked by the same Slots begin like this."""
IN_CARE = ("arrived", "triaged", "in-progress", "onleave", "finished")
"""Statuses of an Encounter of a resident who has come."""


async def judge(situation: Situation, changes: list[Change], verdict: Verdict) -> None:
    """Judge the changes of a plan that concern referrals."""
    requests = [one for one in changes if one.resource_type == "ServiceRequest"]
    for one in requests:
        await judge_request(one, situation, verdict)
    for one in changes:
        if one.resource_type == "Task":
            await judge_task(one, situation, verdict)
    for one in requests:
        await follow_status(one, situation, verdict)
    for one in changes:
        if one.resource_type == "Composition":
            await prove(one, situation, verdict)
    if situation.from_intake:
        return
    for one in changes:
        if one.resource_type in FURTHER:
            await FURTHER[one.resource_type](one, situation, verdict)


async def _appointment(change: Change, situation: Situation, verdict: Verdict) -> None:
    """A booked Appointment takes its Slots and makes the referral scheduled; cancelled or missed it moves it on."""
    table = table_of(situation.tables)
    latest = change.after or change.before or {}
    request = await _request_of(latest, situation)
    if request is None or not (bound(request, table) or _is_examination(request)):
        return
    if not await take_slots(change, situation, verdict) or change.after is None:
        return
    status = change.after.get("status")
    if status in MOVES and status != (change.before or {}).get("status"):
        await _move_on(request, MOVES[status], change, table, situation, verdict)


async def _encounter(change: Change, situation: Situation, verdict: Verdict) -> None:
    """An Encounter on the ground of a referral: the resident has arrived."""
    table = table_of(situation.tables)
    request = await _request_of(change.after or {}, situation)
    if request is None or not bound(request, table) or (change.after or {}).get("status") not in IN_CARE:
        return
    if (change.before or {}).get("status") not in IN_CARE:
        await _move_on(request, "arrived", change, table, situation, verdict)


async def _move_on(
    request: Resource, state: str, change: Change, table: Table, situation: Situation, verdict: Verdict
) -> None:
    """Move the Task of a request, where the step is legal; an Encounter or an Appointment may come at other times too.
    A booking at the wrong time is refused."""
    if not bound(request, table):
        return
    task = await task_of(f"ServiceRequest/{request['id']}", situation, verdict)
    if task is None or state_of(task) == state or situation.changed(f"Task/{task['id']}") is not None:
        return
    case = await case_of(change, task, situation, verdict)
    legal = case.table.legal(case.state, before_cancelling(task), case.emergency)
    if state == "arrived" and not await case.acts("receiver"):
        return  # somebody else's visit, which is none of the referral's
    if state in legal or state == "scheduled":
        await move(task, state, case, by_program=False)


async def _request_of(resource: Resource, situation: Situation) -> Resource | None:
    for one in resource.get("basedOn", ()):
        name = identity(one) or ""
        if name.startswith("ServiceRequest/"):
            return await situation.look.read(name)
    return None


def _is_examination(request: Resource) -> bool:
    claimed = (request.get("meta") or {}).get("profile", ())
    return any(one.startswith(ORDERS) for one in claimed)


async def _consent(change: Change, situation: Situation, verdict: Verdict) -> None:
    """A consent that follows an emergency ends the Flag on its absence."""
    if change.after is None or change.after.get("status") != "active":
        return
    for one in consent_data(change.after):
        name = identity(one.get("reference")) or ""
        task = await task_of(name, situation, verdict) if name.startswith("ServiceRequest/") else None
        flag = await situation.look.read(f"Flag/{clock.identifier_for(task['id'], 'consent')}") if task else None
        if flag is not None and flag.get("status") == "active":
            verdict.write({**flag, "status": "inactive"})


FURTHER = {"Appointment": _appointment, "Encounter": _encounter, "Consent": _consent}


async def on_time(situation: Situation, change: Change, verdict: Verdict) -> None:
    """A limit has come: mark, close, flag; and look again at the next one."""
    task = verdict.latest(change)
    if task is None:
        return
    if codes(task.get("code"), KIND):
        _follow_up_on_time(task, verdict)
        return
    case = await case_of(change, task, situation, verdict)
    if case.state not in case.table.data["states"]:
        verdict.write(with_timer(task, None))
        return
    mark, close = clock.passed(case, task)
    await clock.flag_missing_consent(case)
    if close and "closed" in case.table.legal(case.state, before_cancelling(task), case.emergency):
        reason = case.table.data["close_reason"]
        told = {"text": f"{reason['chinese']} {reason['english']}"}
        if await move({**task, "statusReason": told}, "closed", case, by_program=True):
            return
    task = task if case.table.ended(case.state) or mark_of(task) == mark else with_mark(task, mark)
    verdict.write(with_timer(task, clock.next_look(case, task, situation.now)))


def _follow_up_on_time(task: Resource, verdict: Verdict) -> None:
    done = task.get("status") in ("completed", "cancelled", "entered-in-error", "rejected", "failed")
    verdict.write(with_timer(task if done else with_mark(task, "overdue"), None))


RULE = Rule(of_this_kind, judge, on_time)
