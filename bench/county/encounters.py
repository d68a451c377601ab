"""Visits and what is done there besides measuring: procedures and prescriptions."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from bench.county import calendar, places
from bench.county.coded import LOCAL, MEDICINES, PROCEDURES, TERMINOLOGY, Resource, local, to
from bench.county.visit import Visit

CLASSES = ("AMB", "AMB", "AMB", "AMB", "IMP", "EMER", "HH")


def encounter(visit: Visit, chance: Random) -> Resource:
    """A visit at the clinic's township hospital or at a county hospital; one in sixty is still under way."""
    hospital = int(visit.hospital.rpartition("-")[2])
    open_still = visit.day > calendar.LENGTH - 120 and chance.random() < 0.3
    period = {"start": calendar.moment(visit.day, 8, visit.minute)}
    return {
        "resourceType": "Encounter",
        "id": visit.name,
        "status": "in-progress" if open_still else "finished",
        "class": {"system": f"{TERMINOLOGY}v3-ActCode", "code": chance.choice(CLASSES)},
        "subject": to(visit.patient),
        "participant": [{"individual": to(visit.physician)}],
        "period": period if open_still else period | {"end": calendar.moment(visit.day, 9, visit.minute)},
        "location": [{"location": to(f"Location/ward-{hospital}-{chance.randrange(places.WARDS_EACH)}")}],
        "serviceProvider": to(f"Organization/{visit.hospital}"),
    }


def prescriptions(visit: Visit, chance: Random) -> Iterator[Resource]:
    """One or two medicines, the recent ones still taken."""
    for place in range(chance.choice((1, 1, 2))):
        yield {
            "resourceType": "MedicationRequest",
            "id": f"{visit.name}-m{place}",
            "status": "active" if visit.day > calendar.LENGTH - 150 else "completed",
            "intent": "order",
            "medicationCodeableConcept": local("medicine", chance.choice(MEDICINES)),
            "subject": to(visit.patient),
            "encounter": to(f"Encounter/{visit.name}"),
            "authoredOn": calendar.moment(visit.day, 8, visit.minute),
            "requester": to(visit.physician),
            "dosageInstruction": [
                {"text": "每日两次，每次一片", "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}}
            ],
        }


def procedure(visit: Visit, chance: Random) -> Resource:
    """Something done at a visit."""
    return {
        "resourceType": "Procedure",
        "id": f"{visit.name}-x",
        "identifier": [{"system": f"{LOCAL}procedure-number", "value": f"CZ-{visit.name}"}],
        "status": "completed",
        "code": local("procedure", chance.choice(PROCEDURES)),
        "subject": to(visit.patient),
        "encounter": to(f"Encounter/{visit.name}"),
        "performedDateTime": calendar.DAYS[visit.day],
        "performer": [{"actor": to(visit.physician)}],
    }
