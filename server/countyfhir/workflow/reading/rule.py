"""The rule of the reading centres (``profiles/rules/reading.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.reading import holding, order_tasks, orders, recognition, reports, tasks
from countyfhir.workflow.reading.clock import kind_of, requested_at
from countyfhir.workflow.reading.devices import only_devices
from countyfhir.workflow.reading.reading import TASKS, coded, literal
from countyfhir.workflow.rules import Rule
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import micros, with_mark, with_timer

_PLACE = "https://fhir.county-hc.example/"
_ORDER = {"ServiceRequest": 0, "Task": 1, "Provenance": 2, "DiagnosticReport": 3}


def concerns(change: Change) -> bool:
    """What may be an order of the county's, a Task on an order or of ours, a report with an order, a device's
    Provenance."""
    told = change.after or change.before
    kind = change.resource_type
    if told is None:
        return False
    if kind == "ServiceRequest":
        return _may_be_ordered(told)
    if kind == "DiagnosticReport":
        return bool(told.get("basedOn")) or _is_ours(told)
    if kind == "Provenance":
        return change.after is not None and only_devices(told)
    return coded(told, TASKS) in _OWN or tasks.is_of_an_order(change)


_OWN = ("held-report", "corrected-report", "recognition", "read-order")


def _is_ours(told: Resource) -> bool:
    meta = told.get("meta") or {}
    claimed = any(str(one).startswith(_PLACE) for one in meta.get("profile", ()))
    return claimed or any(str(one.get("system", "")).startswith(_PLACE) for one in meta.get("tag", ()))


def _may_be_ordered(told: Resource) -> bool:
    """Operators may name other systems; then profile or number still say it."""
    return bool(told.get("category")) or _is_ours(told) or bool(told.get("identifier"))


async def judge(situation: Situation, changes: list[Change], verdict: Verdict) -> None:
    """Orders first, then their Tasks, then what says who made a report, then reports."""
    table = situation.tables.table("reading")
    for change in sorted(changes, key=lambda one: _ORDER[one.resource_type]):
        if change.resource_type == "ServiceRequest":
            await orders.judge(situation, change, verdict, table)
        elif change.resource_type == "DiagnosticReport":
            await reports.judge(situation, change, verdict, table)
        elif change.resource_type == "Provenance":
            if not situation.from_intake:
                await reports.provenance(situation, change, verdict, table)
        else:
            await _task(situation, change, verdict, table)


async def _task(situation: Situation, change: Change, verdict: Verdict, table: Mapping[str, Any]) -> None:
    code = coded(change.after or change.before, TASKS)
    if code == "held-report":
        await holding.decide(situation, change, verdict, table)
    elif code == "recognition":
        recognition.judge_task(situation, change, verdict)
    elif code == "corrected-report":
        _seen(situation, change, verdict)
    else:
        await tasks.judge(situation, change, verdict, table)


def _seen(situation: Situation, change: Change, verdict: Verdict) -> None:
    """Whoever received the earlier report says that the correction was seen."""
    before, after = change.before, change.after
    if before is None or after is None:
        return
    if after.get("status") != before.get("status") and not situation.acts_for(literal(before.get("owner"))):
        text = "Only who received the earlier report says that it was seen. 仅原报告接收方可确认更正。"
        verdict.refuse(change, "forbidden", text, "Task.owner")
    elif after.get("status") == "completed":
        verdict.write(with_timer(with_mark(after, None), None))


async def on_time(situation: Situation, change: Change, verdict: Verdict) -> None:
    """A limit is near, or has passed."""
    table = situation.tables.table("reading")
    task = verdict.latest(change)
    if task is None:
        return
    code = coded(task, TASKS)
    if code == "held-report":
        await holding.on_time(situation, change, task, verdict, table)
        return
    order = await situation.look.read(literal(task.get("focus"), "ServiceRequest"))
    order = verdict.resources.get(("ServiceRequest", order["id"]), order) if order is not None else None
    kind = kind_of(order, table)
    if code in (None, "read-order") and order is not None and kind is not None:
        requested = requested_at(order, table, micros(task.get("authoredOn"))) or situation.now
        await order_tasks.on_time(situation, task, kind, requested, order, verdict)
    elif code == "corrected-report" and task.get("status") not in ("completed", "cancelled"):
        verdict.write(with_timer(with_mark(task, "overdue"), None))
    elif code in _OWN:
        verdict.write(with_timer(task, None))


RULE = Rule(concerns, judge, on_time)
