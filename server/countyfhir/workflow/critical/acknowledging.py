"""The Task of a critical value: acknowledged by the institution that received it, escalated until then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.critical.alarms import CODE, MINUTE, NOTICE, NOTICES
from countyfhir.workflow.reading.notices import communication
from countyfhir.workflow.reading.reading import concept, literal, of_code, put_on, token
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import instant, micros, timer_of, with_mark, with_timer

OPEN = ("requested", "received", "accepted", "in-progress")
Table = Mapping[str, Any]


def judge(situation: Situation, change: Change, verdict: Verdict, table: Table) -> None:
    """Only the receiving institution acts on it; it is done when somebody says what was done; nothing else ends it."""
    before, after = change.before, change.after
    if after is None or before is None:
        if after is None:
            text = "The acknowledgement of a critical value is not deleted. 危急值确认任务不得删除。"
            verdict.refuse(change, "business-rule", text, "Task")
        else:
            verdict.write(_begun(after, situation.now, table))
        return
    if before.get("status") not in OPEN:
        if after.get("status") != before.get("status"):
            text = "The critical value was acknowledged already. 该危急值已确认。"
            verdict.refuse(change, "business-rule", text, "Task.status")
        return
    if after.get("status") not in (*OPEN, "completed"):
        legal = ", ".join((*OPEN, "completed"))
        text = f"A critical value is acknowledged (completed) and never ended otherwise; legal: {legal}."
        verdict.refuse(change, "business-rule", f"{text} 危急值只能确认，不得取消或拒绝。", "Task.status")
    elif not any(situation.acts_for(one) for one in _receivers(before)):
        text = "Only the institution that received the critical value acknowledges it. 仅接收机构可确认危急值。"
        verdict.refuse(change, "forbidden", text, "Task.owner")
    elif after["status"] != "completed":
        verdict.write(_kept(before, after))
    else:
        _acknowledge(situation, change, verdict, before, after, table)


def _receivers(task: Resource) -> list[str]:
    named = [literal(one) for one in ((task.get("restriction") or {}).get("recipient") or [task.get("owner")])]
    return [one for one in named if one is not None and one.startswith("Organization/")] or [""]


def _begun(task: Resource, now: int, table: Table) -> Resource:
    """A Task of the kind that somebody made by hand is on the same clock."""
    asked = micros(task.get("authoredOn")) or now
    period = {
        **(task.get("restriction") or {}).get("period", {}),
        "end": instant(asked + int(table["minutes"] * MINUTE)),
    }
    made = {**task, "authoredOn": instant(asked), "restriction": {**(task.get("restriction") or {}), "period": period}}
    return with_timer(made, asked + int(table["warning"] * MINUTE)) if task.get("status") in OPEN else made


def _kept(before: Resource, after: Resource) -> Resource:
    """The Task with the times, the recipients and the timer it had."""
    kept: Resource = {name: before[name] for name in ("restriction", "authoredOn", "focus", "for") if name in before}
    return with_timer({**after, **kept}, timer_of(before))


def _acknowledge(
    situation: Situation, change: Change, verdict: Verdict, before: Resource, after: Resource, table: Table
) -> None:
    if not _says_what(after, before):
        text = "Say what was done (Task.output with a text, or a note): that is the acknowledgement."
        verdict.refuse(change, "business-rule", f"{text} 确认须写明处置措施。", "Task.output")
        return
    asked, now = micros(before.get("authoredOn")) or situation.now, situation.now
    task = with_timer(_kept(before, after), None)
    task = put_on(task, "output", "acknowledged-at", {"valueInstant": instant(now)})
    if not any(of_code(task, "output", "acknowledged-by")):
        by = literal(after.get("owner"), "Practitioner", "PractitionerRole")
        value: Resource = {"valueReference": {"reference": by}} if by else {"valueString": situation.principal.name}
        task = put_on(task, "output", "acknowledged-by", value)
    within = now - asked <= table["minutes"] * MINUTE
    task = put_on(task, "output", "timeliness", {"valueCode": "within" if within else "late"})
    period = {
        "start": before.get("authoredOn", instant(asked)),
        **(task.get("executionPeriod") or {}),
        "end": instant(now),
    }
    task = with_mark({**task, "executionPeriod": period, "lastModified": instant(now)}, None if within else "overdue")
    verdict.write(task)


def _says_what(after: Resource, before: Resource) -> bool:
    said = [one for one in after.get("output", ()) if one.get("valueString") or one.get("valueCodeableConcept")]
    notes = [one for one in after.get("note", ()) if one.get("text") and one not in before.get("note", ())]
    return bool(said or notes)


async def close_flag(situation: Situation, verdict: Verdict, change: Change) -> None:
    """When it is acknowledged, the Flag is no longer active."""
    task = verdict.latest(change)
    if task is None or task.get("status") != "completed" or (change.before or {}).get("status") == "completed":
        return
    flag = await situation.look.read(literal(task.get("reasonReference"), "Flag"))
    if flag is not None and flag.get("status") == "active":
        period = {**(flag.get("period") or {}), "end": instant(situation.now)}
        verdict.write({**flag, "status": "inactive", "period": period})


async def on_time(situation: Situation, task: Resource, verdict: Verdict, table: Table) -> None:
    """Warn; then mark it overdue and tell one level after the other; then again, as often as the county says."""
    if task.get("status") not in OPEN:
        verdict.write(with_timer(task, None))
        return
    asked = micros(task.get("authoredOn")) or situation.now
    passed = situation.now - asked
    levels = _steps(table)
    come = [number for number, (after, _) in enumerate(levels) if passed > after * MINUTE]
    if not come:
        verdict.write(with_timer(with_mark(task, "warning"), asked + int(levels[0][0] * MINUTE) + 1000))
        return
    step = come[-1]
    code = {"system": "https://fhir.county-hc.example/cs/escalation", "code": f"level-{step + 1}"}
    text = f"Escalated, level {step + 1} 已升级至第{step + 1}级"
    left = with_mark({**task, "businessStatus": {"coding": [code], "text": text}}, "overdue")
    following = asked + int(levels[step + 1][0] * MINUTE) + 1000 if step + 1 < len(levels) else None
    verdict.write(with_timer(left, following))
    recipients = await _whom(situation, task, levels[step][1])
    minutes = passed // MINUTE
    told = communication(
        *("critical-escalated", (task["id"], step)),
        now=situation.now,
        text=f"Not acknowledged for {minutes} minutes. {minutes}分钟未确认。 {task.get('description', '')}",
        recipients=recipients,
        subject=task.get("for"),
        about=[f"Task/{task['id']}", str(literal(task.get("focus")))],
        priority="stat",
        category=concept(NOTICES, "critical-escalated", NOTICE),
    )
    if told is not None:
        verdict.write(told)


def _steps(table: Table) -> list[tuple[float, list[str]]]:
    """Minutes after the alarm, and who is told then, repetitions included."""
    levels = [(one["minutes"], list(one["to"])) for one in table["levels"]]
    last, to = levels[-1]
    return levels + [(last + table["repeat"] * number, to) for number in range(1, table["repeats"] + 1)]


async def _whom(situation: Situation, task: Resource, to: list[str]) -> list[str]:
    found: dict[str, None] = {}
    for one in to:
        for named in await _named(situation, task, one):
            found[named] = None
    return list(found)


async def _named(situation: Situation, task: Resource, what: str) -> list[str]:
    receivers = [one for one in _receivers(task) if one]
    if what == "owner":
        return [*receivers, *(one for one in [literal(task.get("owner"))] if one)]
    if what == "centre":
        return [one for one in [literal(task.get("requester"))] if one]
    if what == "parent":
        parents = []
        for one in receivers:
            above = literal(((await situation.look.read(one)) or {}).get("partOf"), "Organization")
            parents += [above] if above is not None else []
        return parents
    system, _, value = what.rpartition("|")
    found = await situation.look.search("Organization", f"identifier={token((system or None, value))}")
    return [f"Organization/{one['id']}" for one in found]


__all__ = ["CODE", "close_flag", "judge", "on_time"]
