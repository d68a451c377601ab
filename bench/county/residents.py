"""Residents: identity number, health card, name, village, telephone, the clinic they signed with."""

from __future__ import annotations

from random import Random

from bench.county import places
from bench.county.coded import LOCAL, TERMINOLOGY, Resource, to
from bench.county.names import person

IDENTITY = "https://fhir.county-hc.example/id/identity-number"
CARD = "https://fhir.county-hc.example/id/health-card"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident(number: int, chance: Random) -> Resource:
    """The Patient of a number."""
    year, month, day = chance.randint(1935, 2019), chance.randint(1, 12), chance.randint(1, 28)
    female = chance.random() < 0.5
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [
            {"use": "official", "system": IDENTITY, "value": identity_number(number, f"{year}{month:02d}{day:02d}")},
            {"use": "secondary", "system": CARD, "value": card_number(number)},
        ],
        "active": True,
        "name": [person(chance)],
        "telecom": [{"system": "phone", "value": f"1390{number:07d}", "use": "mobile"}],
        "gender": "female" if female else "male",
        "birthDate": f"{year}-{month:02d}-{day:02d}",
        "address": [
            {
                "use": "home",
                "text": f"青禾县{places.village_of(number)}{number % 90 + 1}号",
                "line": [f"{places.village_of(number)}{number % 90 + 1}号"],
                "city": "青禾县",
                "postalCode": "257300",
                "country": "CN",
            }
        ],
        "maritalStatus": {
            "coding": [{"system": f"{TERMINOLOGY}v3-MaritalStatus", "code": "M" if year < 2000 else "S"}]
        },
        "generalPractitioner": [to(f"Practitioner/{family_doctor(number)}")],
        "managingOrganization": to(f"Organization/clinic-{places.clinic_of(number)}"),
        "extension": [{"url": f"{LOCAL}record-number", "valueString": f"DA{number:010d}"}],
    }


def card_number(number: int) -> str:
    """The number on a resident's health card."""
    return f"JK{number * 7919 % 10**9:09d}"


def family_doctor(number: int) -> str:
    """The id of the physician who signed with a resident: one of the township hospital."""
    hospital = places.COUNTY_HOSPITALS + places.town_of(places.clinic_of(number))
    return f"physician-{hospital * places.PHYSICIANS_EACH + number % places.PHYSICIANS_EACH}"


def identity_number(number: int, born: str) -> str:
    """18 characters with a right check character; 999999 is no district, so it is nobody's."""
    body = f"999999{born}{number % 1000:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body, strict=True))
    return body + "10X98765432"[total % 11]
