"""What a follow-up proposes: adjustment of treatment, referral. A proposal is only that: people accept or decline it,
and it is withdrawn when the visit turns out otherwise (DOMAIN 3.7, 7.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic.codes import ACTION, ACTIONS, CRITERIA, coding, concept, is_action
from countyfhir.workflow.chronic.record import Record, codes_in, derived_id, local
from countyfhir.workflow.situation import Change
from countyfhir.workflow.timing import instant

FU = {
    "fu-1": "连续两次控制不满意 Not well controlled twice in succession",
    "fu-2": "药物不良反应难以控制 Adverse drug reaction hard to control",
    "fu-3": "出现新的并发症 New complication",
    "fu-4": "原并发症加重 Complication aggravated",
    "fu-5": "危急情况 Emergency",
}
URGENCY = ("stat", "asap", "urgent", "routine")


@dataclass(frozen=True, slots=True)
class Cause:
    """The visit (or reading) that proposes: references to it, to the Observation with its class, to the resident and
    the institution."""

    reference: str
    assessment: str
    patient: str
    encounter: str | None
    institution: Resource | None
    day: str


async def propose_adjustment(record: Record, cause: Cause, diseases: Sequence[str]) -> None:
    """Write the Task, or withdraw it when no disease needs one any more."""
    task_id = derived_id(cause.reference, "adjust-treatment")
    before = await record.read(f"Task/{task_id}")
    if not diseases:
        await _withdraw(record, before, "cancelled", ("requested",))
        return
    told: Resource = {
        "resourceType": "Task",
        "id": task_id,
        "status": "requested",
        "intent": "proposal",
        "code": concept(ACTION, "adjust-treatment", ACTIONS["adjust-treatment"]),
        "description": f"{'、'.join(diseases)}：建议调整药物（剂量、更换或增加）。Adjust dose or drugs.",
        "for": {"reference": cause.patient},
        "authoredOn": (before or {}).get("authoredOn") or instant(record.situation.now),
        "reasonReference": {"reference": cause.assessment},
    }
    _placed(told, cause)
    if cause.institution is not None:
        told["owner"] = cause.institution
    if before is None or before.get("status") in ("requested", "cancelled"):
        await record.put(told)


async def propose_referral(
    record: Record, cause: Cause, criteria: Sequence[str], priority: str, diseases: Sequence[str]
) -> None:
    """Write the ServiceRequest with the criteria, or withdraw it when none holds any more."""
    request_id = derived_id(cause.reference, "referral")
    before = await record.read(f"ServiceRequest/{request_id}")
    if not criteria:
        await _withdraw(record, before, "revoked", ("active",))
        return
    told: Resource = {
        "resourceType": "ServiceRequest",
        "id": request_id,
        "status": "active",
        "intent": "proposal",
        "priority": priority,
        "code": {
            "coding": [coding(ACTION, "referral", ACTIONS["referral"])],
            "text": f"建议转诊：{'、'.join(diseases)}",
        },
        "subject": {"reference": cause.patient},
        "authoredOn": (before or {}).get("authoredOn") or instant(record.situation.now),
        "reasonCode": [concept(CRITERIA, one, FU.get(one)) for one in criteria],
        "reasonReference": [{"reference": cause.assessment}],
    }
    _placed(told, cause)
    if before is None or before.get("status") in ("active", "revoked"):
        await record.put(told)


def is_taken_up(request: Resource) -> bool:
    """Whether a ServiceRequest is a referral for a criterion of follow-up that somebody has made."""
    if request.get("intent") == "proposal" or request.get("status") not in ("draft", "active"):
        return False
    return any(one.startswith("fu") for one in codes_in(request.get("reasonCode"), CRITERIA))


async def take_up(record: Record, change: Change) -> None:
    """The proposals that a referral answers are done."""
    patient = local((change.after or {}).get("subject"))
    if change.after is None or patient is None or not is_taken_up(change.after):
        return
    found = await record.find(
        "ServiceRequest",
        patient,
        f"code={ACTION}|referral&status=active&intent=proposal",
        lambda one: is_action(one, "referral") and one.get("status") == "active" and one.get("intent") == "proposal",
    )
    for proposal in found:
        await record.put({**proposal, "status": "completed"})


def _placed(told: Resource, cause: Cause) -> None:
    if cause.encounter is not None:
        told["encounter"] = {"reference": cause.encounter}
    if cause.institution is not None:
        told["requester"] = cause.institution


async def _withdraw(record: Record, before: Resource | None, status: str, untouched: Sequence[str]) -> None:
    if before is not None and before.get("status") in untouched:
        await record.put({**before, "status": status})
