"""A step of a referral: whether it is legal, by whom it may be made, what it needs, and what is written with it (DOMAIN
5.5)."""

from __future__ import annotations

from dataclasses import replace

from countyfhir.exchange import Resource
from countyfhir.workflow.referral import clock, records
from countyfhir.workflow.referral.bookings import release
from countyfhir.workflow.referral.case import Case, bound, case_of, in_state
from countyfhir.workflow.referral.guards import GUARDS, compositions, slip_wanted
from countyfhir.workflow.referral.reading import (
    BEFORE,
    extension,
    identity,
    is_slip,
    parts_of,
    state_of,
    with_extension,
)
from countyfhir.workflow.referral.table import ACTIVE, IN_CARE, NAMES, Step, told
from countyfhir.workflow.situation import Change
from countyfhir.workflow.timing import instant, micros

SIDES = {
    "requester": ("the referring institution (Task.requester)", "转出机构"),
    "receiver": ("the receiving institution (Task.owner)", "转入机构"),
    "either": ("one of the two institutions", "转出或转入机构"),
}


async def enter(case: Case, before: str | None) -> bool:
    """Have the Task of the case enter its state from ``before`` (None: it begins). Whether it may; if so, everything
    that belongs to it is written."""
    count = len(case.verdict.refused)
    if not _legal(case, before) or not await _allowed(case, before):
        return False
    step = case.step
    if step.reason and not case.task.get("statusReason"):
        case.refuse(
            "business-rule",
            f"{case.state} needs a reason in Task.statusReason.",
            f"“{NAMES[case.state]}”须填写原因（statusReason）。",
            "Task.statusReason",
        )
    for name in _guards(case, before):
        await GUARDS[name](case)
    if case.state == "returning" and case.direction != "down":
        await slip_wanted(case)
    if not await _request_follows(case, step) or len(case.verdict.refused) > count:
        return False
    await _write(case, before)
    return True


def _legal(case: Case, before: str | None) -> bool:
    if before is None:
        legal = case.table.beginnings(case.emergency)
        if case.state not in legal:
            text = f"A referral does not begin as {case.state}; it may begin as: {told(legal)}."
            case.refuse("business-rule", text, f"转诊不能以“{NAMES[case.state]}”开始。")
        return case.state in legal
    legal = case.table.legal(before, before_cancelling(case.task), case.emergency)
    if case.state not in legal:
        text = f"{before} is not followed by {case.state}; legal next steps: {told(legal)}."
        case.refuse("business-rule", text, f"不能从“{NAMES[before]}”转为“{NAMES[case.state]}”。")
    return case.state in legal


def before_cancelling(task: Resource) -> str | None:
    """The state from which cancellation was asked for."""
    found = (extension(task, BEFORE) or {}).get("valueCode")
    return found if isinstance(found, str) else None


async def _allowed(case: Case, before: str | None) -> bool:
    """Whether the caller acts for the side that the step is for, in a part that may make it; else 403 is said."""
    step, situation = case.step, case.situation
    if case.by_program or (step.system and situation.principal.kind == "system"):
        return True
    side, both = step.side, _for_both(case, before)
    side = "either" if both else side
    if not await case.acts(side):
        english, chinese = SIDES[side]
        text = f"The step to {case.state} is for {english} only."
        case.refuse("forbidden", text, f"“{NAMES[case.state]}”只能由{chinese}操作。")
        return False
    roles = {role for part in step.parts for role in case.table.data["roles"].get(part, ())}
    if step.parts and not both and not case.single(side) and not situation.has_role(*roles):
        text = f"The step to {case.state} needs one of the roles {', '.join(sorted(roles))}."
        case.refuse("forbidden", text, f"“{NAMES[case.state]}”须由相应岗位（{'、'.join(step.parts)}）操作。")
        return False
    return True


def _for_both(case: Case, before: str | None) -> bool:
    """A withdrawn or refused cancellation leads back for either side; an emergency begins at either."""
    if before == "cancel-requested":
        return case.state != "cancelled"
    return before is None and case.state == "accepted"


def _guards(case: Case, before: str | None) -> list[str]:
    """The guards of the state; a referral that begins later passes those of the states it leaves out."""
    names = list(case.step.guards)
    if before is None and case.state == "accepted":
        names += [one for one in case.table.step("sent", case.direction).guards if one not in names]
    return names


async def _request_follows(case: Case, step: Step) -> bool:
    """Keep ServiceRequest.status in step in the same commit; a client's own value must agree."""
    request, name = case.request, case.request_reference
    if request is None or name is None:
        text = "Task.focus must lead to the ServiceRequest of the referral (category referral-direction up or down)."
        case.refuse("business-rule", text, "Task.focus 须指向转诊申请（ServiceRequest，含转诊方向）。", "Task.focus")
        return False
    own = case.situation.changed(name)
    status = request.get("status")
    if status == step.request:
        return True
    if own is not None and (own.before is None or own.before.get("status") != (own.after or {}).get("status")):
        text = f"ServiceRequest.status is {status}, but {case.state} goes with {step.request}."
        case.refuse("business-rule", text, f"转诊申请状态与“{NAMES[case.state]}”不一致。", "Task.focus")
        return False
    case.verdict.write({**request, "status": step.request})
    return True


async def _write(case: Case, before: str | None) -> None:
    task = _named(_dated(case.task, case), case)
    if case.state == "cancel-requested" and before is not None:
        task = with_extension(task, BEFORE, {"valueCode": before})
    elif extension(task, BEFORE) is not None:
        task = with_extension(task, BEFORE, None)
    if case.state == "sent" and case.direction == "down":
        task = await _with_slip(task, case)
    task = clock.started(case, task)
    case.verdict.write(task)
    case = replace(case, task=task)
    if (before, case.state) != (None, "draft"):  # a draft that nobody has seen leaves no trace when it is deleted
        await records.record(case, before)
    if case.state == "completed":
        records.follow_up(case)
    await release(case)
    await _parent_follows(case)


async def _with_slip(task: Resource, case: Case) -> Resource:
    """Downward the slip goes along as ``Task.input`` too, where the receiver's system looks for what it works with."""
    given = {identity(one) for one in parts_of(task, "input")}
    slips = [f"Composition/{one['id']}" for one in await compositions(case) if is_slip(one)]
    more = [
        {"type": {"text": "回转单 return slip"}, "valueReference": {"reference": one}}
        for one in slips
        if one not in given
    ]
    return {**task, "input": [*task.get("input", ()), *more]} if more else task


def _named(task: Resource, case: Case) -> Resource:
    """The name of the state in Chinese, where a client has left that of the state before."""
    old = (case.change.before or {}).get("businessStatus") if case.change.resource_type == "Task" else None
    given = task["businessStatus"]
    if (
        old is None
        or "text" not in given
        or given["text"] != old.get("text")
        or state_of(task) == state_of(case.change.before)
    ):
        return task
    coding = [{name: value for name, value in one.items() if name != "display"} for one in given["coding"]]
    return {**task, "businessStatus": {**given, "coding": coding, "text": NAMES[case.state]}}


def _dated(task: Resource, case: Case) -> Resource:
    """``lastModified`` is the instant of the step, unless the client dates it anew."""
    earlier = (case.change.before or {}).get("lastModified") if case.change.resource_type == "Task" else None
    given, authored = task.get("lastModified"), micros(task.get("authoredOn"))
    if given is not None and given != earlier and case.change.resource_type == "Task":
        return task
    if authored is not None and authored > case.situation.now:
        return task
    return {**task, "lastModified": instant(case.situation.now)}


async def _parent_follows(case: Case) -> None:
    """The referral that this one goes on from reports (中期反馈) once the resident is cared for above."""
    if case.state not in IN_CARE and case.state != "completed":
        return
    for one in case.task.get("partOf", ()):
        parent = await case.read(one)
        if parent is not None and bound(parent, case.table) and state_of(parent) == "arrived":
            await move(parent, "interim", case, by_program=True)


async def move(task: Resource, state: str, origin: Case, *, by_program: bool, change: Change | None = None) -> bool:
    """Have a Task enter a state because of something else; problems are told of what it follows from."""
    change = change or origin.change
    case = await case_of(change, task, origin.situation, origin.verdict)
    before = state_of(task) or ""
    step = case.table.step(state, case.direction)
    case = replace(case, task=in_state(task, step, NAMES[state]), by_program=by_program)
    if by_program and state not in case.table.legal(before, before_cancelling(task), case.emergency):
        return False
    return await enter(case, before)


async def chained(case: Case) -> None:
    """(8) A referral that goes on from another: same resident, sent by the one that received; its request is based on
    the other's."""
    for one in case.task.get("partOf", ()):
        parent = await case.read(one)
        if parent is None or not bound(parent, case.table):
            continue
        above = await case_of(case.change, parent, case.situation, case.verdict)
        same = await case.same_person(parent.get("for"), case.task.get("for"))
        meet = above.receiver is not None and above.receiver == case.requester
        wanted = (*ACTIVE, *IN_CARE, *(("completed",) if case.direction == "down" else ()))
        if not same or not meet or state_of(parent) not in wanted:
            text = "Task.partOf leads to an open referral of the same resident to the institution that sends now."
            said = "partOf 须指向同一患者、由本机构接收且未结束的上一程转诊。"
            case.refuse("business-rule", text, said, "Task.partOf")
        elif case.request is not None and above.request_reference is not None:
            based = [identity(each) for each in case.request.get("basedOn", ())]
            if above.request_reference not in based:
                along = [*case.request.get("basedOn", ()), {"reference": above.request_reference}]
                case.verdict.write({**case.request, "basedOn": along})
