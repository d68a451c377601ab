"""The rules of a family-doctor contract, its Consent and its promised services (``profiles/rules/contracts.yaml``)."""

from __future__ import annotations

from countyfhir.exchange import Resource
from countyfhir.workflow.contracts import ending, promised
from countyfhir.workflow.contracts.reading import (
    SERVICE,
    Table,
    claims,
    days_of,
    institutions_of,
    is_bound,
    overlap,
    period_of,
    promises,
    reason_of,
    subject_of,
    within,
)
from countyfhir.workflow.rules import Rule
from countyfhir.workflow.situation import Change, Situation, Verdict


def concerns(change: Change) -> bool:
    """A Contract or a Consent (read more closely in ``judge``), or a Task for a promised service."""
    if change.resource_type == "Task":
        told = change.after or change.before or {}
        return bool(told.get("instantiatesUri") == SERVICE)
    return change.resource_type in ("Contract", "Consent")


async def judge(situation: Situation, changes: list[Change], verdict: Verdict) -> None:
    """Refuse what cannot be, and write what follows."""
    if situation.from_intake:  # legacy records tell what was; their own service records count
        return
    table = situation.tables.table("contracts")
    for change in changes:
        if change.resource_type == "Task":
            promised.judge(situation, change, verdict)
        elif change.resource_type == "Consent":
            await _consent(situation, change, verdict, table)
        elif is_bound(change.before, table) or is_bound(change.after, table):
            await _contract(situation, change, verdict, table)


async def on_time(situation: Situation, task: Change, verdict: Verdict) -> None:
    """A promised service whose due date has come is overdue."""
    promised.on_time(situation, task, verdict)


RULE = Rule(concerns, judge, on_time)


async def _contract(situation: Situation, change: Change, verdict: Verdict, table: Table) -> None:
    after = change.after
    if after is None:
        text = "A contract is not deleted; terminate it with its reason, or mark it entered-in-error."
        verdict.refuse(change, "business-rule", f"{text} 协议不得删除，请解约并注明原因或标记误录。", "Contract")
        return
    _may_write(situation, change, verdict, table)
    _transition(change, after, verdict, table)
    if after.get("status") not in table["active"]:
        if change.before is not None and change.before.get("status") in table["active"]:
            await ending.end(situation, change, after, verdict)
        return
    if _well_made(change, after, verdict, table):
        await _only_one(situation, change, after, verdict, table)
        if not verdict.refused:
            await promised.plan(situation, change, after, verdict, table)
            await _tell_of_consent(situation, change, after, verdict)


def _may_write(situation: Situation, change: Change, verdict: Verdict, table: Table) -> None:
    """Only the institution that keeps the contract, before and after, in a role for it."""
    parties = [one for told in (change.before, change.after) if told is not None for one in [institutions_of(told)]]
    if not all(any(situation.acts_for(one) for one in named) for named in parties if named):
        text = "Only the institution that keeps the contract may write it. 仅签约机构可办理该协议。"
        verdict.refuse(change, "forbidden", text, "Contract.authority")
    elif not situation.has_role(*table["roles"]):
        text = f"This needs one of the roles {', '.join(table['roles'])}. 需要相应岗位角色。"
        verdict.refuse(change, "forbidden", text, "Contract")


def _transition(change: Change, after: Resource, verdict: Verdict, table: Table) -> None:
    status = str(after.get("status"))
    if change.before is None:
        if status not in table["begin"]:
            allowed = ", ".join(table["begin"])
            text = f"A contract begins as one of {allowed}, not {status}. 协议初始状态不合法。"
            verdict.refuse(change, "business-rule", text, "Contract.status")
        return
    earlier = str(change.before.get("status"))
    following = table["next"].get(earlier, [])
    if status != earlier and status not in following:
        allowed = ", ".join(following) or "none, it has ended"
        text = f"From {earlier} a contract cannot become {status}; possible: {allowed}. 状态变更不合法。"
        verdict.refuse(change, "business-rule", text, "Contract.status")
    elif status == earlier and not following and _content(change.before) != _content(after):
        text = "A contract that has ended is no longer changed. 已结束的协议不得修改。"
        verdict.refuse(change, "business-rule", text, "Contract")
    elif status != earlier and status in table["reason_for"] and reason_of(after) is None:
        text = (
            f"To become {status} a contract needs its reason: the extension contract-end-reason, or supportingInfo "
            "with the display '解约原因 …'. 须注明解约原因。"
        )
        verdict.refuse(change, "required", text, "Contract.extension")


def _content(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name not in ("meta", "text")}


def _well_made(change: Change, after: Resource, verdict: Verdict, table: Table) -> bool:
    """An active contract has one resident, an institution, and a term of at most some years."""
    start, end = period_of(after)
    before = len(verdict.refused)
    if subject_of(after) is None:
        text = "A family-doctor contract is of one resident. 协议须有且仅有一名签约居民。"
        verdict.refuse(change, "required", text, "Contract.subject")
    if not institutions_of(after):
        text = "A family-doctor contract names the institution that keeps it. 须注明签约机构。"
        verdict.refuse(change, "required", text, "Contract.authority")
    years = table["longest_years"]
    if end < start or end > f"{int(start[:4]) + years:04}{start[4:]}":
        text = f"The term has a first and a last day, at most {years} years apart. 签约周期须为 1 至 {years} 年。"
        verdict.refuse(change, "business-rule", text, "Contract.applies")
    if not after.get("signer"):
        text = "Nobody has signed: Contract.signer is empty. 缺少签字方。"
        verdict.warn(change, "business-rule", text, "Contract.signer")
    return len(verdict.refused) == before


async def _only_one(situation: Situation, change: Change, after: Resource, verdict: Verdict, table: Table) -> None:
    """One active contract of a resident at a time, over all the linked records of the person."""
    states = ",".join(table["active"])
    criteria = f"patient={subject_of(after)}&status={states}"
    others = await situation.look.search("Contract", criteria, bound=change.before is None)
    others += [
        one.after
        for one in situation.changes
        if one.resource_type == "Contract" and one.before is None and one.after is not None and one is not change
    ]
    for other in others:
        same = other.get("id") == change.logical_id
        if same or not is_bound(other, table) or other.get("status") not in table["active"]:
            continue
        if overlap(period_of(after), period_of(other)) and _same_person(after, other, others):
            start, end = period_of(other)
            text = (
                f"The resident has an active contract from {start} to {end} already (Contract/{other.get('id')}); "
                "terminate it, or begin after it. 该居民在此期间已有生效协议。"
            )
            verdict.refuse(change, "business-rule", text, "Contract.applies")
            return


def _same_person(one: Resource, other: Resource, found: list[Resource]) -> bool:
    """What the search found is of the person; of what the plan creates beside it, only the same reference tells."""
    return subject_of(one) == subject_of(other) or bool(other.get("meta", {}).get("versionId"))


async def _tell_of_consent(situation: Situation, change: Change, after: Resource, verdict: Verdict) -> None:
    stored = await situation.look.search("Consent", f"source-reference=Contract/{change.logical_id}&status=active")
    beside = any(
        one.resource_type == "Consent"
        and ((one.after or {}).get("sourceReference") or {}).get("reference") == change.reference
        for one in situation.changes
    )
    if not stored and not beside and any(True for _ in promises(after)):
        text = "No active Consent belongs to the contract: other institutions see nothing by it. 尚无生效的知情同意。"
        verdict.warn(change, "business-rule", text, "Contract")


async def _consent(situation: Situation, change: Change, verdict: Verdict, table: Table) -> None:
    """An active Consent of a contract: of an active one, of the same person, within its term."""
    consent = change.after
    if consent is None or consent.get("status") != "active":
        return
    reference = (consent.get("sourceReference") or {}).get("reference")
    bound = claims(consent, table["consent"]["profiles"])
    contract = await situation.look.read(reference) if str(reference or "").startswith("Contract/") else None
    if not bound and not is_bound(contract, table):
        return
    if contract is None or contract.get("status") not in table["active"]:
        text = (
            "An active consent of a family-doctor contract names a contract that is in force. 须对应生效中的签约协议。"
        )
        verdict.refuse(change, "business-rule", text, "Consent.source")
        return
    if not await _is_of(contract, consent, situation):
        text = "The consent is of another person than the contract. 知情同意与协议不是同一居民。"
        verdict.refuse(change, "business-rule", text, "Consent.patient")
    given = days_of((consent.get("provision") or {}).get("period"))
    if not within(given, period_of(contract)):
        start, end = period_of(contract)
        text = f"The consent may not go beyond the contract ({start} to {end}). 授权期限不得超出协议期限。"
        verdict.refuse(change, "business-rule", text, "Consent.provision.period")


async def _is_of(contract: Resource, consent: Resource, situation: Situation) -> bool:
    patient = (consent.get("patient") or {}).get("reference")
    if patient == subject_of(contract):
        return True
    found = await situation.look.search("Contract", f"patient={patient}&_id={contract['id']}")
    return bool(found)  # the search reaches all the linked records of a person
