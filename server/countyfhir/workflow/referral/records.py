"""What is written with a step: who made it and when (Provenance, the stamp as its signature), and the follow-up after
the return (转后随访)."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.referral.case import Case
from countyfhir.workflow.referral.clock import identifier_for
from countyfhir.workflow.referral.reading import BEFORE, KIND, STATE, identity
from countyfhir.workflow.referral.table import HOUR, NAMES
from countyfhir.workflow.timing import instant, with_timer

VERIFICATION = {
    "system": "urn:iso-astm:E1762-95:2013",
    "code": "1.2.840.10065.1.12.1.5",
    "display": "Verification Signature",
}
"""The stamp of the referral office (医政办盖章)."""
AUTHOR = {"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "author"}
ASSEMBLER = {**AUTHOR, "code": "assembler"}


async def record(case: Case, before: str | None) -> None:
    """The Provenance of a step: target the Task and the request, activity the state that is entered."""
    version = ((case.change.before or {}).get("meta") or {}).get("versionId", "0")
    if case.change.resource_type != "Task":
        stored = await case.situation.look.read(f"Task/{case.task['id']}") or {}
        version = (stored.get("meta") or {}).get("versionId", "0")
    moment = instant(case.situation.now)
    agent = await _agent(case)
    told: Resource = {
        "resourceType": "Provenance",
        "id": identifier_for(case.task["id"], f"{version}/{before}/{case.state}"),
        "target": [{"reference": f"Task/{case.task['id']}"}],
        "occurredDateTime": moment,
        "recorded": moment,
        "activity": {
            "coding": [{"system": STATE, "code": case.state, "display": NAMES[case.state]}],
            "text": f"{before or '-'} -> {case.state}",
        },
        "agent": [agent],
    }
    if before is not None:
        told["extension"] = [{"url": BEFORE, "valueCode": before}]
        told["entity"] = [{"role": "revision", "what": {"reference": f"Task/{case.task['id']}/_history/{version}"}}]
    if case.request_reference is not None:
        told["target"].append({"reference": case.request_reference})
    if case.step.reason and "statusReason" in case.task:
        told["reason"] = [case.task["statusReason"]]
    if case.step.stamp:
        told["signature"] = [_signature(case) or {"type": [VERIFICATION], "when": moment, "who": agent["who"]}]
    case.verdict.write(told)


async def _agent(case: Case) -> dict[str, Any]:
    principal = case.situation.principal
    if case.by_program or principal.kind == "system":
        return {"type": {"coding": [ASSEMBLER]}, "who": {"display": "CountyFHIR"}}
    sides = ["receiver", "requester"] if case.step.side == "receiver" else ["requester", "receiver"]
    acting = [one for one in sides if await case.acts(one)] or sides
    side = case.receiver if acting[0] == "receiver" else case.requester
    who: dict[str, Any] = {"display": principal.name}
    if side is not None:
        who = {"reference": f"Organization/{side['id']}", **who}
    agent = {"type": {"coding": [AUTHOR]}, "who": who}
    return {**agent, "role": [{"text": one} for one in principal.roles]} if principal.roles else agent


def _signature(case: Case) -> dict[str, Any] | None:
    """The signature of a Provenance on the Task that the client sends along."""
    name = f"Task/{case.task['id']}"
    for one in case.situation.changes:
        if one.resource_type != "Provenance" or one.after is None:
            continue
        if any(identity(target) == name for target in one.after.get("target", ())):
            for signature in one.after.get("signature", ()):
                return dict(signature)
    return None


def follow_up(case: Case) -> None:
    """The Task of the follow-up after the return, of the institution that looks after the resident at home."""
    home, other = (case.receiver, case.requester) if case.direction == "down" else (case.requester, case.receiver)
    days = case.table.data["follow_up_days"][case.direction or "up"]
    now = case.situation.now
    due = now + int(days * 24 * HOUR)
    task: Resource = {
        "resourceType": "Task",
        "id": identifier_for(case.task["id"], "follow-up"),
        "status": "requested",
        "intent": "order",
        "basedOn": [{"reference": case.request_reference}],
        "partOf": [{"reference": f"Task/{case.task['id']}"}],
        "code": {"coding": [{"system": KIND, "code": "follow-up", "display": "转后随访"}], "text": "转后随访"},
        "focus": {"reference": case.request_reference},
        "for": case.task.get("for"),
        "authoredOn": instant(now),
        "lastModified": instant(now),
        "restriction": {"period": {"start": instant(now), "end": instant(due)}},
    }
    for name, party in (("requester", other), ("owner", home)):
        if party is not None:
            task[name] = {"reference": f"Organization/{party['id']}"}
    case.verdict.write(with_timer(task, due))
