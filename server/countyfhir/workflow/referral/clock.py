"""The limits of time of a referral: entry and end of the present state stand in ``Task.restriction.period``, the next
look in the timer, what has passed in a mark (DOMAIN 5.5: timers as data)."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from countyfhir.exchange import Resource
from countyfhir.workflow.referral.case import Case
from countyfhir.workflow.referral.guards import has_consent
from countyfhir.workflow.referral.reading import LOCAL, identity
from countyfhir.workflow.referral.table import HOUR
from countyfhir.workflow.timing import instant, mark_of, micros, timer_of, with_mark, with_timer

FLAG_CATEGORY = {"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "admin"}
WITHOUT_CONSENT = ("cancelled", "error")
"""States in which nobody asks for the consent any more."""


def identifier_for(task: str, purpose: str) -> str:
    """The id of what the program writes for a Task: the same when it is done again."""
    return str(uuid5(NAMESPACE_URL, f"{LOCAL}referral/{task}/{purpose}"))


def started(case: Case, task: Resource) -> Resource:
    """The Task at the entry of its state: limits from now on, no mark."""
    limits = case.table.hours(case.state, case.priority)
    restriction = {name: value for name, value in task.get("restriction", {}).items() if name != "period"}
    period = {"start": instant(case.situation.now)}
    if limits is not None:
        period["end"] = instant(case.situation.now + int(limits[1] * HOUR))
    rest = {name: value for name, value in task.items() if name != "restriction"}
    task = with_mark({**rest, "restriction": {**restriction, "period": period}}, None)
    return with_timer(task, next_look(case, task, case.situation.now))


def kept(before: Resource, after: Resource) -> Resource:
    """The Task with what the program keeps in it, where a client has left it out or changed it."""
    restriction = {name: value for name, value in after.get("restriction", {}).items() if name != "period"}
    if "period" in before.get("restriction", {}):
        restriction["period"] = before["restriction"]["period"]
    rest = {name: value for name, value in after.items() if name != "restriction"}
    after = {**rest, "restriction": restriction} if restriction else rest
    if "lastModified" in before and "lastModified" not in after:
        after = {**after, "lastModified": before["lastModified"]}
    mark, timer = mark_of(before), timer_of(before)
    after = after if mark_of(after) == mark else with_mark(after, mark)
    return after if timer_of(after) == timer else with_timer(after, timer)


def next_look(case: Case, task: Resource, now: int) -> int | None:
    """When the program looks at the Task next: the first limit that is still to come, consent included."""
    coming = [one for one in _limits(case, task) if one is not None and one > now]
    consent = consent_due(case, task)
    if consent is not None and consent > now:
        coming.append(consent)
    return min(coming, default=None)


def _limits(case: Case, task: Resource) -> tuple[int | None, ...]:
    limits = case.table.hours(case.state, case.priority)
    entered = entered_at(task)
    if limits is None or entered is None:
        return (None, None, None)
    return tuple(None if one is None else entered + int(one * HOUR) for one in limits)


def entered_at(task: Resource) -> int | None:
    """When the present state was entered, in microseconds since 1970."""
    return micros((task.get("restriction") or {}).get("period", {}).get("start"))


def consent_due(case: Case, task: Resource) -> int | None:
    """Until when an emergency needs the consent that was left for later."""
    if not case.emergency or case.state in WITHOUT_CONSENT or case.state in case.table.data["preparing"]:
        return None
    begun = micros(task.get("authoredOn")) or entered_at(task)
    return None if begun is None else begun + int(case.table.data["consent_hours"] * HOUR)


def passed(case: Case, task: Resource) -> tuple[str | None, bool]:
    """The mark that is due by now, and whether the referral is to be closed."""
    warning, overdue, close = _limits(case, task)
    now = case.situation.now
    mark = "overdue" if overdue is not None and now >= overdue else None
    mark = mark or ("warning" if warning is not None and now >= warning else None)
    return mark, close is not None and now >= close


async def flag_missing_consent(case: Case) -> None:
    """A Flag on the resident when consent has not followed in time."""
    due = consent_due(case, case.task)
    if due is None or case.situation.now < due or await has_consent(case):
        return
    flag_id = identifier_for(case.task["id"], "consent")
    if await case.situation.look.read(f"Flag/{flag_id}") is not None:
        return
    case.verdict.write(
        {
            "resourceType": "Flag",
            "id": flag_id,
            "status": "active",
            "category": [{"coding": [FLAG_CATEGORY]}],
            "code": {
                "coding": [{"system": LOCAL + "cs/referral-flag", "code": "consent-missing"}],
                "text": "急诊转诊后24小时内未补签知情同意 Consent missing after an emergency referral",
            },
            "subject": {"reference": identity(case.task.get("for"))},
            "period": {"start": instant(case.situation.now)},
            **({"author": {"reference": f"Organization/{case.requester['id']}"}} if case.requester else {}),
        }
    )
