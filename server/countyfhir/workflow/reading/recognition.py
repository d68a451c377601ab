"""Mutual recognition 检查检验结果互认 at order time: it warns and asks; the clinician decides, the decision is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from countyfhir.exchange import Resource
from countyfhir.workflow.reading.clock import Kind
from countyfhir.workflow.reading.equivalence import DAY, SEARCHED, days_for, made_at, recent, wanted_by
from countyfhir.workflow.reading.matching import organization_of
from countyfhir.workflow.reading.notices import communication, task
from countyfhir.workflow.reading.reading import (
    RECOGNITION,
    literal,
    named_id,
    notice_type,
    of_code,
    put_on,
)
from countyfhir.workflow.situation import Change, Situation, Verdict
from countyfhir.workflow.timing import instant

CODE = "recognition"
MOST_NAMED = 5
Table = Mapping[str, Any]


async def judge_order(situation: Situation, change: Change, verdict: Verdict, order: Resource, kind: Kind) -> None:
    """Hold decisions to their form; warn of recent equivalent results; a Task asks until each has its decision."""
    if situation.from_intake:
        return
    made = dict(decisions(order))
    for result, (decision, reason) in made.items():
        await _check(situation, change, verdict, order, result, decision, reason)
    if order.get("status") not in ("draft", "active", "on-hold") and change.before is None and not made:
        return
    earlier = await situation.look.read(f"Task/{named_id(CODE, order['id'])}")
    found = (
        []
        if change.before is not None and earlier is None and _same_code(change)
        else await _found(situation, order, kind)
    )
    if not found and earlier is None and not made:
        return
    open_ones = [one for one in found if _name(one) not in made]
    if open_ones and (change.before is None or not _same_code(change)):
        _warn(change, verdict, open_ones, situation.now)
    await _ask(situation, verdict, order, found, made, earlier)


def decisions(order: Resource) -> Iterator[tuple[str, tuple[str, str]]]:
    """``Type/id`` of each earlier result that was decided on -> decision and reason."""
    for one in order.get("extension", ()):
        if one.get("url") == RECOGNITION:
            parts = {each.get("url"): each for each in one.get("extension", ())}
            result = literal((parts.get("result") or {}).get("valueReference"))
            decision = ((parts.get("decision") or {}).get("valueCoding") or {}).get("code")
            if result is not None and decision:
                yield result, (decision, str((parts.get("reason") or {}).get("valueString", "")))


async def _check(
    situation: Situation, change: Change, verdict: Verdict, order: Resource, result: str, decision: str, reason: str
) -> None:
    place = "ServiceRequest.extension"
    if decision not in ("recognised", "declined"):
        verdict.refuse(change, "code-invalid", "A result is recognised or declined. 决定须为互认或不互认。", place)
    elif decision == "declined" and not reason.strip():
        verdict.refuse(change, "business-rule", "A declined earlier result says why. 不互认既往结果须写明原因。", place)
    earlier = await situation.look.read(result)
    if earlier is None:
        verdict.refuse(change, "not-found", f"The earlier result {result} is not here. 查无所引既往结果。", place)
        return
    subject, own = literal(earlier.get("subject"), "Patient"), literal(order.get("subject"), "Patient")
    if subject is None or own is None:
        return
    if subject.partition("/")[2] not in await situation.look.persons([own.partition("/")[2]]):
        text = "The earlier result is of another person. 所引既往结果不属于该居民。"
        verdict.refuse(change, "conflict", text, place)


def _same_code(change: Change) -> bool:
    before, after = change.before or {}, change.after or {}
    return before.get("code") == after.get("code") and before.get("subject") == after.get("subject")


async def _found(situation: Situation, order: Resource, kind: Kind) -> list[Resource]:
    patient = literal(order.get("subject"), "Patient")
    if patient is None:
        return []
    table = situation.tables.table("reading")
    since = situation.now - days_for(kind.name, table) * DAY
    wanted, told = wanted_by(order), []
    codes = ",".join(quote(f"{system}|{code}", safe="") for system, code in sorted(wanted.codes))
    for resource_type, dated in SEARCHED:
        criteria = f"subject={patient}&{dated}=ge{quote(instant(since - DAY), safe='')}"
        if resource_type == "Observation":
            if not codes:
                continue  # Observations are found by their code
            criteria += f"&code={codes}"
        found = await situation.look.search(resource_type, criteria)
        told += [one for one in found if one not in told]
    name = f"ServiceRequest/{order['id']}"
    told = [one for one in told if all(literal(each) != name for each in one.get("basedOn", ()))]
    return await situation.look.shown(recent(told, wanted, since, table["recognition"]["statuses"]))


def _warn(change: Change, verdict: Verdict, found: list[Resource], now: int) -> None:
    listed = ", ".join(f"{_name(one)} ({_when(one)})" for one in found[:MOST_NAMED])
    text = f"There are recent results of this examination: {listed}. Recognise or decline them."
    verdict.warn(change, "duplicate", f"{text} 该居民近期已有同类检查检验结果，请决定是否互认。", "ServiceRequest.code")


def _when(result: Resource) -> str:
    moment = made_at(result)
    return instant(moment)[:10] if moment is not None else ""


def _name(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


async def _ask(
    situation: Situation,
    verdict: Verdict,
    order: Resource,
    found: list[Resource],
    made: dict[str, tuple[str, str]],
    earlier: Resource | None,
) -> None:
    """The Task that lists the recent results; it is completed when each has its decision."""
    asker = await organization_of(situation, order.get("requester")) or literal(order.get("requester"))
    now, subject = situation.now, order.get("subject")
    text = "Recognise or decline the recent results. 请决定近期结果是否互认。"
    left = earlier or task(
        *(CODE, (order["id"],)),
        now=now,
        focus=f"ServiceRequest/{order['id']}",
        owner=asker,
        requester=None,
        subject=subject,
        text=text,
    )
    listed = {literal(one.get("valueReference")) for one in of_code(left, "input", "result")}
    for name in dict.fromkeys([*(_name(one) for one in found), *made]):
        if name not in listed:
            value = {"type": notice_type("result"), "valueReference": {"reference": name}}
            left = {**left, "input": [*left.get("input", ()), value]}
            listed.add(name)
    if made:
        left = put_on(left, "output", "decision", {"valueCode": _overall(made)})
    over = order.get("status") in ("revoked", "entered-in-error", "completed")
    if listed <= set(made) or (over and left["status"] == "requested"):
        status = "completed" if listed <= set(made) else "cancelled"
        why = {} if status == "completed" else {"statusReason": {"text": "The order ended. 申请已终止。"}}
        left = {**left, "status": status, **why, "lastModified": instant(now)}
    if left != earlier:
        verdict.write(left)
    await _deliver(situation, verdict, order, made, asker, left)


def _overall(made: dict[str, tuple[str, str]]) -> str:
    return "recognised" if any(decision == "recognised" for decision, _ in made.values()) else "declined"


async def _deliver(
    situation: Situation,
    verdict: Verdict,
    order: Resource,
    made: dict[str, tuple[str, str]],
    asker: str | None,
    left: Resource,
) -> None:
    """Who recognises a result has received it: a correction of it will be told there, too."""
    for name, (decision, _) in made.items():
        if decision != "recognised" or asker is None:
            continue
        told = communication(
            *("report", ("recognised", order["id"], name)),
            now=situation.now,
            text="Recognised earlier result 互认既往结果",
            recipients=[asker],
            subject=order.get("subject"),
            about=[f"ServiceRequest/{order['id']}", name],
            content=name,
        )
        if told is not None and await situation.look.read(f"Communication/{told['id']}") is None:
            verdict.write(told)


def judge_task(situation: Situation, change: Change, verdict: Verdict) -> None:
    """The Task follows the order: decisions are made there."""
    before, after = change.before, change.after
    if before is None or after is None or after.get("status") == before.get("status"):
        return
    if after.get("status") in ("completed", "cancelled", "rejected", "failed"):
        text = "Recognise or decline in the order (extension recognition); this Task follows it."
        verdict.refuse(change, "business-rule", f"{text} 请在申请单上填写互认决定。", "Task.status")
