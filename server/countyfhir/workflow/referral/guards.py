"""The guards of the steps (DOMAIN 5.5): each says by the Verdict what is missing, in English and Chinese."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.formulary import drug_of, formulary_of, listed, name_of
from countyfhir.workflow.referral.agreement import covered, in_force
from countyfhir.workflow.referral.case import Case, bound, consent_data
from countyfhir.workflow.referral.parties import line_of, organization_of, tier_of
from countyfhir.workflow.referral.reading import (
    CRITERIA,
    ESCORT,
    EXCEPTION,
    criteria_of,
    extension,
    identity,
    is_slip,
    parts_of,
    sections,
    state_of,
    type_of,
)

Guard = Callable[[Case], Awaitable[None]]


async def consent(case: Case) -> None:
    """(1) An active Consent of the resident for this referral; in an emergency it may follow."""
    if case.emergency or await has_consent(case):
        return
    case.refuse(
        "business-rule",
        "The resident's consent is missing: an active Consent whose provision.data names the ServiceRequest.",
        "缺少患方知情同意：须有生效的 Consent，其 provision.data 指向本转诊申请。",
        "Task.focus",
    )


async def has_consent(case: Case) -> bool:
    """Whether an active Consent of the resident covers the referral."""
    name = case.request_reference
    if name is None:
        return False
    found = await case.situation.look.search("Consent", f"data={name}&status=active")
    named = [one for one in case.referred() if type_of(one) == "Consent"]
    found += [one for one in [await case.read(each) for each in named] if one is not None]
    found += [
        one.after for one in case.situation.changes if one.after is not None and one.resource_type == "Consent"
        if any(identity(each.get("reference")) == name for each in consent_data(one.after))
    ]  # fmt: skip
    return any([await _valid(one, case) for one in found])


async def _valid(one: Resource, case: Case) -> bool:
    provision = one.get("provision") or {}
    if one.get("status") != "active" or provision.get("type") == "deny":
        return False
    if not in_force(provision.get("period"), case.situation.now):
        return False
    return await case.same_person(one.get("patient"), case.task.get("for"))


async def criteria(case: Case) -> None:
    """(2) At least one criterion of the direction, none of the other."""
    request, direction = case.request or {}, case.direction or "up"
    rule = case.table.data["criteria"][direction]
    allowed = (case.situation.look.below(CRITERIA, rule["below"]) or frozenset()) - {*rule["headings"]}
    if not allowed & {*criteria_of(request)}:
        word = {"up": "上转", "down": "下转"}[direction]
        case.refuse(
            "business-rule",
            f"ServiceRequest.reasonCode needs a criterion of referral {direction}: {', '.join(sorted(allowed))}.",
            f"转诊原因须有至少一项{word}指征。",
            "Task.focus",
        )


async def carried(case: Case) -> None:
    """(2) What goes along: prior data upward; results, plan, rehabilitation and drugs, with the slip, downward."""
    if case.direction == "down":
        await _carried_down(case)
        return
    rule = case.table.data["carried"]["up"]
    along = {type_of(one) for one in case.referred()} & set(rule["types"])
    if not along and not (case.request or {}).get("note"):
        case.refuse(
            "business-rule",
            "Prior diagnosis and treatment go along: ServiceRequest.supportingInfo, Task.input, or a note at least.",
            "上转须随附前期诊疗信息（supportingInfo、Task.input，至少 note）。",
            "Task.focus",
        )


async def _carried_down(case: Case) -> None:
    slips = [one for one in await compositions(case) if is_slip(one)]
    if not slips:
        case.refuse(
            "business-rule",
            "The slip (final Composition, title 回转) is attached before sending, in ServiceRequest.supportingInfo.",
            "下转发出前须附回转单（Composition，标题含“回转”，状态 final）。",
            "Task.focus",
        )
    titles = [one.get("title", "") for slip in slips for one in sections(slip) if _filled(one)]
    types = {type_of(one) for one in case.referred()}
    missing = []
    for name, rule in case.table.data["carried"]["down"].items():
        there = bool(types & set(rule["types"])) or any(word in each for word in rule["titles"] for each in titles)
        if not there and not (name == "rehabilitation" and await _rehabilitates(case)):
            missing.append(rule)
    if missing:
        english = ", ".join(one["english"] for one in missing)
        chinese = "、".join(one["chinese"] for one in missing)
        text = f"A referral downward carries results, plan, rehabilitation guidance and drugs; missing: {english}."
        said = f"下转须附检查结果、后续治疗方案、康复指导和目前用药，缺：{chinese}。"
        case.refuse("business-rule", text, said, "Task.focus")
    await _available(case, slips)


async def compositions(case: Case, *names: str) -> list[Resource]:
    """The Compositions that go along, and those of ``Task.output`` when ``names`` has it."""
    references = [*case.referred(), *(one for name in names for one in parts_of(case.task, name))]
    wanted = {identity(one): one for one in references if type_of(one) == "Composition"}
    return [one for one in [await case.read(each) for each in wanted.values()] if one is not None]


def _filled(section: dict[str, Any]) -> bool:
    return bool(section.get("entry") or (section.get("text") or {}).get("div") or section.get("section"))


async def _rehabilitates(case: Case) -> bool:
    for one in case.referred():
        if type_of(one) in ("CarePlan", "Communication") and "康复" in str(await case.read(one)):
            return True
    return False


async def _available(case: Case, slips: list[Resource]) -> None:
    """Warns of drugs that the target has not, or of which nobody knows."""
    entries = [entry for slip in slips for one in sections(slip) for entry in one.get("entry", ())]
    references = [*case.referred(), *entries]
    wanted = {identity(one): one for one in references if (type_of(one) or "").startswith("Medication")}
    read = [await case.read(one) for one in wanted.values()]
    drugs = [await drug_of(one, case.situation.look) for one in read if one is not None]
    if case.receiver is None or not any(drugs):
        return
    line = {f"Organization/{one['id']}" for one in await line_of(case.receiver, case.situation.look)}
    own = await formulary_of({f"Organization/{case.receiver['id']}"}, case.situation.look)
    lists = own or await formulary_of(line, case.situation.look)
    absent = [name_of(one) for one in drugs if one and not await listed(one, lists, case.situation.look)]
    if not absent:
        return
    names = "、".join(dict.fromkeys(absent))
    if lists:
        case.warn(f"Not in the drug list of the target: {names}.", f"接收机构药品目录中没有：{names}。", "Task.focus")
    else:
        text = f"The target has no drug list here; its stock of these is unknown: {names}."
        case.warn(text, f"接收机构未提供药品目录，无法确认是否有药：{names}。", "Task.focus")


async def agreement(case: Case) -> None:
    """(3) An agreement in force between the two institutions, or a reason for going outside of them."""
    if case.requester is None or case.receiver is None:
        case.refuse(
            "business-rule",
            "Task.requester and Task.owner must lead to the two Organizations.",
            "须写明转出机构（requester）与转入机构（owner）。",
            "Task.owner" if case.receiver is None else "Task.requester",
        )
        return
    reason = (extension(case.request or {}, EXCEPTION) or {}).get("valueString")
    if reason or await covered(case.requester, case.receiver, case.situation):
        return
    case.refuse(
        "business-rule",
        "The target is outside of the agreements in force (OrganizationAffiliation, Contract); "
        "extension agreement-exception with the reason is needed.",
        "转入机构不在有效的双向转诊协议内；须填写协议外转诊原因（agreement-exception）。",
        "Task.owner",
    )


async def tiers(case: Case) -> None:
    """(7) Upward goes to no lower tier, downward to no higher; a village refers through its township."""
    if case.requester is None or case.receiver is None:
        return
    rules = case.table.data["tiers"]
    from_tier, to_tier = tier_of(case.requester, case.table), tier_of(case.receiver, case.table)
    if from_tier not in rules["order"] or to_tier not in rules["order"]:
        return
    rise = rules["order"].index(to_tier) - rules["order"].index(from_tier)
    if (rise < 0 and case.direction == "up") or (rise > 0 and case.direction == "down"):
        text = f"A referral {case.direction} does not go from a {from_tier} to a {to_tier}."
        case.refuse("business-rule", text, "转诊方向与两机构的层级不符。", "Task.owner")
    via = rules["via"].get(from_tier)
    if case.direction == "up" and via is not None and to_tier != via and rise > 0 and not case.emergency:
        text = f"A {from_tier} clinic refers upward through its {via} hospital, unless in an emergency (stat)."
        case.refuse("business-rule", text, "村卫生室上转须经乡镇卫生院，急诊（stat）除外。", "Task.owner")


async def escort(case: Case) -> None:
    """(B10) Someone goes with an emergency patient upward."""
    if case.emergency and case.direction == "up" and extension(case.request or {}, ESCORT) is None:
        text = "An emergency patient is sent with an escort; name the person in the extension escort."
        case.warn(text, "急危重患者上送须派专人护送，请填写护送人员（escort）。", "Task.focus")


async def children(case: Case) -> None:
    """(8) Referrals that go on from this one are ended first."""
    for one in await children_of(case):
        if not case.table.ended(state_of(one)):
            text = f"Task/{one['id']}, which goes on from this referral, is still open."
            case.refuse("business-rule", text, "由本次转诊继续上转的转诊尚未结束。")


async def children_of(case: Case) -> list[Resource]:
    """The referral Tasks that are part of this one."""
    name = f"Task/{case.task['id']}"
    found = await case.situation.look.search("Task", f"part-of={name}")
    planned = [one.after for one in case.situation.changes if one.resource_type == "Task" and one.after is not None]
    both = {one["id"]: one for one in [*found, *planned]}
    latest = [case.verdict.resources.get(("Task", name), one) for name, one in both.items()]
    return [
        one for one in latest
        if bound(one, case.table) and any(identity(each) == name for each in one.get("partOf", ()))
    ]  # fmt: skip


async def slip(case: Case) -> None:
    """A referral is completed with its slip only (回转单), which names this referral or one that goes on from it."""
    requests = {case.request_reference} | {identity(one.get("focus")) for one in await children_of(case)}
    for one in await compositions(case, "output"):
        if not is_slip(one) or not await case.same_person(one.get("subject"), case.task.get("for")):
            continue
        if case.direction != "down" and await _by_requester_alone(one, case):
            continue
        named = {identity(each) for event in one.get("event", ()) for each in event.get("detail", ())}
        named = {each for each in named if (each or "").startswith("ServiceRequest/")}
        if not named or named & requests:
            return
    case.refuse(
        "business-rule",
        "The return slip is missing: Task.output refers to a final Composition (LOINC 57133-1, title 回转) "
        "of this resident by the receiver, whose event.detail names this ServiceRequest.",
        "缺少回转单：Task.output 须引用转入机构书写的本患者回转单（标题含“回转”，event.detail 指向本转诊）。",
        "Task.output",
    )


async def _by_requester_alone(slip: Resource, case: Case) -> bool:
    """Whether the institution that referred upward would answer itself: the receiver writes the slip."""
    named = [slip.get("custodian"), *slip.get("author", ())]
    known = [await organization_of(one, case.situation.look) for one in named if one is not None]
    authors = {one["id"] for one in known if one is not None}
    return case.requester is not None and authors == {case.requester["id"]}


async def slip_wanted(case: Case) -> None:
    """At ``returning`` the slip is looked for, and its absence told."""
    if not any(is_slip(one) for one in await compositions(case, "output")):
        text = "No return slip is attached yet (Task.output); the referral cannot be completed without it."
        case.warn(text, "尚未附回转单；没有回转单不能完成转诊。", "Task.output")


async def follow_up(case: Case) -> None:
    """A referral downward is completed with the first follow-up (首次随访) in ``Task.output``."""
    wanted = set(case.table.data["follow_up_types"]) - {"Composition"}
    found = {type_of(one) for one in parts_of(case.task, "output")}
    notes = [one for one in await compositions(case, "output") if not is_slip(one)]
    if not found & wanted and not notes:
        case.refuse(
            "business-rule",
            f"The first follow-up is missing: Task.output refers to it ({', '.join(sorted(wanted))}).",
            "下转完成须有首次随访记录（Task.output）。",
            "Task.output",
        )


GUARDS: Mapping[str, Guard] = {
    "consent": consent,
    "criteria": criteria,
    "carried": carried,
    "agreement": agreement,
    "tiers": tiers,
    "escort": escort,
    "children": children,
    "slip": slip,
    "follow-up": follow_up,
}
"""The names in ``rules/referral.yaml`` and what they check."""
