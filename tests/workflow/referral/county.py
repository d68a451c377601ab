"""A small county for tests of referrals: a village clinic, two townships, a county hospital; residents and papers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from countyfhir.app import Opened, open_world
from countyfhir.exchange import ALL, Account, Answer, Interaction, Preferences, Principal
from countyfhir.interactions.perform import perform
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.settings import load
from tests.stores import store_at

LOCAL = "https://fhir.county-hc.example/"
STATE = LOCAL + "cs/referral-state"
Resource = dict[str, Any]
STATUS = {
    "draft": "draft", "awaiting-consent": "draft", "awaiting-stamp": "draft", "sent": "requested",
    "received": "received", "awaiting-information": "on-hold", "accepted": "accepted", "scheduled": "accepted",
    "no-show": "accepted", "appointment-cancelled": "accepted", "arrived": "in-progress", "interim": "in-progress",
    "cancel-requested": "on-hold", "cancelled": "cancelled", "rejected": "rejected", "returning": "in-progress",
    "completed": "completed", "closed": "failed", "error": "entered-in-error",
}  # fmt: skip
"""businessStatus -> Task.status (DOMAIN 5.5)."""
REQUEST = dict.fromkeys(STATUS, "active") | {
    "draft": "draft", "awaiting-consent": "draft", "awaiting-stamp": "draft", "cancelled": "revoked",
    "rejected": "revoked", "closed": "revoked", "completed": "completed", "error": "entered-in-error",
}  # fmt: skip
"""businessStatus -> ServiceRequest.status."""
XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def principal(organization: str, *roles: str) -> Principal:
    """A key of an institution."""
    return Principal(f"key of {organization}", "key", organization, roles, ("system/*.cruds",))


VILLAGE, TOWNSHIP, OTHER, COUNTY = (principal(one) for one in ("village", "township", "other", "county"))


def to(reference: str) -> Resource:
    """A Reference."""
    return {"reference": reference}


def organization(name: str, tier: str, part_of: str | None = None) -> Resource:
    """An institution of a tier."""
    found: Resource = {"resourceType": "Organization", "id": name, "name": name}
    found["type"] = [{"coding": [{"system": LOCAL + "cs/institution-tier", "code": tier}]}]
    return {**found, "partOf": to(f"Organization/{part_of}")} if part_of else found


def affiliation(name: str, lead: str, member: str, **more: Any) -> Resource:
    """An agreement of two institutions."""
    found = {"resourceType": "OrganizationAffiliation", "id": name, "active": True, **more}
    return {
        **found,
        "organization": to(f"Organization/{lead}"),
        "participatingOrganization": to(f"Organization/{member}"),
    }


COUNTRY: list[Resource] = [
    organization("county", "county"),
    organization("township", "township"),
    organization("other", "township"),
    organization("village", "village", "township"),
    {"resourceType": "Organization", "id": "ward", "name": "心内科", "partOf": to("Organization/county")},
    affiliation("agreed", "county", "township"),
    {"resourceType": "Patient", "id": "p", "name": [{"text": "王桂芳"}], "gender": "female", "birthDate": "1958-03-02"},
]


def request(name: str = "r", **more: Any) -> Resource:
    """A referral upward, from the township to the county hospital."""
    return {
        "resourceType": "ServiceRequest",
        "id": name,
        "status": "draft",
        "intent": "order",
        "category": [{"coding": [{"system": LOCAL + "cs/referral-direction", "code": "up"}]}],
        "code": {"text": "双向转诊"},
        "subject": to("Patient/p"),
        "authoredOn": "2026-11-22T10:00:00+08:00",
        "requester": to("Organization/township"),
        "performer": [to("Organization/county")],
        "reasonCode": [{"coding": [{"system": LOCAL + "cs/referral-criteria", "code": "up-2"}]}],
        "note": [{"text": "头晕三天"}],
        **more,
    }


def downward(name: str = "r", **more: Any) -> Resource:
    """A referral downward, from the county hospital to the township."""
    return request(
        name,
        **{
            "category": [{"coding": [{"system": LOCAL + "cs/referral-direction", "code": "down"}]}],
            "requester": to("Organization/county"),
            "performer": [to("Organization/township")],
            "reasonCode": [{"coding": [{"system": LOCAL + "cs/referral-criteria", "code": "down-4.1"}]}],
            "supportingInfo": [to("Composition/slip"), to("MedicationRequest/m")],
            **more,
        },
    )


def task(state: str = "draft", name: str = "t", focus: str = "r", **more: Any) -> Resource:
    """The Task of a referral in a state."""
    return {
        "resourceType": "Task",
        "id": name,
        "status": STATUS[state],
        "businessStatus": {"coding": [{"system": STATE, "code": state}]},
        "intent": "order",
        "focus": to(f"ServiceRequest/{focus}"),
        "for": to("Patient/p"),
        "authoredOn": "2026-11-22T10:00:00+08:00",
        **more,
    }


def consent(name: str = "c", focus: str = "r") -> Resource:
    """The resident's consent to a referral."""
    return {
        "resourceType": "Consent",
        "id": name,
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": to("Patient/p"),
        "policyRule": {"text": "转诊知情同意"},
        "provision": {"type": "permit", "data": [{"meaning": "instance", "reference": to(f"ServiceRequest/{focus}")}]},
    }


def slip(name: str = "slip", focus: str = "r", author: str = "county", **texts: str) -> Resource:
    """A return slip 回转单."""
    told = {
        "诊断结果": "高血压病3级", "主要检查结果": "心电图示左室高电压", "治疗经过": "调整降压药",
        "下一步治疗方案": "规律服药", "康复建议": "低盐饮食", **texts,
    }  # fmt: skip
    return {
        "resourceType": "Composition",
        "id": name,
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "57133-1"}], "text": "双向转诊（回转）单"},
        "subject": to("Patient/p"),
        "date": "2026-11-25T16:00:00+08:00",
        "author": [to(f"Organization/{author}")],
        "custodian": to(f"Organization/{author}"),
        "title": "双向转诊（回转）单",
        "event": [{"detail": [to(f"ServiceRequest/{focus}")]}],
        "section": [
            {"title": title, "text": {"status": "additional", "div": XHTML.format(text)}}
            for title, text in told.items()
            if text
        ],
    }


def output(*references: str) -> list[Resource]:
    """``Task.output`` with these."""
    return [{"type": {"text": "回转单"}, "valueReference": to(one)} for one in references]


class Clinic:
    """The server as a caller of tests sees it; ``now`` can be set (microseconds)."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.ahead = 0
        real = opened.world.now
        self.world: World = replace(opened.world, now=lambda: real() + self.ahead)

    def later(self, hours: float) -> None:
        """Let time pass."""
        self.ahead += int(hours * 3_600_000_000)

    async def ask(self, interaction: Interaction) -> Answer:
        """Perform it. What the caller may see is not what is tested here: everything."""
        return await perform(interaction, self.world, ALL)

    async def put(self, resource: Resource, who: Principal | None = None, **more: Any) -> Answer:
        """PUT it, as somebody."""
        if who is not None:
            more["principal"] = who
        asked = Preferences(returns="OperationOutcome")
        kind, name = resource["resourceType"], resource["id"]
        return await self.ask(Interaction("update", kind, name, body=resource, preferences=asked, **more))

    async def tried(self, resource: Resource, who: Principal | None = None, **more: Any) -> tuple[int, str]:
        """The status of a PUT, and what is said."""
        try:
            answer = await self.put(resource, who, **more)
        except FhirError as error:
            return error.status, " ".join(one.diagnostics for one in error.issues)
        return answer.status, " ".join(one.diagnostics for one in answer.issues)

    async def taken_in(self, *resources: Resource) -> None:
        """Write them as legacy history, which may be in any state."""
        for one in resources:
            await self.put(one, account=Account())

    async def get(self, kind: str, name: str) -> Resource:
        """The current resource."""
        answer = await self.ask(Interaction("read", kind, name))
        assert isinstance(answer.body, bytes)
        return json.parse(answer.body)

    async def found(self, kind: str, **criteria: str) -> list[Resource]:
        """The matches of a search."""
        query = tuple((name.replace("_", "-") if name[0] != "_" else name, value) for name, value in criteria.items())
        answer = await self.ask(Interaction("search-type", kind, query=query))
        assert isinstance(answer.body, bytes)
        return [one["resource"] for one in json.parse(answer.body).get("entry", ())]

    async def bundle(self, *resources: Resource, who: Principal | None = None) -> Answer:
        """A transaction that PUTs them all."""
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ]
        more = {"principal": who} if who is not None else {}
        body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        return await self.ask(Interaction("transaction", body=body, http_method="POST", **more))


@asynccontextmanager
async def clinic(path: Path, *further: Resource) -> AsyncIterator[Clinic]:
    """A server with the county in it."""
    settings = load({"store": store_at(path / "a.sqlite"), "load_definitions": "off", "person_index": "off"})
    async with open_world(settings) as opened:
        found = Clinic(opened)
        await found.bundle(*COUNTRY, *further)
        yield found
