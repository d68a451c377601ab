"""The rule of critical values (``profiles/rules/critical-values.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.critical import acknowledging, findings
from countyfhir.workflow.critical.alarms import CODE, DETAIL, FLAG, asker_for, raise_alarm, task_id, tell_corrected
from countyfhir.workflow.critical.findings import Finding, watched
from countyfhir.workflow.reading.holding import is_held
from countyfhir.workflow.reading.matching import centre_of
from countyfhir.workflow.reading.reading import TASKS, coded, literal
from countyfhir.workflow.rules import Rule
from countyfhir.workflow.situation import Change, Situation, Verdict

Table = Mapping[str, Any]


def concerns(change: Change) -> bool:
    """An Observation with a code or an interpretation that is looked for, before or after; a report; a Flag of ours; a
    Task of ours."""
    kind = change.resource_type
    if kind == "Observation":
        before, after = change.before, change.after
        return (after is not None and watched.catches(after)) or (before is not None and watched.catches(before))
    if kind == "DiagnosticReport":
        return change.after is not None
    told = change.after or change.before
    return coded(told, TASKS) == CODE if kind == "Task" else _is_critical_flag(told)


def _is_critical_flag(flag: Resource | None) -> bool:
    categories = (flag or {}).get("category", ())
    return any(
        one.get("system") == FLAG and one.get("code") == CODE for each in categories for one in each.get("coding", ())
    )


async def judge(situation: Situation, changes: list[Change], verdict: Verdict) -> None:
    """Raise what is critical, once; hold acknowledgements to their rules."""
    table = situation.tables.table("critical-values")
    watched.learn(table)
    for change in changes:
        kind = change.resource_type
        if kind == "Observation":
            await _observation(situation, change, verdict, table)
        elif kind == "DiagnosticReport":
            await _report(situation, change, verdict, table)
        elif kind == "Flag":
            await _flag(situation, change, verdict, table)
        elif not situation.from_intake:
            acknowledging.judge(situation, change, verdict, table)
            if not verdict.refused:
                await acknowledging.close_flag(situation, verdict, change)


async def on_time(situation: Situation, change: Change, verdict: Verdict) -> None:
    """Nobody has acknowledged it."""
    task = verdict.latest(change)
    if task is not None:
        await acknowledging.on_time(situation, task, verdict, situation.tables.table("critical-values"))


RULE = Rule(concerns, judge, on_time)


async def _observation(situation: Situation, change: Change, verdict: Verdict, table: Table) -> None:
    after = verdict.latest(change)
    finding = None
    if after is not None and watched.catches(after):
        finding = findings.of_observation(after, await _patient(situation, after, table), table)
    if change.before is not None:
        await _corrected(situation, change, verdict, finding, table)
    if finding is None or after is None:
        return
    if not findings.too_old(after, situation.now, situation.from_intake, table):
        await _raise(situation, verdict, finding, after, table)


async def _raise(situation: Situation, verdict: Verdict, finding: Finding, about: Resource, table: Table) -> None:
    owner, orders = await asker_for(situation, verdict, about)
    centre = await centre_of(situation, about)
    await raise_alarm(
        situation,
        verdict,
        finding,
        about,
        owner=owner,
        centre=centre,
        based_on=orders,
        subject=about.get("subject"),
        table=table,
    )


async def _corrected(
    situation: Situation, change: Change, verdict: Verdict, finding: Finding | None, table: Table
) -> None:
    before, after = change.before, change.after
    assert before is not None
    was = findings.of_observation(before, await _patient(situation, before, table), table)
    if was is not None and (finding is None or finding.key != was.key):
        whom = literal(before.get("subject"), "Patient") or before["id"]
        await tell_corrected(situation, verdict, (whom, *was.key), after or before)


async def _patient(situation: Situation, observation: Resource, table: Table) -> Resource | None:
    """Whose value it is, where that decides."""
    if observation["resourceType"] == "Observation" and not findings.asks_whose(observation, table):
        return None
    return await situation.look.read(literal(observation.get("subject"), "Patient"))


async def _report(situation: Situation, change: Change, verdict: Verdict, table: Table) -> None:
    """The report as the reading centres' rule leaves it: its flag, and the Observations it contains."""
    known = verdict.known.get(change.key)
    report = verdict.resources.get(known) if known is not None else verdict.latest(change)
    if report is None or is_held(report) or findings.too_old(report, situation.now, situation.from_intake, table):
        return
    before = change.before if known is None else await situation.look.read(f"{known[0]}/{known[1]}")
    whom = literal(report.get("subject"), "Patient") or report["id"]
    now_critical = {finding.key: finding for finding in await _of_report(situation, report, table)}
    if before is not None:
        for was in await _of_report(situation, before, table):
            if was.key not in now_critical:
                await tell_corrected(situation, verdict, (whom, *was.key), report)
    results = {literal(one, "Observation") for one in report.get("result", ())}
    own = [
        one for one in verdict.resources.values() if coded(one, TASKS) == CODE and literal(one.get("focus")) in results
    ]
    for finding in now_critical.values():
        if finding.key[0] == "report" and own:
            continue  # the value that the flag means has raised its own alarm
        await _raise(situation, verdict, finding, report, table)


async def _of_report(situation: Situation, report: Resource, table: Table) -> list[Finding]:
    flagged = findings.of_report(report, table)
    found = [Finding(flagged.text, ("report", report["id"]))] if flagged is not None else []
    contained = [one for one in report.get("contained", ()) if one.get("resourceType") == "Observation"]
    if contained:
        patient = await _patient(situation, report, table)
        for one in contained:
            value = findings.of_observation(
                {"id": f"{report['id']}#{one.get('id')}", **_dated(one, report)}, patient, table
            )
            found += [value] if value is not None else []
    return found


def _dated(observation: Resource, report: Resource) -> Resource:
    """A contained Observation with the time of its report where it has none of its own."""
    times: Resource = {name: report[name] for name in ("effectiveDateTime", "issued") if name in report}
    return times | observation


async def _flag(situation: Situation, change: Change, verdict: Verdict, table: Table) -> None:
    """A centre's Flag of a critical value is an alarm like any other."""
    flag = change.after
    if flag is None or change.before is not None or flag.get("status") != "active" or situation.from_intake:
        return
    details = (literal(one.get("valueReference")) for one in flag.get("extension", ()) if one.get("url") == DETAIL)
    about = await situation.look.read(next(details, None))
    if about is not None and any(
        coded(one, TASKS) == CODE and literal(one.get("focus")) == f"{about['resourceType']}/{about['id']}"
        for one in (*verdict.resources.values(), *await _alarms(situation, about))
    ):
        return
    text = str((flag.get("code") or {}).get("text") or "Critical value 危急值")
    owner, orders = await asker_for(situation, verdict, about or {**flag, "resourceType": "Flag"})
    await raise_alarm(
        situation,
        verdict,
        Finding(text, ("flag", flag["id"])),
        flag,
        owner=owner,
        centre=literal(flag.get("author"), "Organization"),
        based_on=orders,
        subject=flag.get("subject"),
        table=table,
    )


async def _alarms(situation: Situation, about: Resource) -> list[Resource]:
    return await situation.look.search("Task", f"focus={about['resourceType']}/{about['id']}&code={CODE}")


__all__ = ["RULE", "task_id"]
