"""Orders: a Task for the centre in the same commit; what happens to the order happens to its Task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.reading import holding, recognition
from countyfhir.workflow.reading.clock import is_history, kind_of, requested_at
from countyfhir.workflow.reading.order_tasks import OPEN, centre_of_order, new_task, on_the_clock, order_task
from countyfhir.workflow.reading.reading import literal
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import instant, with_timer

_FOLLOWS = {"revoked": "cancelled", "entered-in-error": "entered-in-error", "on-hold": "on-hold"}
_WHY = {"revoked": "The order was revoked. 申请已撤销。", "entered-in-error": "Entered in error. 误录。"}


async def judge(situation: Situation, change: Change, verdict: Verdict, table: Mapping[str, Any]) -> None:
    """Make or change the Task of an order; warn of recent equivalent results; match reports that wait for it."""
    order = change.after
    kind = kind_of(order, table)
    if order is None or kind is None or is_history(situation, order, table):
        return
    await recognition.judge_order(situation, change, verdict, order, kind)
    if order.get("status") == "active":
        await _task_for(situation, change, verdict, order, table)
        await holding.order_came(situation, verdict, order, table)
    elif change.before is not None:
        await _follow(situation, verdict, order, table)


async def _task_for(
    situation: Situation, change: Change, verdict: Verdict, order: Resource, table: Mapping[str, Any]
) -> None:
    kind = kind_of(order, table)
    assert kind is not None
    name = f"ServiceRequest/{order['id']}"
    for one in situation.changes:
        if one.resource_type == "Task" and one.after is not None and literal(one.after.get("focus")) == name:
            return  # the client sends its own, which is looked at as a Task
    known = await order_task(situation, verdict, order, table)
    if known is None:
        if await centre_of_order(situation, order) is None:
            text = "The order names no centre (performer): nobody has it in a work list. 申请未指明受理中心。"
            verdict.warn(change, "incomplete", text, "ServiceRequest.performer")
        verdict.write(await new_task(situation, order, kind, table))
    elif known.get("status") in OPEN:
        again = {**known, "status": "requested"} if known["status"] == "on-hold" else known
        whom = literal(order.get("subject"), "Patient")
        if whom is not None and whom != literal(again.get("for")):
            again = {**again, "for": {"reference": whom}}
        requested = requested_at(order, table, None) or situation.now
        updated = on_the_clock(again, kind, requested, situation.now)
        if updated != known:
            verdict.write(updated)


async def _follow(situation: Situation, verdict: Verdict, order: Resource, table: Mapping[str, Any]) -> None:
    task = await order_task(situation, verdict, order, table)
    status = _FOLLOWS.get(str(order.get("status")))
    if task is None or status is None or task.get("status") not in OPEN:
        return
    left = {**task, "status": status, "lastModified": instant(situation.now)}
    if status != "on-hold":
        left = with_timer({**left, "statusReason": {"text": _WHY[order["status"]]}}, None)
    verdict.write(left)
