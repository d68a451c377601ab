"""The whole county as a stream: institutions first, then resident after resident with all their records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from bench.county import calendar, care, encounters, observations, places, referrals, residents
from bench.county.coded import DIABETES, Resource
from bench.county.visit import Visit

VISITS = (6, 7, 8, 9, 10, 11)


@dataclass(frozen=True, slots=True)
class Scale:
    """How a county is made: ``seed``, and ``part`` of the visits that each resident makes (1: about a hundred
    resources a resident; 0.3 makes about a third)."""

    seed: int = 1
    part: float = 1.0


FULL = Scale()


def county(count: int, scale: Scale = FULL, first: int = 0) -> Iterator[Resource]:
    """The residents numbered ``first`` up to ``count`` and what they refer to. A county of fewer residents is the
    beginning of a larger one, so that one may be grown by loading what follows."""
    if first == 0:
        yield from places.institutions()
    yield from places.clinics(first, count)
    for number in range(first, count):
        yield from record(number, scale)


def record(number: int, scale: Scale = FULL) -> Iterator[Resource]:
    """A resident and all that is recorded of them."""
    chance = Random(scale.seed * 1_000_003 + number)
    patient = f"Patient/p{number}"
    yield residents.resident(number, chance)
    found = care.diagnoses(patient, chance)
    yield from care.conditions(patient, found, chance)
    yield from care.signing(number, chance)
    yield care.plan(number, chance)
    yield from care.vaccinations(number, chance)
    for place, visit in enumerate(_visits(number, chance, scale)):
        yield encounters.encounter(visit, chance)
        yield from observations.vital_signs(visit, chance)
        if place % 2 == 0:
            yield from observations.laboratory(visit, chance, diabetic=DIABETES in found)
        yield from encounters.prescriptions(visit, chance)
        if place % 4 == 1:
            yield encounters.procedure(visit, chance)
        if place % 4 == 3:
            yield from referrals.referral(visit, chance)


def _visits(number: int, chance: Random, scale: Scale) -> Iterator[Visit]:
    count = max(1, round(chance.choice(VISITS) * scale.part))
    for place, day in enumerate(calendar.visits(chance, count)):
        at_county = chance.random() < 0.3
        hospital = f"hospital-{chance.randrange(2)}" if at_county else places.hospital_of(number)
        physicians = places.PHYSICIANS_EACH * int(hospital.rpartition("-")[2])
        doctor = f"Practitioner/physician-{physicians + chance.randrange(places.PHYSICIANS_EACH)}"
        yield Visit(f"p{number}-e{place}", f"Patient/p{number}", doctor, hospital, day, chance.randrange(60))
