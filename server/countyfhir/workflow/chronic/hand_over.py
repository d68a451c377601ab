"""Hand-over of a resident between the tiers: a Task for the institution that should take over; when it has completed
it, the resident's entries in the registers are its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic.codes import ACTION, ACTIONS, STABILITIES, TIER, TIERS, coding, concept, is_action
from countyfhir.workflow.chronic.days import plus_days, start_of, today
from countyfhir.workflow.chronic.next_visit import OPEN, cancelled
from countyfhir.workflow.chronic.record import Record, codes_in, derived_id, local
from countyfhir.workflow.chronic.registers import episodes_of
from countyfhir.workflow.situation import Change
from countyfhir.workflow.timing import instant, with_mark, with_timer

Table = Mapping[str, Any]
_RANK = {"village": 0, "township": 1, "county": 2}
_HIGHEST = 6


def tier_of(organization: Resource | None) -> str | None:
    """village, township or county."""
    return next(iter(codes_in((organization or {}).get("type"), TIER)), None)


async def hand_over(
    record: Record,
    patient: str,
    episodes: Sequence[Resource],
    present: str | None,
    wanted: str,
    stability: str,
    registers: Table,
) -> None:
    """Write the Task where another tier should take over, and call off one that should not any more."""
    now = record.situation.now
    before = await record.find(
        "Task",
        patient,
        f"code={ACTION}|hand-over&status={','.join(OPEN)}",
        lambda one: is_action(one, "hand-over") and one.get("status") in OPEN,
    )
    right = [one for one in before if wanted_tier(one) == wanted]
    for one in before:
        if one not in right or present == wanted:
            await record.put(cancelled(one, "管理层级已变化 The tier is another by now", now))
    here = next((told for one in episodes if (told := one.get("managingOrganization"))), None)
    if present is None or present == wanted or right or here is None:
        return
    day = today(now)
    task: Resource = {
        "resourceType": "Task",
        "id": derived_id(patient, "hand-over", present, wanted, str(now)),
        "status": "requested",
        "intent": "proposal",
        "code": concept(ACTION, "hand-over", ACTIONS["hand-over"]),
        "description": f"病情{STABILITIES.get(stability, stability)}：由{TIERS[present]}转{TIERS[wanted]}管理",
        "focus": {"reference": f"EpisodeOfCare/{episodes[0]['id']}"},
        "for": {"reference": patient},
        "authoredOn": instant(now),
        "lastModified": instant(now),
        "requester": here,
        "performerType": [{"text": TIERS[wanted]}],
        "restriction": {"period": {"start": day, "end": plus_days(day, int(registers["hand_over_days"]))}},
        "input": [{"type": {"text": "管理层级 Tier"}, "valueCoding": coding(TIER, wanted, TIERS[wanted])}],
    }
    target = await institution_of_tier(record, patient, here, wanted)
    if target is not None:
        task["owner"] = {"reference": target}
    overdue = start_of(plus_days(day, int(registers["hand_over_days"]) + 1))
    await record.put(with_timer(task, overdue))


def wanted_tier(task: Resource) -> str | None:
    """The tier that a hand-over leads to."""
    codings = (one.get("valueCoding", {}) for one in task.get("input", ()))
    return next((str(one.get("code")) for one in codings if one.get("system") == TIER), None)


async def institution_of_tier(record: Record, patient: str, here: Resource, wanted: str) -> str | None:
    """The institution of a tier that belongs to the resident: upwards from the one that looks after them by what it is
    part of and whom it is affiliated to; downwards the resident's own."""
    resident = await record.read(patient)
    starts = [local((resident or {}).get("managingOrganization")), local(here)]
    for start in starts:
        reference, seen = start, 0
        while reference is not None and seen < _HIGHEST:
            organization = await record.read(reference)
            tier = tier_of(organization)
            if tier == wanted:
                return reference
            if tier is not None and _RANK[tier] > _RANK[wanted]:
                break
            reference = local((organization or {}).get("partOf")) or await _lead_of(record, reference)
            seen += 1
    return None


async def _lead_of(record: Record, reference: str) -> str | None:
    found = await record.situation.look.search(
        "OrganizationAffiliation", f"participating-organization={reference}&active=true"
    )
    return next((lead for one in found if (lead := local(one.get("organization"))) is not None), None)


async def judge_hand_over(record: Record, change: Change, registers: Table) -> None:
    """Only the institution that is asked accepts, completes or rejects (with a reason); done, it keeps the entries."""
    after, before = change.after, change.before
    if after is None or before is None or after.get("status") == before.get("status"):
        return
    situation, verdict, status = record.situation, record.verdict, after.get("status")
    owner = local(after.get("owner"))
    if status in ("accepted", "completed", "rejected") and owner is not None and not situation.acts_for(owner):
        text = "Only the institution that is to take over answers a hand-over. 只有接收机构可以答复层级交接。"
        verdict.refuse(change, "forbidden", text, "Task.status")
        return
    if status == "rejected" and not (after.get("statusReason") or {}).get("text"):
        verdict.refuse(change, "required", "Say why it is rejected. 拒绝交接须写明原因。", "Task.statusReason")
        return
    if status == "completed" and owner is None:
        verdict.refuse(change, "required", "Name who takes over. 请写明接收机构。", "Task.owner")
        return
    if status in OPEN:
        return
    await record.put(with_mark(with_timer(after, None), None))
    patient, tier = local(after.get("for")), wanted_tier(after)
    if status == "completed" and patient is not None and tier is not None:
        for episode in await episodes_of(record, patient):
            kept = [one for one in episode.get("type", ()) if not codes_in(one, TIER)]
            told = {**episode, "type": [*kept, concept(TIER, tier, TIERS[tier])]}
            await record.put({**told, "managingOrganization": after["owner"]})
