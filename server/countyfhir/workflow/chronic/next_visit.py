"""The one open follow-up Task of a resident: due on the earliest day on which one of the diseases is due, with the days
of all of them; its state (planned, due, overdue, lost) follows the calendar (DOMAIN 3.7: no two visits on one day)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic.codes import ACTION, ACTIONS, DISEASE, STATE, STATES, coding, concept, is_action
from countyfhir.workflow.chronic.days import local_day, plus_days, start_of
from countyfhir.workflow.chronic.record import Record, codes_in
from countyfhir.workflow.timing import instant, with_mark, with_timer

Table = Mapping[str, Any]
OPEN = ("draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold")
_MARKS = {"planned": None, "due": "warning", "overdue": "overdue", "lost": "overdue"}


async def open_visits(record: Record, patient: str) -> list[Resource]:
    """The follow-up Tasks of a resident that are open; more than one only where somebody has made another."""
    return await record.find(
        "Task",
        patient,
        f"code={ACTION}|follow-up&status={','.join(OPEN)}",
        lambda one: is_action(one, "follow-up") and one.get("status") in OPEN,
        bound=True,
    )


def dues_of(task: Resource | None) -> dict[str, str]:
    """Disease -> day on which it is due."""
    found: dict[str, str] = {}
    for one in (task or {}).get("input", ()):
        for disease in codes_in(one.get("type"), DISEASE):
            if "valueDate" in one:
                found[disease] = str(one["valueDate"])
    return found


def due_of(task: Resource | None) -> str:
    """The last day of the time in which the visit is to be; "" when none is set."""
    return local_day(((task or {}).get("restriction") or {}).get("period", {}).get("end"))


def due_again(task: Resource, dues: Mapping[str, str], names: Mapping[str, str], table: Table, now: int) -> Resource:
    """The Task due on the earliest of some days."""
    due = min(dues.values())
    inputs = [
        {"type": concept(DISEASE, disease, names.get(disease, disease)), "valueDate": day}
        for disease, day in sorted(dues.items(), key=lambda one: (one[1], one[0]))
    ]
    others = [one for one in task.get("input", ()) if not codes_in(one.get("type"), DISEASE)]
    start = plus_days(due, -int(table["follow-up"]["due_before"]))
    period = {"start": start, "end": due}
    return in_state({**task, "restriction": {"period": period}, "input": [*inputs, *others]}, table, now)


def state_on(due: str, table: Table, now: int) -> tuple[str, int | None]:
    """The state of a visit due on a day, and the instant (microseconds since 1970) at which it becomes another."""
    days = table["follow-up"]
    begins = [
        ("due", start_of(plus_days(due, -int(days["due_before"])))),
        ("overdue", start_of(plus_days(due, int(days["overdue_after"]) + 1))),
        ("lost", start_of(plus_days(due, int(days["lost_after"]) + 1))),
    ]
    state = "planned"
    for code, begin in begins:
        if begin > now:
            return state, begin
        state = code
    return state, None


def in_state(task: Resource, table: Table, now: int) -> Resource:
    """The Task with the state of its due day, its mark and the timer of the next; closed, with none of them."""
    due = due_of(task)
    if task.get("status") not in OPEN or not due:
        rest = {name: value for name, value in task.items() if name != "businessStatus"}
        return with_mark(with_timer(rest, None), None)
    state, moment = state_on(due, table, now)
    told = {**task, "businessStatus": concept(STATE, state, STATES[state])}
    return with_mark(with_timer(told, moment), _MARKS[state])


def closed(task: Resource, encounter: str, day: str, now: int) -> Resource:
    """The Task done by a visit."""
    output = {"type": {"text": "随访记录 Follow-up visit"}, "valueReference": {"reference": encounter}}
    told = {**task, "status": "completed", "executionPeriod": {"end": day}, "lastModified": instant(now)}
    told["output"] = [*task.get("output", ()), output]
    rest = {name: value for name, value in told.items() if name != "businessStatus"}
    return with_mark(with_timer(rest, None), None)


def cancelled(task: Resource, why: str, now: int) -> Resource:
    """The Task that nobody need do any more."""
    told = {**task, "status": "cancelled", "statusReason": {"text": why}, "lastModified": instant(now)}
    rest = {name: value for name, value in told.items() if name != "businessStatus"}
    return with_mark(with_timer(rest, None), None)


def planned(patient: str, task_id: str, recall: bool, now: int) -> Resource:
    """A new follow-up Task; a recall is a proposal, an ordinary visit a plan."""
    codings = [coding(ACTION, "follow-up", ACTIONS["follow-up"])]
    if recall:
        codings.append(coding(ACTION, "two-week-recall", ACTIONS["two-week-recall"]))
    return {
        "resourceType": "Task",
        "id": task_id,
        "status": "requested",
        "intent": "proposal" if recall else "plan",
        "code": {"coding": codings, "text": ACTIONS[codings[-1]["code"]]},
        "for": {"reference": patient},
        "authoredOn": instant(now),
        "lastModified": instant(now),
    }
