"""Promised services 服务项目 as Tasks: one for each time, due evenly over the term, completed when delivered (履约)."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

from countyfhir.exchange import Resource
from countyfhir.workflow.contracts.ending import OPEN, cancelled
from countyfhir.workflow.contracts.reading import SERVICE, Table, institutions_of, period_of, promises, subject_of
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import instant, micros, with_mark, with_timer

_IDS = uuid.UUID("0b5b4a0e-8a8b-5d0c-9c58-5f2c7a4d9e21")


def service_id(contract_id: str, place: str, number: int) -> str:
    """The id of the Task for one time of one item: the same whenever it is asked."""
    return str(uuid.uuid5(_IDS, f"{contract_id}/{place}/{number}"))


async def plan(situation: Situation, change: Change, contract: Resource, verdict: Verdict, table: Table) -> None:
    """Make the Tasks that are missing; cancel open ones that are no longer promised."""
    stored = await situation.look.search("Task", f"focus=Contract/{change.logical_id}")
    known = {task["id"]: task for task in stored if task.get("instantiatesUri") == SERVICE}
    wanted: set[str] = set()
    for promise in promises(contract):
        dues = due_dates(period_of(contract), promise.times)
        for number, due in enumerate(dues[: table["services"]["most"] - len(wanted)]):
            name = service_id(change.logical_id, promise.place, number)
            wanted.add(name)
            if name not in known:
                verdict.write(_task(name, promise.concept, due, contract, change, situation.now))
    for name, task in known.items():
        if name not in wanted and task.get("status") in OPEN:
            verdict.write(cancelled(task, "No longer part of the contract 已不在协议内", situation.now))


def due_dates(term: tuple[str, str], times: int) -> list[str]:
    """So many last days, evenly over the term; the last one is the last day of the contract."""
    first, last = date.fromisoformat(term[0]), _day(term[1])
    days = (last - first).days + 1
    return [(first + timedelta(days=max(days * (one + 1) // times - 1, 0))).isoformat() for one in range(times)]


def _day(text: str) -> date:
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    while True:
        try:
            return date(year, month, day)
        except ValueError:
            day -= 1


def _task(name: str, concept: Resource, due: str, contract: Resource, change: Change, now: int) -> Resource:
    task: Resource = {
        "resourceType": "Task",
        "id": name,
        "instantiatesUri": SERVICE,
        "status": "requested",
        "intent": "plan",
        "code": concept,
        "focus": {"reference": change.reference},
        "for": {"reference": subject_of(contract)},
        "authoredOn": instant(now),
        "lastModified": instant(now),
        "owner": {"reference": institutions_of(contract)[0]},
        "restriction": {"period": {"end": due}},
    }
    return with_timer(task, end_of_day(due))


def end_of_day(day: str) -> int:
    """The last instant of a day in China (UTC+8, without daylight saving), in microseconds."""
    moment = micros(f"{day}T23:59:59+08:00")
    assert moment is not None
    return moment


def judge(situation: Situation, change: Change, verdict: Verdict) -> None:
    """A service is given by who keeps the contract, at a time, and what was given stays given."""
    task, before = change.after, change.before
    if task is None:
        text = "A promised service is cancelled with its reason, not deleted. 服务项目不得删除。"
        verdict.refuse(change, "business-rule", text, "Task")
        return
    owner = ((before or task).get("owner") or {}).get("reference")
    if before is not None and not situation.acts_for(owner):
        text = "Only the institution of the contract records its services. 仅签约机构可登记服务。"
        verdict.refuse(change, "forbidden", text, "Task.owner")
    if before is not None and before.get("status") == "completed" and task.get("status") not in _AFTER_DELIVERY:
        text = "A service that was delivered stays so, or was entered in error. 已完成的服务不得撤回。"
        verdict.refuse(change, "business-rule", text, "Task.status")
    if task.get("status") == "completed":
        if not (task.get("executionPeriod") or {}).get("start"):
            text = "A delivered service says when: executionPeriod.start. 须注明服务时间。"
            verdict.refuse(change, "required", text, "Task.executionPeriod")
        if not task.get("output"):
            text = "What was done is not linked: output may name the Encounter or the form. 建议关联服务记录。"
            verdict.warn(change, "business-rule", text, "Task.output")
    if task.get("status") not in OPEN:
        verdict.write(with_mark(with_timer(task, None), None))


_AFTER_DELIVERY = ("completed", "entered-in-error")


def on_time(situation: Situation, change: Change, verdict: Verdict) -> None:
    """Mark an open service overdue."""
    task = verdict.latest(change)
    if task is not None and task.get("status") in OPEN:
        verdict.write(with_mark(with_timer(task, None), "overdue"))
