"""The Task of a referral: begun, moved, changed without a step, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.referral import clock
from countyfhir.workflow.referral.case import Case, bound, case_of, in_state, task_of
from countyfhir.workflow.referral.parties import line_of, organization_of
from countyfhir.workflow.referral.reading import (
    BEFORE,
    NUMBER,
    TOLD,
    extension,
    identity,
    is_slip,
    number_of,
    parts_of,
    state_of,
    with_extension,
)
from countyfhir.workflow.referral.steps import chained, enter
from countyfhir.workflow.referral.table import NAMES, table_of, told
from countyfhir.workflow.situation import Change, Situation, Verdict

SETTLED = ("focus", "for", "requester", "owner", "partOf")
"""Elements that do not change after sending; the receiver may hand the Task on within its institution."""


async def judge_task(change: Change, situation: Situation, verdict: Verdict) -> None:
    """What the rules say of a Task of a referral."""
    table = table_of(situation.tables)
    if not bound(change.before, table) and not bound(change.after, table):
        return
    if change.after is None:
        await _deleted(change, situation, verdict)
        return
    state = state_of(change.after)
    if state is None or state not in table.data["states"]:
        legal = [*table.data["states"]] if change.before is None else []
        known = f": {told(legal)}" if legal else ""
        text = f"Task.businessStatus needs a code of referral-state{known}. 须填写转诊业务状态。"
        verdict.refuse(change, "business-rule", text, "Task.businessStatus")
        return
    case = await case_of(change, _whole(change), situation, verdict)
    if not _agrees(case):
        return
    if situation.from_intake:
        await _taken_in(case)
        return
    before = state_of(change.before)
    if before is None:
        await _begun(case)
    elif before != state or (state == "interim" and _reported(change)):
        if await _settled(case, before):
            await enter(replace(case, task=_filled(clock.kept(change.before or {}, case.task), case)), before)
    else:
        await _changed(case)


def _whole(change: Change) -> Resource:
    """The Task with the settled elements that a client leaves out."""
    before, after = change.before or {}, change.after or {}
    left_out = {name: before[name] for name in SETTLED if name in before and name not in after}
    return {**after, **left_out} if left_out else after


def _agrees(case: Case) -> bool:
    """Whether Task.status belongs to the business state."""
    status = case.task.get("status")
    if status == case.step.task:
        return True
    text = f"Task.status {status} does not go with businessStatus {case.state}, which goes with {case.step.task}."
    case.refuse("business-rule", text, f"Task.status 与业务状态“{NAMES[case.state]}”不一致。", "Task.status")
    return False


async def _begun(case: Case) -> None:
    request = case.request
    if request is None:
        text = "Task.focus must lead to the ServiceRequest of the referral (category referral-direction up or down)."
        case.refuse("business-rule", text, "Task.focus 须指向转诊申请（ServiceRequest，含转诊方向）。", "Task.focus")
        return
    if not await case.same_person(case.task.get("for"), request.get("subject")):
        text = "Task.for and ServiceRequest.subject must be the same resident."
        case.refuse("business-rule", text, "Task.for 与转诊申请的患者须一致。", "Task.for")
    if not await _meets(case):
        text = "Task.requester and Task.owner must be of the institutions of ServiceRequest.requester and performer."
        case.refuse("business-rule", text, "Task 的转出、转入机构须与转诊申请一致。", "Task.owner")
    for one in await case.situation.look.search("Task", f"focus={case.request_reference}", bound=True):
        if one["id"] != case.task["id"] and bound(one, case.table):
            text = f"The referral has its Task already: Task/{one['id']}."
            case.refuse("business-rule", text, "该转诊申请已有 Task。", "Task.focus")
    await chained(case)
    latest = await case.read(case.task.get("focus"))
    await enter(replace(case, task=_filled(case.task, case), request=latest), None)


async def _meets(case: Case) -> bool:
    """Whether both institutions of the Task are those of the request, where both are known."""
    request, look = case.request or {}, case.situation.look
    sender = await organization_of(request.get("requester"), look)
    if sender is not None and case.requester is not None and sender["id"] != case.requester["id"]:
        return False
    performers = [await organization_of(one, look) for one in request.get("performer", ())]
    known = {one["id"] for one in performers if one is not None}
    if case.receiver is None or not known:
        return True
    return bool(known & {one["id"] for one in await line_of(case.receiver, look)})


def _filled(task: Resource, case: Case) -> Resource:
    """The Task with what follows from the request: parties, priority, number."""
    request = case.request or {}
    made = dict(task)
    if "owner" not in made and case.receiver is not None:
        made["owner"] = {"reference": f"Organization/{case.receiver['id']}"}
    if "requester" not in made and case.requester is not None:
        made["requester"] = {"reference": f"Organization/{case.requester['id']}"}
    if "priority" in request:
        made["priority"] = request["priority"]
    number = number_of(request)
    if number is not None and number_of(made) is None:
        made["identifier"] = [*made.get("identifier", ()), {"system": NUMBER, "value": number}]
    earlier = extension(case.change.before or {}, BEFORE)
    if earlier is not None and extension(made, BEFORE) != earlier:
        made = with_extension(made, BEFORE, {"valueCode": earlier["valueCode"]})
    return made


async def _settled(case: Case, before: str) -> bool:
    """Whether what was agreed at sending stays as it is."""
    if before in case.table.data["preparing"]:
        names: tuple[str, ...] = ("for", "focus", "partOf")
    else:
        names = SETTLED
    old = case.change.before or {}
    moved = [name for name in names if name in old and _named(old[name]) != _named(case.task.get(name))]
    if moved == ["owner"] and await _handed_on(case):
        return True
    for name in moved:
        text = f"Task.{name} of a referral does not change any more."
        case.refuse("business-rule", text, "转诊发出后此项内容不得更改。", f"Task.{name}")
    return not moved


def _named(references: Any) -> list[str | None]:
    listed = references if isinstance(references, list) else [references]
    return sorted((identity(one) for one in listed if one is not None), key=str)


async def _handed_on(case: Case) -> bool:
    """Whether the receiver gives the Task to a department or a person of its own."""
    old = await case_of(case.change, case.change.before or {}, case.situation, case.verdict)
    return await old.acts("receiver") and await case.acts("receiver") and case.receiver is not None


def _reported(change: Change) -> bool:
    """Whether a further interim report is given."""
    before, after = change.before or {}, change.after or {}
    return any(before.get(name) != after.get(name) for name in ("output", "note"))


async def _changed(case: Case) -> None:
    """A change without a step: by either institution while the referral is open; before sending by the referrer."""
    before = case.change.before or {}
    kept = _filled(clock.kept(before, case.task), case)
    if case.table.ended(case.state):
        if _content(kept) != _content(before):
            text = f"The referral has ended ({case.state}) and is not changed any more."
            case.refuse("business-rule", text, f"转诊已结束（{NAMES[case.state]}），不得再修改。", "Task")
        else:
            case.verdict.write({**kept, **{name: before[name] for name in ("lastModified", "text") if name in before}})
        return
    if not await _settled(case, case.state):
        return
    side = "requester" if case.state in case.table.data["preparing"] else "either"
    if not await case.acts(side):
        text = "A referral is changed by its own institutions only."
        case.refuse("forbidden", text, "只有转出、转入机构可以修改转诊。", "Task")
        return
    case.verdict.write(kept)


def _content(task: Resource) -> dict[str, Any]:
    """What counts in a Task: not its meta, nor when a client says that it was touched."""
    return {name: value for name, value in task.items() if name not in ("meta", "lastModified", "text")}


async def _deleted(change: Change, situation: Situation, verdict: Verdict) -> None:
    if situation.from_intake or situation.principal.kind == "system" or change.before is None:
        return
    case = await case_of(change, change.before, situation, verdict)
    if case.state != "draft":
        text = "A referral is deleted in draft only; have it entered in error (state error)."
        case.refuse("business-rule", text, "转诊只能在草稿状态删除，其他状态请标记为误录。", "Task")
    elif not await case.acts("requester"):
        case.refuse("forbidden", "A draft is deleted by the referring institution.", "草稿只能由转出机构删除。", "Task")


async def _taken_in(case: Case) -> None:
    """Legacy referrals have happened: any state, with its own instants. What is told as completed without its slip is
    in care until the slip arrives."""
    slips = [*parts_of(case.task, "output"), *parts_of(case.task, "input")]
    if case.state != "completed" or any([is_slip(await case.read(one)) for one in slips]):
        return
    step = case.table.step("arrived", case.direction)
    case.warn("Told as completed without its slip: kept as arrived.", "无回转单的已完成转诊按“在诊”保存。")
    told = with_extension(case.task, TOLD, {"valueCode": "completed"})
    case.verdict.write(in_state(told, step, NAMES["arrived"]))
    if case.request is not None and case.request.get("status") == "completed":
        case.verdict.write({**case.request, "status": step.request})


async def prove(change: Change, situation: Situation, verdict: Verdict) -> None:
    """A slip that is taken in later: the legacy referral that was told as completed is completed by it."""
    slip = change.after or {}
    if not situation.from_intake or not is_slip(slip):
        return
    for name in dict.fromkeys(
        identity(one) or "" for event in slip.get("event", ()) for one in event.get("detail", ())
    ):
        task = await task_of(name, situation, verdict) if name.startswith("ServiceRequest/") else None
        if task is None or extension(task, TOLD) is None or state_of(task) != "arrived":
            continue
        case = await case_of(change, task, situation, verdict)
        step = case.table.step("completed", case.direction)
        proof = {"type": {"text": "回转单 return slip"}, "valueReference": {"reference": f"Composition/{slip['id']}"}}
        done = {**with_extension(task, TOLD, None), "output": [*task.get("output", ()), proof]}
        verdict.write(in_state(done, step, NAMES["completed"]))
        if case.request is not None:
            verdict.write({**case.request, "status": step.request})
