"""Contract/$sign and Contract/[id]/$renew: a family-doctor contract with its Consent, CareTeam and Coverage in one
call (DOMAIN 3.6)."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.world import World
from countyfhir.operations.contracts.asking import (
    Given,
    collection,
    found,
    given_of,
    place,
    read,
    text_of,
    transacted,
)
from countyfhir.outcome import FhirError
from countyfhir.workflow.contracts.reading import KIND, institutions_of, period_of, related, subject_of
from countyfhir.workflow.timing import instant

_PROFILES = "https://fhir.county-hc.example/StructureDefinition/"
_TIMES = re.compile(r"[×xX*]\s*(\d{1,3})")
TERMS = ("start", "end", "package", "item", "people", "member", "share-with", "payor", "doctor", "consent-until")
KNOWN = ("patient", "authority", "identifier", *TERMS)
PEOPLE = "https://fhir.county-hc.example/cs/contract-people"
ROLES = "https://fhir.county-hc.example/cs/team-role"


async def sign(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """201 with a Bundle (collection): the Contract first, then its Consent, CareTeam, Coverage, promised services."""
    given = given_of(interaction, KNOWN)
    patient = str(text_of(given, "patient", needed=True))
    authority = str(text_of(given, "authority", needed=True))
    await read(_typed(patient, "Patient"), interaction, grant, world)
    terms = await _terms(given, interaction, grant, world)
    if not terms:
        text = "A contract promises something: give a package, or an item with its times. 须有服务包或服务项目。"
        raise FhirError("required", text, expression=place("package"))
    today = instant(world.now())[:10]
    start = text_of(given, "start") or today
    return await _signed(
        given, _Parties(_typed(patient, "Patient"), _typed(authority, "Organization")), terms, start, interaction,
        grant, world,
    )  # fmt: skip


async def renew(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The next contract after this one: what is not given is as it was. It begins when this one ends; this one stays
    as it is and ends by itself."""
    given = given_of(interaction, ("identifier", *TERMS))
    before = await read(f"Contract/{interaction.logical_id}", interaction, grant, world)
    patient, institutions = subject_of(before), institutions_of(before)
    if patient is None or not institutions:
        raise FhirError("business-rule", "Only a family-doctor contract of one resident is renewed.", status=422)
    terms = await _terms(given, interaction, grant, world) or before.get("term", [])
    last = period_of(before)[1]
    start = text_of(given, "start") or _after(last)
    parties = _Parties(patient, institutions[0], before)
    await _keep_team(given, before, interaction, grant, world)
    return await _signed(given, parties, terms, start, interaction, grant, world)


async def _keep_team(given: Given, before: Resource, interaction: Interaction, grant: Grant, world: World) -> None:
    teams = related(before, "CareTeam")
    if "member" not in given and teams:
        team = await read(teams[0], interaction, grant, world)
        given["member"] = [
            {"role": [one["role"][0]], "member": [one["member"]]}
            for one in team.get("participant", ())
            if "role" in one
        ]


class _Parties:
    """Who signs: references to the resident and the institution, and the contract that is renewed."""

    def __init__(self, patient: str, authority: str, before: Resource | None = None) -> None:
        self.patient, self.authority, self.before = patient, authority, before


async def _signed(
    given: Given, parties: _Parties, terms: list[Resource], start: str, interaction: Interaction, grant: Grant,
    world: World,
) -> Answer:  # fmt: skip
    end = text_of(given, "end") or _year_after(start)
    ids = {name: world.new_id() for name in ("Contract", "Consent", "CareTeam", "Coverage")}
    contract = _contract(given, parties, terms, (start, end), ids, world)
    made = [contract, _consent(given, parties, (start, end), ids, world)]
    if team := _team(given, parties, start, ids):
        made.append(team)
        contract["supportingInfo"].append({"reference": f"CareTeam/{ids['CareTeam']}"})
    made.append(_coverage(given, parties, (start, end), ids))
    contract["supportingInfo"].append({"reference": f"Coverage/{ids['Coverage']}"})
    entries: list[Resource] = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}} for one in made
    ]
    stored = await transacted(entries, interaction, grant, world)
    services = await found("Task", (("focus", f"Contract/{ids['Contract']}"),), interaction, grant, world)
    return collection(stored + services, interaction, 201)


def _contract(
    given: Given, parties: _Parties, terms: list[Resource], term: tuple[str, str], ids: dict[str, str], world: World
) -> Resource:
    number = text_of(given, "identifier") or ids["Contract"]
    doctor = text_of(given, "doctor")
    before = parties.before
    people = [_people(one) for one in given.get("people", [])] or (before or {}).get("subType", [])
    return {
        "resourceType": "Contract",
        "id": ids["Contract"],
        "meta": {"profile": [_PROFILES + "county-family-doctor-contract"]},
        "identifier": [{"system": "https://fhir.county-hc.example/id/contract", "value": number}],
        "status": "executed",
        "issued": instant(world.now()),
        "applies": {"start": term[0], "end": term[1]},
        "subject": [{"reference": parties.patient}],
        "authority": [{"reference": parties.authority}],
        "title": "家庭医生签约服务协议",
        **({"author": {"reference": doctor}} if doctor else {}),
        "type": {"coding": [KIND], "text": KIND["display"]},
        **({"subType": people} if people else {}),
        "term": terms,
        "supportingInfo": [{"reference": f"Contract/{before['id']}"}] if before is not None else [],
    }


def _consent(given: Given, parties: _Parties, term: tuple[str, str], ids: dict[str, str], world: World) -> Resource:
    shared = [parties.authority, *(_typed(_reference(one), "Organization") for one in given.get("share-with", []))]
    recipient = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
    actors = [{"role": {"coding": [recipient]}, "reference": {"reference": one}} for one in dict.fromkeys(shared)]
    until = text_of(given, "consent-until") or term[1]
    return {
        "resourceType": "Consent",
        "id": ids["Consent"],
        "meta": {"profile": [_PROFILES + "county-family-doctor-consent"]},
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": parties.patient},
        "dateTime": instant(world.now()),
        "organization": [{"reference": parties.authority}],
        "sourceReference": {"reference": f"Contract/{ids['Contract']}"},
        "policyRule": {"text": "家庭医生签约服务协议"},
        "provision": {"type": "permit", "period": {"start": term[0], "end": until}, "actor": actors},
    }


def _team(given: Given, parties: _Parties, start: str, ids: dict[str, str]) -> Resource | None:
    members = [member_of(one) for one in given.get("member", [])]
    if not members:
        return None
    return {
        "resourceType": "CareTeam",
        "id": ids["CareTeam"],
        "meta": {"profile": [_PROFILES + "county-care-team"]},
        "status": "active",
        "name": "家庭医生团队",
        "subject": {"reference": parties.patient},
        "period": {"start": start},
        "participant": members,
        "managingOrganization": [{"reference": parties.authority}],
    }


def _coverage(given: Given, parties: _Parties, term: tuple[str, str], ids: dict[str, str]) -> Resource:
    payors = [_reference(one) for one in given.get("payor", [])] or [parties.patient]
    return {
        "resourceType": "Coverage",
        "id": ids["Coverage"],
        "status": "active",
        "type": {"text": "家庭医生签约服务费"},
        "beneficiary": {"reference": parties.patient},
        "period": {"start": term[0], "end": term[1]},
        "payor": [{"reference": one} for one in payors],
        "contract": [{"reference": f"Contract/{ids['Contract']}"}],
    }


def member_of(told: Any) -> Resource:
    """A participant of the parts ``role`` (code of team-role, or a CodeableConcept) and ``member`` (Reference)."""
    if not isinstance(told, dict) or not told.get("member"):
        raise FhirError("required", "A member has the parts role and member.", expression=place("member"))
    role = (told.get("role") or ["family-doctor"])[0]
    concept = role if isinstance(role, dict) else {"coding": [{"system": ROLES, "code": str(role)}]}
    member = told["member"][0]
    return {"role": [concept], "member": member if isinstance(member, dict) else {"reference": str(member)}}


def _people(told: Any) -> Resource:
    return told if isinstance(told, dict) else {"coding": [{"system": PEOPLE, "code": str(told)}]}


async def _terms(given: Given, interaction: Interaction, grant: Grant, world: World) -> list[Resource]:
    """The terms of packages (PlanDefinitions whose actions are services with their count) and of single items."""
    terms = []
    for package in given.get("package", []):
        plan = await read(_typed(_reference(package), "PlanDefinition"), interaction, grant, world)
        name = plan.get("title") or plan.get("name") or plan["id"]
        items = [_item({"text": action.get("title", "")}, _times(action)) for action in plan.get("action", ())]
        terms.append(_term(name, items) | {"topicReference": {"reference": f"PlanDefinition/{plan['id']}"}})
    items = []
    for told in given.get("item", []):
        if not isinstance(told, dict) or not told.get("service"):
            raise FhirError("required", "An item has the parts service and times.", expression=place("item"))
        concept = told["service"][0]
        price = (told.get("price") or [None])[0]
        times = int(str((told.get("times") or [1])[0]))
        items.append(_item(concept if isinstance(concept, dict) else {"text": str(concept)}, times, price))
    return [*terms, *([_term("个性化服务", items)] if items else [])]


def _times(action: Resource) -> int:
    count = ((action.get("timingTiming") or {}).get("repeat") or {}).get("count")
    written = _TIMES.search(str(action.get("description", "")))
    return int(count or (written[1] if written else 1))


def _item(concept: Resource, times: int, price: Any = None) -> Resource:
    net = {"net": price} if isinstance(price, dict) else {}
    return {"entityCodeableConcept": concept, "quantity": {"value": times, "unit": "次"}, **net}


def _term(name: str, items: list[Resource]) -> Resource:
    return {"type": {"text": name}, "offer": {"text": name}, "asset": [{"valuedItem": items}]}


def _reference(value: Any) -> str:
    return str(value.get("reference", "")) if isinstance(value, dict) else str(value)


def _typed(reference: str, resource_type: str) -> str:
    return reference if "/" in reference else f"{resource_type}/{reference}"


def _after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _year_after(start: str) -> str:
    first = date.fromisoformat(start[:10])
    try:
        same = first.replace(year=first.year + 1)
    except ValueError:  # 29 February
        same = first.replace(year=first.year + 1, day=28) + timedelta(days=1)
    return (same - timedelta(days=1)).isoformat()
