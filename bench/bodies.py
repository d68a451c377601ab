"""Fictitious residents and what is recorded of them: the bodies that benches send. The same number, the same body."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

Resource = dict[str, Any]

FAMILIES = ("欧阳", "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "Smith", "Jones")
GIVEN = ("明", "伟", "芳", "秀英", "娜", "敏", "静", "强", "磊", "洋", "John", "Anna")
TOWNS = ("青禾镇", "柳河镇", "石桥镇", "东岭乡")
BLOOD_PRESSURE, WEIGHT, HEIGHT = "85354-9", "29463-7", "8302-2"
CONDITIONS = (("I10", "Essential hypertension"), ("E11.9", "Type 2 diabetes mellitus"), ("J06.9", "Acute infection"))


def text_of(chance: random.Random, length: int) -> str:
    """Digits."""
    return "".join(chance.choices("0123456789", k=length))


def patient(number: int) -> Resource:
    """A resident of about one kilobyte."""
    chance = random.Random(number)
    family, given = chance.choice(FAMILIES), chance.choice(GIVEN)
    return {
        "resourceType": "Patient",
        "identifier": [
            {"use": "official", "system": "urn:bench:resident", "value": f"R{number:08d}"},
            {"use": "secondary", "system": "urn:bench:card", "value": text_of(chance, 16)},
        ],
        "active": True,
        "name": [{"use": "official", "text": family + given, "family": family, "given": [given]}],
        "telecom": [{"system": "phone", "value": "1390000" + text_of(chance, 4), "use": "mobile"}],
        "gender": chance.choice(("male", "female")),
        "birthDate": f"{chance.randint(1930, 2020)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
        "address": [
            {"use": "home", "text": f"青禾县{chance.choice(TOWNS)}{chance.randint(1, 99)}号", "city": "青禾县",
             "line": [f"{chance.randint(1, 99)}号"], "postalCode": "257300", "country": "CN"}
        ],
        "maritalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}]
        },
        "managingOrganization": {"reference": f"Organization/hospital-{number % 5}"},
    }  # fmt: skip


def _coded(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _day(chance: random.Random) -> str:
    return f"{chance.randint(2015, 2025)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"


def observation(subject: str, number: int) -> Resource:
    """A blood pressure with two components, or a weight."""
    chance = random.Random(number * 7 + 1)
    shared = {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            _coded("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs", "Vital signs")
        ],
        "subject": {"reference": subject},
        "effectiveDateTime": f"{_day(chance)}T08:30:00+08:00",
    }
    if number % 2:
        return shared | {"code": _coded("http://loinc.org", WEIGHT, "Body weight"),
                         "valueQuantity": _quantity(chance.randint(45, 95), "kg")}  # fmt: skip
    parts = (("8480-6", "Systolic", chance.randint(100, 180)), ("8462-4", "Diastolic", chance.randint(60, 110)))
    return shared | {
        "code": _coded("http://loinc.org", BLOOD_PRESSURE, "Blood pressure"),
        "component": [
            {"code": _coded("http://loinc.org", code, name), "valueQuantity": _quantity(value, "mm[Hg]")}
            for code, name, value in parts
        ],
    }


def _quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def encounter(subject: str, number: int) -> Resource:
    """An outpatient visit."""
    chance = random.Random(number * 7 + 2)
    day = _day(chance)
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": subject},
        "period": {"start": f"{day}T08:00:00+08:00", "end": f"{day}T09:00:00+08:00"},
    }


def condition(subject: str, number: int) -> Resource:
    """A confirmed diagnosis."""
    chance = random.Random(number * 7 + 3)
    code, display = chance.choice(CONDITIONS)
    clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": clinical, "code": "active"}]},
        "code": _coded("http://hl7.org/fhir/sid/icd-10", code, display),
        "subject": {"reference": subject},
        "onsetDateTime": _day(chance),
        "recordedDate": _day(chance),
    }


def medication_request(subject: str, number: int) -> Resource:
    """A prescription line."""
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": _coded("http://www.nlm.nih.gov/research/umls/rxnorm", "860975", "Metformin"),
        "subject": {"reference": subject},
        "authoredOn": _day(random.Random(number * 7 + 4)),
        "dosageInstruction": [
            {"text": "twice a day", "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}}
        ],
    }  # fmt: skip


def organization(number: int) -> Resource:
    """An institution."""
    return {
        "resourceType": "Organization",
        "identifier": [{"system": "urn:bench:institution", "value": f"O{number}"}],
        "active": True,
        "name": f"青禾县第{number}医院",
    }


def practitioner(number: int) -> Resource:
    """A physician."""
    chance = random.Random(number)
    return {
        "resourceType": "Practitioner",
        "identifier": [{"system": "urn:bench:physician", "value": f"D{number}"}],
        "active": True,
        "name": [{"family": chance.choice(FAMILIES), "given": [chance.choice(GIVEN)]}],
    }


CLINICAL = (encounter, observation, observation, condition, medication_request)


def record(number: int) -> Iterator[Resource]:
    """A resident with ids of ours and the clinical resources about them: six resources, for loading."""
    name = f"p{number}"
    yield patient(number) | {"id": name}
    for place, made in enumerate(CLINICAL):
        yield made(f"Patient/{name}", number * 10 + place) | {"id": f"{name}-{place}"}


def transaction(number: int, size: int) -> Resource:
    """A transaction Bundle of ``size`` creates: a resident and what is recorded of them, linked by urn:uuid."""
    chance = random.Random(number)
    subject = _uuid(chance)
    entries = [_posted(patient(number), subject)]
    for place in range(size - 1):
        made = CLINICAL[place % len(CLINICAL)](subject, number * 1000 + place)
        entries += [_posted(made, _uuid(chance))]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _posted(resource: Resource, full_url: str) -> Resource:
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
