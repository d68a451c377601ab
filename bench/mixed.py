"""Mixed workloads that others publish, as clients play them (SERVERS.md 2.1 to 2.3): W1 create-read-update-delete, W2
import of patient transactions, W5 a mix by shares over minimal bodies, W7 a record viewer's mix."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from bench import bodies

if TYPE_CHECKING:
    from bench.driver import Client

Play = Callable[["Client"], Awaitable[None]]


def linked(name: str, made: dict[str, str], number: int) -> bodies.Resource:
    """The body of one of W1's nine types; ``made`` has the references that exist by now."""
    person, visit = made.get("Patient", ""), made.get("Encounter", "")
    doctor, hospital = made.get("Practitioner", ""), made.get("Organization", "")
    if name == "Location":
        return {"resourceType": "Location", "status": "active", "name": f"诊室 {number}", "mode": "instance"}
    if name == "Encounter":
        return bodies.encounter(person, number) | {
            "participant": [{"individual": {"reference": doctor}}],
            "serviceProvider": {"reference": hospital},
            "location": [{"location": {"reference": made["Location"]}}],
        }
    if name in ("Observation", "MedicationRequest"):
        build = bodies.observation if name == "Observation" else bodies.medication_request
        return build(person, number) | {"encounter": {"reference": visit}}
    if name in ("Claim", "ExplanationOfBenefit"):
        return _claim(name, person, doctor, hospital, visit)
    return {"Patient": bodies.patient, "Organization": bodies.organization, "Practitioner": bodies.practitioner}[name](
        number
    )


def _claim(name: str, person: str, doctor: str, hospital: str, visit: str) -> bodies.Resource:
    system = "http://terminology.hl7.org/CodeSystem/"
    shared: dict[str, Any] = {
        "resourceType": name,
        "status": "active",
        "type": {"coding": [{"system": f"{system}claim-type", "code": "professional"}]},
        "use": "claim",
        "patient": {"reference": person},
        "created": "2025-03-01",
        "provider": {"reference": doctor},
        "insurance": [{"focal": True, "coverage": {"display": "城乡居民医保"}}],
        "item": [
            {"sequence": 1, "productOrService": {"text": "outpatient visit"}, "encounter": [{"reference": visit}]}
        ],
        "total": {"value": 129.16, "currency": "CNY"},
    }
    if name == "Claim":
        shared["insurance"] = [{"sequence": 1, **shared["insurance"][0]}]
        return shared | {"priority": {"coding": [{"system": f"{system}processpriority", "code": "normal"}]}}
    shared["total"] = [{"category": {"text": "submitted"}, "amount": shared["total"]}]
    return shared | {"insurer": {"reference": hospital}, "outcome": "complete"}


W1_TYPES = (
    "Patient", "Location", "Organization", "Practitioner", "Encounter", "Observation", "MedicationRequest", "Claim",
    "ExplanationOfBenefit",
)  # fmt: skip


async def crud(client: Client) -> None:
    """W1: POST nine linked resources, GET each, PUT each with a small change, DELETE each in reverse: 36 requests."""
    number = client.number * 1_000_000
    while client.going:
        number += 1
        made: dict[str, str] = {}
        kept: dict[str, Any] = {}
        for name in W1_TYPES:
            answer = await client.ask("POST", f"/{name}", linked(name, made, number))
            if answer is None:
                return
            made[name], kept[name] = f"{name}/{answer['id']}", answer
        for reference in made.values():
            await client.ask("GET", f"/{reference}")
        for name, reference in made.items():
            await client.ask("PUT", f"/{reference}", kept[name] | {"language": "zh-CN"})
        for reference in reversed(made.values()):
            await client.ask("DELETE", f"/{reference}", expected=(200, 204))
        client.counted["iterations"] += 1


IMPORT_SIZE = 100
"""Entries of a patient's bundle; Synthea's have a few hundred to a few thousand."""


async def imports(client: Client) -> None:
    """W2: one patient's transaction bundle after the other; practitioner and hospital by conditional reference."""
    number = client.number * 1_000_000
    while client.going:
        number += 1
        bundle = bodies.transaction(number, IMPORT_SIZE)
        bundle["entry"][0]["resource"]["generalPractitioner"] = [
            {"reference": f"Practitioner?identifier=urn:bench:physician|D{number % 5}"}
        ]
        bundle["entry"][0]["resource"]["managingOrganization"] = {
            "reference": f"Organization?identifier=urn:bench:institution|O{number % 5}"
        }
        answer = await client.ask("POST", "/", bundle)
        if answer is not None:
            client.counted["bundles"] += 1
            client.counted["resources"] += len(answer["entry"])


MINIMAL_SHARES = (("Observation", 50), ("Patient", 20), ("Condition", 15), ("Encounter", 10), ("MedicationRequest", 5))
MINIMAL: dict[str, Callable[[int], bodies.Resource]] = {
    "Observation": lambda n: {"resourceType": "Observation", "status": "final", "code": {"text": f"test {n}"}},
    "Patient": lambda n: {"resourceType": "Patient", "name": [{"family": f"Bench{n}"}], "gender": "male"},
    "Condition": lambda n: {
        "resourceType": "Condition", "subject": {"reference": "Patient/p0"}, "code": {"text": f"{n}"},
    },
    "Encounter": lambda n: {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}},
    "MedicationRequest": lambda n: {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order",
        "medicationCodeableConcept": {"text": f"{n}"}, "subject": {"reference": "Patient/p0"},
    },
}  # fmt: skip


async def minimal_mix(client: Client) -> None:
    """W5: create 10, read 60, update 25 (GET then PUT), delete 5 of a hundred, over minimal bodies of five types."""
    chance, mine, number = random.Random(client.number), list[str](), 0
    while client.going:
        number += 1
        act = chance.choices(("create", "read", "update", "delete"), (10, 60, 25, 5))[0]
        if act == "create" or len(mine) < 5:
            names, shares = zip(*MINIMAL_SHARES, strict=True)
            name = chance.choices(names, shares)[0]
            answer = await client.ask("POST", f"/{name}", MINIMAL[name](number))
            if answer is not None:
                mine.append(f"{name}/{answer['id']}")
            continue
        reference = mine[chance.randrange(len(mine))]
        if act == "delete":
            mine.remove(reference)
            await client.ask("DELETE", f"/{reference}", expected=(200, 204))
            continue
        answer = await client.ask("GET", f"/{reference}")
        if act == "update" and answer is not None:
            await client.ask("PUT", f"/{reference}", answer | {"language": "en"})


async def viewer(client: Client) -> None:
    """W7: 45 % read a Patient, 20 % the first Patients, 20 % their Observations, 10 % Conditions, 5 % history.
    ``argument`` is how many residents there are."""
    chance, count = random.Random(client.number), int(client.argument)
    paths = (
        "/Patient/{}",
        "/Patient?_count=20",
        "/Observation?patient={}&_count=50",
        "/Condition?patient={}&_count=50",
        "/Patient/{}/_history?_count=10",
    )
    while client.going:
        path = chance.choices(paths, (45, 20, 20, 10, 5))[0]
        await client.ask("GET", path.format(f"p{chance.randrange(count)}"))


MIXED: dict[str, Play] = {"W1": crud, "W2": imports, "W5": minimal_mix, "W7": viewer}
