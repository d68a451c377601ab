"""ServiceRequest/$refer: one call makes the whole referral, checked like any other writes: request, Task, consent and
letter or slip (DOMAIN B5, B6, 3.5)."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Preconditions, Preferences, Resource, changed
from countyfhir.interactions.acting_for import acting_for
from countyfhir.interactions.perform import perform
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.operations.referrals.asking import Asked, as_text, asked
from countyfhir.outcome import FhirError

LOCAL = "https://fhir.county-hc.example/"
PROFILE = LOCAL + "StructureDefinition/county-"
REFERENCES = ("patient", "requester", "target", "escort", "part-of", "supporting-info", "consent-resource")
TEXTS = (
    *("diagnosis", "illness", "past-history", "treatment", "results", "plan", "rehabilitation", "drugs"),
    *("note", "agreement-exception", "doctor", "department"),
)
CODES = ("direction", "priority", "state", "reason", "consent", "green-channel")
KNOWN = frozenset((*REFERENCES, *TEXTS, *CODES))
LETTER = (
    ("初步印象", "diagnosis"),
    ("主要现病史（转出原因）", "illness"),
    ("主要既往史", "past-history"),
    ("治疗经过", "treatment"),
)
SLIP = (
    ("诊断结果", "diagnosis"),
    ("主要检查结果", "results"),
    ("治疗经过", "treatment"),
    ("下一步治疗方案", "plan"),
    ("康复建议", "rehabilitation"),
    ("目前用药", "drugs"),
)
"""Sections of the two documents and the parameters that fill them."""
STATUS = {"sent": ("requested", "active"), "accepted": ("accepted", "active")}
"""State -> status of Task and request, where they are not draft."""
XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


async def refer(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The Bundle (collection) of what was made: ServiceRequest, Task, Consent, Composition; and an OperationOutcome
    with what people should know. 400 for what is missing in the call, 403 and 422 as the rules of referral say."""
    call = asked(interaction, grant, world, KNOWN)
    direction = call.needed("direction")
    if direction not in ("up", "down"):
        raise FhirError("value", "direction is up or down. 方向为 up 或 down。", expression="Parameters.parameter")
    entries = await _entries(call, str(direction))
    made, warnings = await _written(call, entries)
    outcome = [{"resource": {"resourceType": "OperationOutcome", "issue": warnings}}] if warnings else []
    return Answer(200, body={"resourceType": "Bundle", "type": "collection", "entry": [*made, *outcome]})


async def _entries(call: Asked, direction: str) -> list[Resource]:
    names = {name: f"urn:uuid:{uuid.uuid4()}" for name in ("request", "task", "consent", "letter")}
    request = await _request(call, direction, names)
    made = {"request": request, "task": _task(call, request, names), "letter": _document(call, request, names)}
    if str(call.one("consent")).lower() == "true":
        made["consent"] = _consent(request, names, _now(call.world))
    return [
        {
            "fullUrl": names[name],
            "resource": resource,
            "request": {"method": "POST", "url": resource["resourceType"]},
        }
        for name, resource in made.items()
    ]


async def _request(call: Asked, direction: str, names: dict[str, str]) -> Resource:
    state = str(call.one("state") or "sent")
    reasons = [_reason(one, call.world) for one in call.values.get("reason", ())]
    if not reasons:
        raise FhirError("required", "reason is needed: a code of referral-criteria. 缺少转诊指征 reason。")
    if call.text("diagnosis"):
        given = call.one("diagnosis")
        reasons.append(given if isinstance(given, dict) else {"text": str(given)})
    request: Resource = {
        "resourceType": "ServiceRequest",
        "meta": {"profile": [f"{PROFILE}referral-{direction}"]},
        "extension": _extensions(call),
        "status": STATUS.get(state, ("draft", "draft"))[1],
        "intent": "order",
        "category": [
            {
                "coding": [{"system": LOCAL + "cs/referral-direction", "code": direction}],
                "text": {"up": "上转", "down": "下转"}[direction],
            }
        ],
        "priority": str(call.one("priority") or "routine"),
        "code": {"text": "双向转诊"},
        "subject": _reference(call.needed("patient")),
        "authoredOn": _now(call.world),
        "requester": await _sender(call),
        "performer": [_reference(call.needed("target"))],
        "performerType": {"text": call.text("department")},
        "reasonCode": reasons,
        "supportingInfo": [{"reference": names["letter"]}, *map(_reference, call.values.get("supporting-info", ()))],
        "note": [{"text": str(call.text("note"))}] if call.text("note") else [],
    }
    consent = call.one("consent-resource")
    if consent is not None:
        request["supportingInfo"].append(_reference(consent))
    return {name: value for name, value in request.items() if value and value != {"text": None}}


def _extensions(call: Asked) -> list[dict[str, Any]]:
    structure = LOCAL + "StructureDefinition/"
    found: list[dict[str, Any]] = []
    if str(call.one("green-channel")).lower() == "true":
        found.append({"url": structure + "green-channel", "valueBoolean": True})
    if call.one("escort") is not None:
        found.append({"url": structure + "escort", "valueReference": _reference(call.one("escort"))})
    if call.text("agreement-exception"):
        found.append({"url": structure + "agreement-exception", "valueString": call.text("agreement-exception")})
    return found


async def _sender(call: Asked) -> dict[str, Any]:
    """The referring institution: as named, or else the one that the caller acts for."""
    named = call.one("requester")
    if named is not None:
        found = _reference(named)
    else:
        principal = call.interaction.principal
        own = principal.organization
        if own is None:
            raise FhirError("required", "requester is needed: the referring Organization. 缺少转出机构 requester。")
        found = {"reference": f"Organization/{await _own(call, own)}"}
    doctor = call.text("doctor")
    return {**found, "display": doctor} if doctor else found


async def _own(call: Asked, named: str) -> str:
    """The id of the institution that a key or token names, by its id or by a business code."""
    ids = await acting_for(call.interaction.principal, call.world)
    if named in ids:
        return named
    for one in sorted(ids):
        stored = await call.read(f"Organization/{one}") or {}
        if any(each.get("value") == named for each in stored.get("identifier", ())):
            return one
    return named


def _task(call: Asked, request: Resource, names: dict[str, str]) -> Resource:
    state = str(call.one("state") or "sent")
    task: Resource = {
        "resourceType": "Task",
        "meta": {"profile": [f"{PROFILE}referral-task"]},
        "status": STATUS.get(state, ("draft", "draft"))[0],
        "businessStatus": {"coding": [{"system": LOCAL + "cs/referral-state", "code": state}]},
        "intent": "order",
        "priority": request["priority"],
        "code": {"text": "双向转诊"},
        "focus": {"reference": names["request"]},
        "for": request["subject"],
        "authoredOn": request["authoredOn"],
        "requester": {"reference": request["requester"]["reference"]},
        "owner": request["performer"][0],
    }
    part_of = call.one("part-of")
    return {**task, "partOf": [_reference(part_of)]} if part_of is not None else task


def _consent(request: Resource, names: dict[str, str], now: str) -> Resource:
    return {
        "resourceType": "Consent",
        "meta": {"profile": [f"{PROFILE}referral-consent"]},
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": request["subject"],
        "dateTime": now,
        "organization": [{"reference": request["requester"]["reference"]}],
        "policyRule": {"text": "转诊知情同意"},
        "provision": {
            "type": "permit",
            "data": [{"meaning": "instance", "reference": {"reference": names["request"]}}],
        },
    }


def _document(call: Asked, request: Resource, names: dict[str, str]) -> Resource:
    """The letter (转出单) upward, the slip (回转单) downward. What is not told says so: a section is never empty."""
    down = request["category"][0]["coding"][0]["code"] == "down"
    told = {name: call.text(name) for _, name in (SLIP if down else LETTER)}
    wanted = SLIP if down else LETTER
    sections = [
        {"title": title, "text": {"status": "additional", "div": XHTML.format(_escaped(told[name] or "未填写"))}}
        for title, name in wanted
        if told[name] or not down
    ]
    title = "双向转诊（回转）单" if down else "双向转诊（转出）单"
    document: Resource = {
        "resourceType": "Composition",
        "meta": {"profile": [PROFILE + ("return-slip" if down else "referral-letter")]},
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "57133-1"}], "text": title},
        "subject": request["subject"],
        "date": request["authoredOn"],
        "author": [request["requester"]],
        "title": title,
        "custodian": {"reference": request["requester"]["reference"]},
        "section": sections,
    }
    return {**document, "event": [{"detail": [{"reference": names["request"]}]}]} if down else document


async def _written(call: Asked, entries: list[Resource]) -> tuple[list[Resource], list[Resource]]:
    """Perform the transaction as the caller; what it made as entries, and its warnings."""
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    asking = changed(
        call.interaction,
        kind="transaction",
        resource_type=None,
        operation=None,
        query=(),
        body=bundle,
        preconditions=Preconditions(),
        preferences=Preferences(returns="OperationOutcome"),
    )
    answer = await perform(asking, call.world, call.grant)
    rows = (json.parse(answer.body) if isinstance(answer.body, bytes) else answer.body or {})["entry"]
    made, warnings = [], []
    for row in rows:
        name = row["response"]["location"].removeprefix(call.interaction.base + "/").partition("/_history/")[0]
        made.append({"fullUrl": f"{call.interaction.base}/{name}", "resource": await call.read(name)})
        issues = row["response"].get("outcome", {}).get("issue", ())
        warnings += [one for one in issues if one.get("code") == "business-rule"]
    return made, warnings


def _reason(value: Any, world: World) -> dict[str, Any]:
    """A criterion with its text: a code of referral-criteria, a Coding or a CodeableConcept."""
    if isinstance(value, dict) and ("coding" in value or "text" in value):
        return value
    coding = value if isinstance(value, dict) else {"system": LOCAL + "cs/referral-criteria", "code": as_text(value)}
    system, code = str(coding.get("system")), str(coding.get("code"))
    displays = world.terminology.displays(system, code)
    return {"coding": [coding], "text": displays[0]} if displays else {"coding": [coding]}


def _reference(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"reference": str(value)}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _now(world: World) -> str:
    moment = datetime.fromtimestamp(world.now() / 1_000_000, UTC)
    return moment.isoformat(timespec="seconds")
