"""The Task of an order: made with it, put on the clock, completed by its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.reading.clock import REPORTED, Kind, requested_at
from countyfhir.workflow.reading.devices import by_device
from countyfhir.workflow.reading.matching import organization_of
from countyfhir.workflow.reading.notices import communication
from countyfhir.workflow.reading.reading import (
    ISSUED,
    TASK_NAMES,
    TASKS,
    claims,
    coded,
    concept,
    literal,
    named_id,
    of_code,
    put_on,
)
from countyfhir.workflow.situation import Situation, Verdict
from countyfhir.workflow.timing import instant, mark_of, micros, with_mark, with_timer

CODE = "read-order"
OPEN = ("draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold")
_STATES = {
    "preliminary": "Preliminary report 已出初步报告",
    "device-result": "Result by a device, to be verified 设备结果待核实",
    "report-withdrawn": "Report withdrawn, to be reported again 报告已撤回，需重新出具",
}
_STATE_SYSTEM = "https://fhir.county-hc.example/cs/reading-state"


def is_order_task(task: Resource | None, table: Mapping[str, Any]) -> bool:
    """Whether a Task is the one of an order: by its code, or by the profile it claims."""
    if task is None:
        return False
    code = coded(task, TASKS)
    return code == CODE if code is not None else claims(task, [table["bound"]["task_profile"]]) is not None


async def order_task(
    situation: Situation, verdict: Verdict, order: Resource, table: Mapping[str, Any]
) -> Resource | None:
    """The Task of an order as the rules leave it so far."""
    name = f"ServiceRequest/{order['id']}"
    for task in verdict.resources.values():
        if task["resourceType"] == "Task" and literal(task.get("focus")) == name and is_order_task(task, table):
            return task
    for change in situation.changes:
        if change.resource_type == "Task" and literal((change.after or {}).get("focus")) == name:
            return verdict.latest(change)
    made = await situation.look.read(f"Task/{named_id(CODE, order['id'])}")
    if made is not None:
        return made
    found = await situation.look.search("Task", f"focus={name}", bound=True)
    return next((one for one in found if not coded(one, TASKS) or is_order_task(one, table)), None)


async def new_task(
    situation: Situation, order: Resource, kind: Kind, table: Mapping[str, Any], sent: Resource | None = None
) -> Resource:
    """The Task of an order, with its clock; ``sent`` is one that the client made itself, which keeps what it says."""
    now = situation.now
    centre = await centre_of_order(situation, order)
    asker = literal(order.get("requester")) or await organization_of(situation, order.get("requester"))
    requested = requested_at(order, table, now) or now
    made: Resource = {
        "resourceType": "Task",
        "id": named_id(CODE, order["id"]),
        "status": "requested",
        "intent": "order",
        "priority": order.get("priority", "routine"),
        "code": {**concept(TASKS, CODE, TASK_NAMES), "text": kind.title},
        "basedOn": [{"reference": f"ServiceRequest/{order['id']}"}],
        "focus": {"reference": f"ServiceRequest/{order['id']}"},
        "authoredOn": instant(requested),
        "lastModified": instant(max(now, requested)),
    }
    if literal(order.get("subject"), "Patient"):
        made["for"] = {"reference": literal(order.get("subject"))}
    if asker is not None:
        made["requester"] = {"reference": asker}
    if centre is not None:
        made["owner"] = {"reference": centre}
        made["restriction"] = {"recipient": [{"reference": centre}]}
    if centre is not None and asker is not None and "for" in made:
        made["meta"] = {"profile": [table["bound"]["task_profile"]]}
    told = dict(sent or {})
    if centre is not None and "restriction" not in told:
        told["restriction"] = made["restriction"]
    return on_the_clock({**made, **told}, kind, requested, now)


async def centre_of_order(situation: Situation, order: Resource) -> str | None:
    """Whom an order is for: the Organization of its performer, or the performer as it stands."""
    for one in order.get("performer", ()):
        found = await organization_of(situation, one) or literal(one)
        if found is not None:
            return found
    return None


async def asker_of(situation: Situation, order: Resource | None) -> str | None:
    """Who gets the report: the Organization of the requester, or the requester as it stands."""
    reference = (order or {}).get("requester")
    return await organization_of(situation, reference) or literal(reference)


def on_the_clock(task: Resource, kind: Kind, requested: int, now: int) -> Resource:
    """The Task with its limit, and the timer of what comes next as long as no human has reported."""
    due = requested + kind.limit
    period = {**(task.get("restriction") or {}).get("period", {}), "end": instant(due)}
    task = {**task, "restriction": {**(task.get("restriction") or {}), "period": period}}
    if task.get("status") not in OPEN or reported_at(task) is not None:
        return with_timer(task, None)
    if now > due:
        return with_timer(task, None if mark_of(task) == "overdue" else now)
    if now < requested + kind.warning:
        return with_timer(task, requested + kind.warning)
    return with_timer(with_mark(task, "warning"), due + 1000)


def reported_at(task: Resource) -> int | None:
    """When a human first reported, as the Task remembers it."""
    return next((micros(one.get("valueInstant")) for one in of_code(task, "output", "first-report")), None)


async def on_time(
    situation: Situation, task: Resource, kind: Kind, requested: int, order: Resource, verdict: Verdict
) -> None:
    """Warn before the limit, mark after it, and tell both sides."""
    due, now = requested + kind.limit, situation.now
    if task.get("status") not in OPEN or reported_at(task) is not None:
        verdict.write(with_timer(task, None))
    elif now <= due:
        verdict.write(with_timer(with_mark(task, "warning"), due + 1000))
    else:
        verdict.write(with_timer(with_mark(task, "overdue"), None))
        sides = [await asker_of(situation, order), await centre_of_order(situation, order), literal(task.get("owner"))]
        minutes = f"{kind.limit / 60_000_000:g}"
        told = communication(
            *("overdue", (task["id"], instant(due))),
            now=now,
            text=f"{kind.title}: no report within {minutes} minutes of the request. 申请后{minutes}分钟内未出具报告。",
            recipients=[one for one in sides if one is not None],
            subject=order.get("subject"),
            about=[f"ServiceRequest/{order['id']}", f"Task/{task['id']}"],
            priority="urgent",
        )
        if told is not None:
            verdict.write(told)


def with_report(task: Resource, report: Resource, kind: Kind, requested: int, first: int | None, now: int) -> Resource:
    """The Task with this version of a report: completed by a final one of a human; its clock stopped by the first."""
    outputs = [one for one in task.get("output", ()) if literal(one.get("valueReference")) != _name(report)]
    task = put_report({**task, "output": outputs}, report)
    task = {**task, "lastModified": instant(max(now, micros(task.get("authoredOn")) or now))}
    if report.get("status") in ("entered-in-error", "cancelled"):
        back = task.get("status") == "completed"
        return _in_state({**task, "status": "in-progress"} if back else task, "report-withdrawn")
    if by_device(report) or report.get("status") not in REPORTED:
        return _in_state(task, "device-result") if by_device(report) else task
    task = stopped(task, kind, requested, first, now)
    if report.get("status") not in ISSUED:
        status = "in-progress" if task.get("status") in ("requested", "received", "accepted") else task["status"]
        return _in_state({**task, "status": status}, "preliminary")
    return completed(task, reported_at(task) or now, micros(report.get("issued")) or now)


def put_report(task: Resource, report: Resource) -> Resource:
    """The Task with a report (or opinion) as its output."""
    from countyfhir.workflow.reading.reading import notice_type

    made = {"type": notice_type("report"), "valueReference": {"reference": _name(report)}}
    return {**task, "output": [*task.get("output", ()), made]}


def stopped(task: Resource, kind: Kind, requested: int, first: int | None, now: int) -> Resource:
    """The Task whose clock a human report has stopped: what was remembered first stays."""
    if reported_at(task) is None:
        at = now if first is None else first
        within = at - requested <= kind.limit
        task = put_on(task, "output", "first-report", {"valueInstant": instant(at)})
        task = put_on(task, "output", "timeliness", {"valueCode": "within" if within else "late"})
        task = with_mark(task, None if within else "overdue")
    return with_timer(task, None)


def completed(task: Resource, first: int, last: int) -> Resource:
    """The Task done, with its period of work."""
    period = dict(task.get("executionPeriod") or {})
    period.setdefault("start", instant(first))
    if task.get("status") != "completed" or "end" not in period:  # an amendment does not move it
        period["end"] = instant(max(last, micros(period["start"]) or last))
    rest = {name: value for name, value in task.items() if name != "businessStatus"}
    return {**rest, "status": "completed", "executionPeriod": period}


def _in_state(task: Resource, code: str) -> Resource:
    coding = {"system": _STATE_SYSTEM, "code": code, "display": _STATES[code]}
    return {**task, "businessStatus": {"coding": [coding], "text": _STATES[code]}}


def _name(report: Resource) -> str:
    return f"{report['resourceType']}/{report['id']}"
