"""The ServiceRequest of a referral: its number, what stays as it was sent, and a status that moves the Task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.referral.case import Case, bound, case_of, task_of
from countyfhir.workflow.referral.numbers import numbered
from countyfhir.workflow.referral.parties import acts_for, organization_of
from countyfhir.workflow.referral.reading import GREEN, direction_of, extension, identity, number_of, state_of
from countyfhir.workflow.referral.steps import before_cancelling, move
from countyfhir.workflow.referral.table import Table, table_of, told
from countyfhir.workflow.situation import Change, Situation, Verdict

PRIORITIES = ("routine", "urgent", "asap", "stat")
ALONE = ("draft", "active", "revoked", "entered-in-error", "unknown")
"""Statuses of a request that has no Task yet."""
WITHDRAWN = ("revoked", "completed", "entered-in-error")


async def judge_request(change: Change, situation: Situation, verdict: Verdict) -> None:
    """Before the Tasks: what can be said of the request itself. Its status is looked at with its Task."""
    table = table_of(situation.tables)
    if change.after is None:
        await _deleted(change, situation, verdict)
        return
    if not bound(change.after, table):
        if change.before is not None and bound(change.before, table):
            text = "A ServiceRequest stays a referral: keep its profile and category. 转诊申请须保留其 profile 与方向。"
            verdict.refuse(change, "business-rule", text, "ServiceRequest.category")
        return
    request = change.after
    if situation.from_intake:
        return
    if change.before is None:
        requester = await organization_of(request.get("requester"), situation.look)
        if requester is not None and not await acts_for(requester, situation, table):
            text = "A referral is requested by the referring institution itself. 只能由转出机构提出转诊。"
            verdict.refuse(change, "forbidden", text, "ServiceRequest.requester")
    elif not await _may_change(change, table, situation, verdict):
        return
    request = _kept_number(change.before, request)
    request = await numbered(request, table, situation, verdict)
    request = _green(request, table)
    if request is not change.after:
        verdict.write(request)


def _kept_number(before: Resource | None, request: Resource) -> Resource:
    """A number that a client leaves out stays."""
    if before is None or number_of(request) is not None or number_of(before) is None:
        return request
    return {**request, "identifier": [*request.get("identifier", ()), *before["identifier"]]}


def _green(request: Resource, table: Table) -> Resource:
    """绿色通道: never below the priority that it stands for."""
    if (extension(request, GREEN) or {}).get("valueBoolean") is not True:
        return request
    least = table.data["green_channel"]["least"]
    given = request.get("priority", "routine")
    if given in PRIORITIES and PRIORITIES.index(given) >= PRIORITIES.index(least):
        return request
    return {**request, "priority": least}


async def _may_change(change: Change, table: Table, situation: Situation, verdict: Verdict) -> bool:
    """Whether this may be changed by the caller: nothing of an ended referral; who and whom never after sending."""
    before, after = change.before or {}, change.after or {}
    if before.get("status") in WITHDRAWN and not _same(before, after):
        text = "This referral has ended and is not changed any more. 转诊已结束，不得再修改。"
        verdict.refuse(change, "business-rule", text, "ServiceRequest")
        return False
    named = (before.get("requester"), *before.get("performer", ()))
    sides = [await organization_of(one, situation.look) for one in named]
    if any(sides) and not any([await acts_for(one, situation, table) for one in sides if one]):
        text = "A referral is changed by its two institutions only. 只有转出、转入机构可以修改转诊。"
        verdict.refuse(change, "forbidden", text, "ServiceRequest")
        return False
    frozen = ["subject"] if before.get("status") == "draft" else ["subject", "requester", "performer"]
    moved = [name for name in frozen if _names(before.get(name)) != _names(after.get(name))]
    if direction_of(before) != direction_of(after):
        moved.append("category")
    if number_of(before) is not None and number_of(after) not in (None, number_of(before)):
        moved.append("identifier")
    for name in moved:
        text = f"ServiceRequest.{name} of a referral does not change. 转诊的此项内容不得更改。"
        verdict.refuse(change, "business-rule", text, f"ServiceRequest.{name}")
    return not moved


def _names(references: Any) -> list[str | None]:
    listed = references if isinstance(references, list) else [references]
    return [identity(one) for one in listed if one is not None]


def _same(before: Resource, after: Resource) -> bool:
    """Whether nothing but ``meta`` differs: a request that was sent twice."""
    return {**before, "meta": None} == {**after, "meta": None}


async def _deleted(change: Change, situation: Situation, verdict: Verdict) -> None:
    table = table_of(situation.tables)
    if not bound(change.before, table) or situation.from_intake or situation.principal.kind == "system":
        return
    if (change.before or {}).get("status") != "draft":
        text = (
            "A referral is deleted in draft only; enter it in error (state error). 已发出的转诊不得删除，请标记为误录。"
        )
        verdict.refuse(change, "business-rule", text, "ServiceRequest")


async def follow_status(change: Change, situation: Situation, verdict: Verdict) -> None:
    """After the Tasks: a status that a client gave the request alone moves the Task, by the same rules."""
    table, request = table_of(situation.tables), verdict.latest(change)
    if request is None or situation.from_intake or not bound(request, table):
        return
    task = await task_of(f"ServiceRequest/{change.logical_id}", situation, verdict)
    if task is None:
        if request.get("status") not in ALONE:
            text = f"A referral without its Task is not {request.get('status')}. 没有 Task 的转诊申请不能为此状态。"
            verdict.refuse(change, "business-rule", text, "ServiceRequest.status")
        return
    if situation.changed(f"Task/{task['id']}") is not None and ("Task", task["id"]) not in verdict.resources:
        return  # the Task was refused: nothing to compare with
    case = await case_of(change, task, situation, verdict)
    if case.step.request != request.get("status"):
        await _move_to(request, task, replace(case, request=request))


async def _move_to(request: Resource, task: Resource, case: Case) -> None:
    status, state = request.get("status"), state_of(task) or ""
    following = case.table.legal(state, before_cancelling(task), case.emergency)
    fitting = [one for one in following if case.table.step(one, case.direction).request == status]
    alone = case.situation.changed(f"Task/{task['id']}") is None
    if len(fitting) == 1 and alone:
        await move(task, fitting[0], case, by_program=False)
        return
    text = (
        f"ServiceRequest.status {status} does not go with the Task in {state} ({case.step.request}); "
        f"move the Task to one of: {told(following)}."
    )
    case.refuse("business-rule", text, "转诊申请状态与 Task 不一致，请通过 Task 变更状态。", "ServiceRequest.status")
