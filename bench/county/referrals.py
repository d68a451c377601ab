"""Two-way referrals (双向转诊): the request, and the task that the receiving hospital works on."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from bench.county import calendar
from bench.county.coded import LOCAL, SPECIALTIES, Resource, local, to
from bench.county.visit import Visit

OPEN = ("requested", "accepted", "in-progress")
RECENT = 200
"""Days before the end of 2025: what was referred earlier is done."""


def referral(visit: Visit, chance: Random) -> Iterator[Resource]:
    """ServiceRequest and Task, from the township hospital to a county hospital."""
    receiver = f"Organization/hospital-{chance.randrange(2)}"
    recent = visit.day > calendar.LENGTH - RECENT
    when = calendar.moment(visit.day, 10, visit.minute)
    yield {
        "resourceType": "ServiceRequest",
        "id": f"{visit.name}-r",
        "identifier": [{"system": f"{LOCAL}referral-number", "value": f"ZZ-{visit.name}"}],
        "status": "active" if recent else "completed",
        "intent": "order",
        "priority": chance.choice(("routine", "routine", "urgent")),
        "code": local("specialty", chance.choice(SPECIALTIES)),
        "subject": to(visit.patient),
        "encounter": to(f"Encounter/{visit.name}"),
        "authoredOn": when,
        "requester": to(visit.physician),
        "performer": [to(receiver)],
    }
    yield {
        "resourceType": "Task",
        "id": f"{visit.name}-t",
        "identifier": [{"system": f"{LOCAL}referral-number", "value": f"ZZ-{visit.name}"}],
        "status": chance.choice(OPEN) if recent else "completed",
        "intent": "order",
        "code": local("task", ("RW01", "转诊接收")),
        "focus": to(f"ServiceRequest/{visit.name}-r"),
        "for": to(visit.patient),
        "encounter": to(f"Encounter/{visit.name}"),
        "authoredOn": when,
        "lastModified": when,
        "requester": to(f"Organization/{visit.hospital}"),
        "owner": to(receiver),
    }
