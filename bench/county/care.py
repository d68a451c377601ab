"""What the family doctor's signing brings: contract, consent, care plan with its follow-ups, vaccinations, and the
list of conditions."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from bench.county import calendar, places
from bench.county.coded import (
    CONDITIONS,
    DIABETES,
    HYPERTENSION,
    ICD10,
    LOCAL,
    TERMINOLOGY,
    VACCINES,
    Resource,
    concept,
    hl7,
    local,
    to,
)
from bench.county.residents import family_doctor


def diagnoses(patient: str, chance: Random) -> list[tuple[str, str, str]]:
    """What a resident has: hypertension, diabetes or not, and one or two others."""
    chronic = [each for each, share in ((HYPERTENSION, 0.35), (DIABETES, 0.15)) if chance.random() < share]
    return chronic + chance.sample(CONDITIONS, chance.choice((1, 2)))


def conditions(patient: str, found: list[tuple[str, str, str]], chance: Random) -> Iterator[Resource]:
    """The list of conditions."""
    for place, each in enumerate(found):
        yield {
            "resourceType": "Condition",
            "id": f"{patient.partition('/')[2]}-c{place}",
            "clinicalStatus": hl7("condition-clinical", "active"),
            "verificationStatus": hl7("condition-ver-status", "confirmed"),
            "category": [hl7("condition-category", "problem-list-item")],
            "code": concept(ICD10, *each),
            "subject": to(patient),
            "onsetDateTime": calendar.DAYS[chance.randrange(calendar.LENGTH)],
            "recordedDate": calendar.DAYS[chance.randrange(calendar.LENGTH)],
        }


def signing(number: int, chance: Random) -> Iterator[Resource]:
    """Contract (家庭医生签约) and Consent to share the record inside the county."""
    patient, day = f"Patient/p{number}", calendar.DAYS[chance.randrange(calendar.LENGTH - 365)]
    clinic = f"Organization/clinic-{places.clinic_of(number)}"
    yield {
        "resourceType": "Contract",
        "id": f"p{number}-contract",
        "identifier": [{"system": f"{LOCAL}contract-number", "value": f"QY{number:08d}"}],
        "status": "executed",
        "issued": f"{day}T09:00:00+08:00",
        "applies": {"start": day, "end": f"{int(day[:4]) + 1}-12-31"},
        "subject": [to(patient)],
        "authority": [to(clinic)],
        "title": "家庭医生签约服务协议",
    }
    yield {
        "resourceType": "Consent",
        "id": f"p{number}-consent",
        "status": "active",
        "scope": hl7("consentscope", "patient-privacy"),
        "category": [concept("http://loinc.org", "59284-0", "Consent Document")],
        "patient": to(patient),
        "dateTime": day,
        "organization": [to(clinic)],
        "policyRule": concept(f"{TERMINOLOGY}v3-ActCode", "OPTIN", "opt-in"),
    }


def plan(number: int, chance: Random) -> Resource:
    """The year's plan of care with the next follow-up (随访) as its activity."""
    due = chance.randrange(calendar.LENGTH - 300, calendar.LENGTH)
    return {
        "resourceType": "CarePlan",
        "id": f"p{number}-plan",
        "status": chance.choice(("active", "active", "completed")),
        "intent": "plan",
        "title": "慢性病健康管理计划",
        "subject": to(f"Patient/p{number}"),
        "period": {"start": "2025-01-01", "end": "2025-12-31"},
        "author": to(f"Practitioner/{family_doctor(number)}"),
        "activity": [
            {
                "detail": {
                    "status": "scheduled",
                    "code": local("activity", ("SF01", "随访")),
                    "scheduledPeriod": {"start": calendar.DAYS[max(0, due - 7)], "end": calendar.DAYS[due]},
                }
            }
        ],
    }


def vaccinations(number: int, chance: Random) -> Iterator[Resource]:
    """Two vaccinations at the village clinic."""
    for place, vaccine in enumerate(chance.sample(VACCINES, 2)):
        yield {
            "resourceType": "Immunization",
            "id": f"p{number}-v{place}",
            "status": "completed",
            "vaccineCode": local("vaccine", vaccine),
            "patient": to(f"Patient/p{number}"),
            "occurrenceDateTime": calendar.DAYS[chance.randrange(calendar.LENGTH)],
            "lotNumber": f"L{chance.randrange(10**6):06d}",
            "performer": [{"actor": to(f"Organization/clinic-{places.clinic_of(number)}")}],
        }
