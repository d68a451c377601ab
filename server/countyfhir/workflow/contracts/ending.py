"""When a contract ends, what hangs on it ends in the same commit: consents, team, coverage, promised services."""

from __future__ import annotations

from countyfhir.exchange import Resource
from countyfhir.workflow.contracts.reading import SERVICE, related
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import instant, with_mark, with_timer

OPEN = ("draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold")


async def end(situation: Situation, change: Change, contract: Resource, verdict: Verdict) -> None:
    """Write the consents inactive, the team and the coverage ended, the open services cancelled."""
    look, today = situation.look, instant(situation.now)[:10]
    for consent in await look.search("Consent", f"source-reference=Contract/{change.logical_id}&status=active"):
        verdict.write({**consent, "status": "inactive"})
    for reference in related(contract, "CareTeam"):
        team = await look.read(reference)
        if team is not None and team.get("status") == "active":
            period = dict(team.get("period", {}))
            period["end"] = max(today, str(period.get("start", today)))  # one that has not begun ends as it begins
            verdict.write({**team, "status": "inactive", "period": period})
    for reference in related(contract, "Coverage"):
        coverage = await look.read(reference)
        if coverage is not None and coverage.get("status") == "active":
            verdict.write({**coverage, "status": "cancelled"})
    criteria = f"focus=Contract/{change.logical_id}&status={','.join(OPEN)}"
    for task in await look.search("Task", criteria):
        if task.get("instantiatesUri") == SERVICE:
            verdict.write(cancelled(task, "The contract has ended 协议已结束", situation.now))


def cancelled(task: Resource, why: str, now: int) -> Resource:
    """A promised service that will not be given."""
    closed = with_mark(with_timer(task, None), None)
    return {**closed, "status": "cancelled", "statusReason": {"text": why}, "lastModified": instant(now)}
