"""A small county for the tests of chronic care: a server whose clock is set, a village, a township, a county hospital,
a resident; fictitious all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from countyfhir.app import Opened, open_world
from countyfhir.exchange import LOCAL, Interaction, Principal
from countyfhir.interactions import timers
from countyfhir.model import json
from countyfhir.settings import load
from tests.stores import store_at

CS = "https://fhir.county-hc.example/cs/"
SD = "https://fhir.county-hc.example/StructureDefinition/"
TIER = f"{CS}institution-tier"


class Clock:
    """The instant it is, set by a test (China Standard Time)."""

    def __init__(self, day: str) -> None:
        self.set(day)

    def set(self, day: str, time: str = "09:00") -> None:
        """Make it this day and time."""
        self.now = int(datetime.fromisoformat(f"{day}T{time}:00+08:00").timestamp() * 1_000_000)

    def __call__(self) -> int:
        return self.now


@dataclass(frozen=True)
class County:
    """An opened server and its clock."""

    opened: Opened
    clock: Clock

    async def do(self, kind: str, *names: str, as_: Principal = LOCAL, **further: Any) -> Any:
        """Perform an interaction; the resource that it answers."""
        answer = await self.opened.perform(Interaction(kind, *names, principal=as_, **further))
        return json.parse(answer.body) if isinstance(answer.body, bytes) else answer.body

    async def put(self, resource: dict[str, Any], **further: Any) -> dict[str, Any]:
        """PUT it."""
        found = await self.do("update", resource["resourceType"], resource["id"], body=resource, **further)
        assert isinstance(found, dict)
        return found

    async def read(self, reference: str) -> dict[str, Any]:
        """GET it."""
        found = await self.do("read", *reference.split("/"))
        assert isinstance(found, dict)
        return found

    async def search(self, kind: str, **criteria: str) -> list[dict[str, Any]]:
        """The resources that a search finds; ``_`` in a name stands for ``-``."""
        query = tuple((name.replace("__", "-"), value) for name, value in criteria.items())
        bundle = await self.do("search-type", kind, query=query)
        return [one["resource"] for one in bundle.get("entry", ())]

    async def all_at_once(self, *resources: dict[str, Any]) -> None:
        """A transaction of updates."""
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        await self.opened.perform(Interaction("transaction", body=bundle))

    async def tick(self, day: str, time: str = "09:00") -> None:
        """Make it a later day, and let the timers act."""
        self.clock.set(day, time)
        while await timers.act(self.opened.world):
            pass


@asynccontextmanager
async def county(path: Path, day: str = "2026-11-22") -> AsyncIterator[County]:
    """The server on a day."""
    settings = load({"store": store_at(path / "a.sqlite"), "load_definitions": "off", "person_index": "off"})
    clock = Clock(day)
    async with open_world(settings) as opened:
        opened = replace(opened, world=replace(opened.world, now=clock))
        made = County(opened, clock)
        await made.all_at_once(
            organization("hospital", "county"),
            organization("township", "township", "hospital"),
            organization("village", "village", "township"),
            {
                "resourceType": "Patient",
                "id": "p",
                "name": [{"text": "周秀兰"}],
                "birthDate": "1965-03-02",
                "gender": "female",
                "managingOrganization": {"reference": "Organization/village"},
            },
        )
        yield made


def organization(name: str, tier: str, part_of: str | None = None) -> dict[str, Any]:
    """An institution of a tier."""
    told: dict[str, Any] = {"resourceType": "Organization", "id": name, "name": name}
    told["type"] = [{"coding": [{"system": TIER, "code": tier}]}]
    return told | ({"partOf": {"reference": f"Organization/{part_of}"}} if part_of else {})


def condition(name: str, code: str, **more: Any) -> dict[str, Any]:
    """A diagnosis in the national edition of ICD-10."""
    told = {"coding": [{"system": f"{CS}icd10-nhsa", "code": code}], "text": name}
    return {
        "resourceType": "Condition",
        "id": name,
        "clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
        "verificationStatus": concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
        "code": told,
        "subject": {"reference": "Patient/p"},
    } | more


def concept(system: str, code: str) -> dict[str, Any]:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code}]}


def visit(name: str, day: str, kind: str = "高血压随访", **more: Any) -> dict[str, Any]:
    """A follow-up visit as intake makes it."""
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [{"text": kind}],
        "subject": {"reference": "Patient/p"},
        "period": {"start": day},
        "serviceProvider": {"reference": "Organization/village"},
    } | more


def quantity(value: str, unit: str) -> dict[str, Any]:
    """A Quantity of UCUM."""
    return {"value": Decimal(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def observation(name: str, day: str, encounter: str | None, **more: Any) -> dict[str, Any]:
    """An Observation at a visit."""
    told = {"resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": "Patient/p"}}
    told |= {"effectiveDateTime": day}
    return told | ({"encounter": {"reference": f"Encounter/{encounter}"}} if encounter else {}) | more


def pressure(name: str, day: str, told: str, encounter: str | None = None, **more: Any) -> dict[str, Any]:
    """A blood pressure, "139/89"."""
    upper, _, lower = told.partition("/")
    parts = [
        {"code": concept("http://loinc.org", "8480-6"), "valueQuantity": quantity(upper, "mm[Hg]")},
        {"code": concept("http://loinc.org", "8462-4"), "valueQuantity": quantity(lower, "mm[Hg]")},
    ]
    more = {"code": concept("http://loinc.org", "85354-9"), "component": parts} | more
    return observation(name, day, encounter, **more)


def glucose(name: str, day: str, value: str, encounter: str | None = None, **more: Any) -> dict[str, Any]:
    """A fasting glucose in mmol/L."""
    more = {"code": concept("http://loinc.org", "14771-0"), "valueQuantity": quantity(value, "mmol/L")} | more
    return observation(name, day, encounter, **more)


def assessed(name: str, day: str, encounter: str, code: str) -> dict[str, Any]:
    """The doctor's own class."""
    more = {"code": concept(f"{CS}follow-up-item", "assessment")}
    more["valueCodeableConcept"] = concept(f"{CS}follow-up-assessment", code)
    return observation(name, day, encounter, **more)


def codes(resource: dict[str, Any], element: str, system: str) -> list[str]:
    """The codes of a system in an element."""
    told = resource.get(element, ())
    listed = told if isinstance(told, list) else [told]
    return [one["code"] for part in listed for one in part.get("coding", ()) if one["system"] == f"{CS}{system}"]
