"""Institutions, their departments and physicians, and the villages: the part of the county that does not grow with
its residents, but for one village clinic per 250 of them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from bench.county.coded import LOCAL, TERMINOLOGY, Resource, to
from bench.county.names import person

TOWNS = ("青禾镇", "柳河镇", "石桥镇", "东岭乡", "白石镇", "上河镇", "云溪乡", "南塘镇")
VILLAGES = ("李家村", "王庄", "大河口", "小南沟", "杨树屯", "石门村", "后岭", "前湾", "西坡", "东泉")
HOSPITALS = ("青禾县人民医院", "青禾县中医医院", *(f"{town}卫生院" for town in TOWNS))
COUNTY_HOSPITALS = 2
PHYSICIANS_EACH = 8
WARDS_EACH = 3
RESIDENTS_A_CLINIC = 250


def clinic_of(resident: int) -> int:
    """The number of the village clinic that a resident goes to."""
    return resident // RESIDENTS_A_CLINIC


def town_of(clinic: int) -> int:
    """The number of the township that a village clinic belongs to."""
    return clinic % len(TOWNS)


def village_of(resident: int) -> str:
    """Town and village of a resident: a village has one clinic, so that it does not grow with the county (up to 80)."""
    clinic = clinic_of(resident)
    return f"{TOWNS[town_of(clinic)]}{VILLAGES[clinic // len(TOWNS) % len(VILLAGES)]}"


def hospital_of(resident: int) -> str:
    """The id of the township hospital of a resident."""
    return f"hospital-{COUNTY_HOSPITALS + town_of(clinic_of(resident))}"


def institutions() -> Iterator[Resource]:
    """Hospitals with their departments and physicians."""
    for number, name in enumerate(HOSPITALS):
        part = f"Organization/hospital-{0 if number < COUNTY_HOSPITALS else number % COUNTY_HOSPITALS}"
        yield organization(f"hospital-{number}", name, part if number else None)
        for ward in range(WARDS_EACH):
            yield ward_of(number, ward)
        for doctor in range(number * PHYSICIANS_EACH, (number + 1) * PHYSICIANS_EACH):
            yield physician(doctor)
            yield role(doctor, number)


def clinics(first: int, behind: int) -> Iterator[Resource]:
    """The village clinics that begin with the residents ``first`` up to ``behind``."""
    for number in range(-(-first // RESIDENTS_A_CLINIC), -(-behind // RESIDENTS_A_CLINIC)):
        name = f"{village_of(number * RESIDENTS_A_CLINIC)}第{number}卫生室"
        yield organization(f"clinic-{number}", name, f"Organization/hospital-{COUNTY_HOSPITALS + town_of(number)}")


def organization(logical_id: str, name: str, part_of: str | None) -> Resource:
    """An institution."""
    made = {
        "resourceType": "Organization",
        "id": logical_id,
        "identifier": [{"system": f"{LOCAL}institution-number", "value": logical_id.upper()}],
        "active": True,
        "type": [{"coding": [{"system": f"{TERMINOLOGY}organization-type", "code": "prov"}]}],
        "name": name,
        "address": [{"text": f"青禾县{name}", "city": "青禾县"}],
    }
    return made | {"partOf": to(part_of)} if part_of else made


def ward_of(hospital: int, ward: int) -> Resource:
    """A department of a hospital."""
    return {
        "resourceType": "Location",
        "id": f"ward-{hospital}-{ward}",
        "status": "active",
        "name": f"{HOSPITALS[hospital]}{('门诊', '病区', '检验科')[ward]}",
        "managingOrganization": to(f"Organization/hospital-{hospital}"),
        "position": {"longitude": 117.5 + hospital / 50, "latitude": 36.2 + hospital / 40},
    }


def physician(number: int) -> Resource:
    """A physician."""
    return {
        "resourceType": "Practitioner",
        "id": f"physician-{number}",
        "identifier": [{"system": f"{LOCAL}physician-number", "value": f"D{number:05d}"}],
        "active": True,
        "name": [person(Random(number + 7))],
    }


def role(doctor: int, hospital: int) -> Resource:
    """What a physician is at a hospital."""
    return {
        "resourceType": "PractitionerRole",
        "id": f"role-{doctor}",
        "active": True,
        "practitioner": to(f"Practitioner/physician-{doctor}"),
        "organization": to(f"Organization/hospital-{hospital}"),
    }
