"""What a Patient is compared by, taken out of the resource once and kept by the index."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from countyfhir.exchange import Resource
from countyfhir.identity import addresses
from countyfhir.identity.golden_ids import is_golden
from countyfhir.identity.names import Name, name_of
from countyfhir.identity.national import birth_of, sex_of, valid
from countyfhir.identity.rules import Rules

_DATE = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?")
_PLACEHOLDER_DATES = ("1900-01-01", "1899-12-30", "1970-01-01", "0001-01-01", "9999-12-31")
_FEWEST_DIGITS = 7


class Features(Struct, frozen=True, array_like=True):
    """Everything in one form. ``asserted``: Patients that the record itself says to be the same person; ``replaced_by``
    those that take its place; ``opaque``: not to be matched (the golden record of another)."""

    names: tuple[Name, ...] = ()
    sex: str = ""
    birth: str = ""
    national: tuple[str, ...] = ()
    archive: tuple[str, ...] = ()
    identifiers: tuple[tuple[str, str], ...] = ()
    phones: tuple[str, ...] = ()
    places: tuple[tuple[str, str, str], ...] = ()
    contact_phones: tuple[str, ...] = ()
    contact_names: tuple[str, ...] = ()
    asserted: tuple[str, ...] = ()
    replaced_by: tuple[str, ...] = ()


def features_of(patient: Resource, rules: Rules) -> Features:
    """The features of a Patient, whatever is in it."""
    identifiers = [
        (str(one.get("system", "")), str(one["value"])) for one in _each(patient, "identifier") if one.get("value")
    ]
    national = sorted({good for system, value in identifiers if system in rules.national and (good := valid(value))})
    special = rules.national | rules.unverified | rules.countywide
    contacts = _each(patient, "contact")
    named = (_name_text(contact.get("name")) for contact in contacts)
    return Features(
        names=_names(patient, rules),
        sex=str(patient.get("gender", "")) if patient.get("gender") in ("male", "female") else sex_of(national),
        birth=_birth(patient),
        national=tuple(national),
        archive=tuple(sorted({value for system, value in identifiers if system in rules.countywide})),
        identifiers=tuple(sorted({pair for pair in identifiers if pair[0] and pair[0] not in special})),
        phones=_phones(patient, rules),
        places=tuple(sorted({place for one in _each(patient, "address") if any(place := _place(one))})),
        contact_phones=tuple(sorted({phone for contact in contacts for phone in _phones(contact, rules)})),
        contact_names=tuple(sorted({made.text for text in named if text and (made := name_of(text, rules))})),
        asserted=_links(patient, ("refer", "seealso")),
        replaced_by=_links(patient, ("replaced-by",)),
    )


def births_of(features: Features) -> tuple[str, ...]:
    """The birth dates a record states: as recorded, and inside its identity numbers."""
    said = (features.birth, *(birth_of(number) for number in features.national))
    return tuple(dict.fromkeys(one for one in said if one))


def _each(resource: Resource, name: str) -> list[dict[str, Any]]:
    listed = resource.get(name)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _names(patient: Resource, rules: Rules) -> tuple[Name, ...]:
    made = (name_of(text, rules) for one in _each(patient, "name") if (text := _name_text(one)))
    return tuple(dict.fromkeys(name for name in made if name is not None))


def _name_text(name: Any) -> str:
    if not isinstance(name, dict):
        return ""
    family, given = str(name.get("family") or ""), [str(one) for one in name.get("given") or () if one]
    if name.get("text"):
        return str(name["text"])
    joined = "".join((family, *given))
    return joined if not joined.isascii() else " ".join((family, *given)).strip()


def _birth(patient: Resource) -> str:
    found = str(patient.get("birthDate") or "")
    return found if _DATE.fullmatch(found) and found not in _PLACEHOLDER_DATES else ""


def _phones(holder: Resource, rules: Rules) -> tuple[str, ...]:
    found = set()
    for one in _each(holder, "telecom"):
        if one.get("system", "phone") in ("phone", "sms") and one.get("use") != "old":
            digits = re.sub(r"\D", "", str(one.get("value") or ""))
            digits = digits.removeprefix("0086") if digits.startswith("0086") else digits
            digits = digits[2:] if len(digits) == 13 and digits.startswith("86") else digits
            if len(digits) >= _FEWEST_DIGITS and not rules.placeholder_phones.search(digits):
                found.add(digits)
    return tuple(sorted(found))


def _place(address: dict[str, Any]) -> tuple[str, str, str]:
    text = address.get("text")
    if not text:
        lines = (str(one) for one in address.get("line") or () if one)
        text = "".join((str(address.get("city") or ""), str(address.get("district") or ""), *lines))
    return addresses.parts_of(str(text))


def _links(patient: Resource, kinds: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for link in _each(patient, "link"):
        other = link.get("other")
        reference = str(other.get("reference", "")) if isinstance(other, dict) else ""
        kind, _, logical_id = reference.rpartition("/")
        if str(link.get("type")) in kinds and kind.rpartition("/")[2] == "Patient" and not is_golden(logical_id):
            found.append(logical_id)
    return tuple(sorted(set(found)))
