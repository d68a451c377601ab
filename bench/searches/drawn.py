"""The values that a request of a shape is filled with, drawn from the generator: never asked of the server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from bench.county import calendar, places, residents
from bench.county.coded import CONDITIONS, DIABETES, HYPERTENSION, LABORATORY, PROCEDURES
from bench.county.making import FULL, Scale, record
from bench.county.names import FAMILIES, GIVEN

PREFIXES = ("", "eq", "lt", "gt", "ge", "le", "sa", "eb")
PINYIN = (("ouyang", "欧阳"), ("shangguan", "上官"), ("sima", "司马"))


@dataclass(frozen=True, slots=True)
class Drawn:
    """One draw of everything: a resident and their clinic, names, a day, a prefix, codes, places, amounts."""

    resident: str
    identity: str
    clinic: str
    hospital: str
    physician: str
    ward: str
    family: str
    given: str
    pinyin: str
    pinyin_family: str
    village: str
    prefix: str
    day: str
    born: str
    condition: str
    procedure: str
    laboratory: str
    millimoles: str
    pressure: int
    diabetics: frozenset[str] = frozenset()  # who has diabetes, where that is known


@lru_cache(maxsize=4096)
def identity_of(number: int, scale: Scale) -> str:
    """The identity number of a resident."""
    return str(next(record(number, scale))["identifier"][0]["value"])


def drawn(chance: Random, count: int, scale: Scale = FULL) -> Drawn:
    """Values of a county of ``count`` residents."""
    number, hospital = chance.randrange(count), chance.randrange(len(places.HOSPITALS))
    pinyin, family = chance.choice(PINYIN)
    return Drawn(
        resident=f"p{number}",
        identity=identity_of(number, scale),
        clinic=f"clinic-{places.clinic_of(number)}",
        hospital=f"hospital-{chance.randrange(places.COUNTY_HOSPITALS)}",
        physician=residents.family_doctor(number),
        ward=f"ward-{hospital}-{chance.randrange(places.WARDS_EACH)}",
        family=chance.choice(FAMILIES),
        given=chance.choice(GIVEN),
        pinyin=pinyin,
        pinyin_family=family,
        village=places.village_of(number),
        prefix=chance.choice(PREFIXES),
        day=chance.choice(calendar.DAYS),
        born=f"{chance.randint(1936, 2018)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
        condition=chance.choice((HYPERTENSION, DIABETES, *CONDITIONS))[0],
        procedure=chance.choice(PROCEDURES)[0],
        laboratory=chance.choice(LABORATORY).code,
        millimoles=f"{chance.randint(40, 70) / 10}",
        pressure=chance.randint(150, 175),
    )
