"""The golden record of a person: made from the records of the institutions by one rule, and the links between them
(R4 Patient.link; docs/persons.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.identity.features import Features, features_of
from countyfhir.identity.golden_ids import is_golden
from countyfhir.identity.national import birth_of
from countyfhir.identity.rules import Rules

TAG = {
    "system": "https://fhir.county-hc.example/cs/record-kind",
    "code": "golden",
    "display": "Golden record of a person, kept by the server 主索引记录",
}
NATIONAL = "urn:oid:2.16.156.10011.1.3"
_WHOLE = ("name", "telecom", "address", "maritalStatus", "multipleBirthBoolean", "multipleBirthInteger")
_SERVERS = ("refer", "replaced-by", "replaces", "seealso")


def golden_record(logical_id: str, members: Mapping[str, Resource], rules: Rules) -> Resource:
    """The golden Patient of these records. Each element comes from the first record that has it, in this order: with a
    verified identity number, with an archive number, in use before merged ones, with more elements, by id. A birth date
    that agrees with the identity number goes before one that does not, a whole one before a partial one."""
    features = {one: features_of(patient, rules) for one, patient in members.items()}
    order = sorted(members, key=lambda one: _rank(one, members[one], features[one]))
    made: Resource = {"resourceType": "Patient", "id": logical_id, "meta": {"tag": [TAG]}}
    made["identifier"] = _identifiers(order, members, features, rules)
    made["active"] = any(members[one].get("active", True) for one in order)
    for name in _WHOLE:
        made |= _first(name, order, members)
    made |= _gender(order, features, members) | _birth(order, features) | _deceased(order, members)
    made["link"] = [{"other": {"reference": f"Patient/{one}"}, "type": "seealso"} for one in sorted(members)]
    return {name: value for name, value in made.items() if value not in ([], None)}


def retired_record(logical_id: str, heir: str) -> Resource:
    """What is left of a golden record that went into another: where it went."""
    link = [{"other": {"reference": f"Patient/{heir}"}, "type": "replaced-by"}]
    return {"resourceType": "Patient", "id": logical_id, "meta": {"tag": [TAG]}, "active": False, "link": link}


def empty_record(logical_id: str) -> Resource:
    """A golden record that is nobody's any more."""
    return {"resourceType": "Patient", "id": logical_id, "meta": {"tag": [TAG]}, "active": False}


def _rank(logical_id: str, patient: Resource, features: Features) -> tuple[Any, ...]:
    return (
        not features.national,
        not features.archive,
        patient.get("active") is False,
        bool(features.replaced_by),
        -sum(name in patient for name in (*_WHOLE, "gender", "birthDate")),
        logical_id,
    )


def _identifiers(
    order: list[str], members: Mapping[str, Resource], features: Mapping[str, Features], rules: Rules
) -> list[Resource]:
    """Verified identity numbers and archive numbers; numbers of institutions stay with their records."""
    numbers = dict.fromkeys(number for one in order for number in features[one].national)
    archives = [
        {"system": each["system"], "value": each["value"]}
        for one in order
        for each in members[one].get("identifier", ())
        if each.get("system") in rules.countywide and each.get("value")
    ]
    listed = [{"system": NATIONAL, "value": number} for number in numbers]
    return listed + [each for place, each in enumerate(archives) if each not in archives[:place]]


def _first(name: str, order: list[str], members: Mapping[str, Resource]) -> Resource:
    return next(({name: members[one][name]} for one in order if members[one].get(name) not in (None, [])), {})


def _gender(order: list[str], features: Mapping[str, Features], members: Mapping[str, Resource]) -> Resource:
    sex = next((features[one].sex for one in order if features[one].sex), None)
    return {"gender": sex} if sex else _first("gender", order, members)


def _birth(order: list[str], features: Mapping[str, Features]) -> Resource:
    verified = {birth_of(number) for one in order for number in features[one].national}
    said = [features[one].birth for one in order if features[one].birth]
    best = sorted(said, key=lambda birth: (birth not in verified, -len(birth)))
    if not best and verified:
        best = sorted(verified)
    return {"birthDate": best[0]} if best else {}


def _deceased(order: list[str], members: Mapping[str, Resource]) -> Resource:
    dated = _first("deceasedDateTime", order, members)
    said = any(members[one].get("deceasedBoolean") is True for one in order)
    return dated or ({"deceasedBoolean": True} if said else {})


def with_links(patient: Resource, links: Iterable[tuple[str, str]], kept: frozenset[str]) -> Resource:
    """The record with exactly these (type, Patient id) of the server's own links; ``kept`` are ids of which the links
    that others wrote stay. Nothing else changes; the same object when nothing does."""
    wanted = [{"other": {"reference": f"Patient/{other}"}, "type": kind} for kind, other in links]
    before = patient.get("link")
    listed = before if isinstance(before, list) else []
    foreign = [one for one in listed if not _servers_own(one, kept)]
    after = foreign + [one for one in wanted if one not in foreign]
    if sorted(map(repr, after)) == sorted(map(repr, listed)):
        return patient
    changed = {name: value for name, value in patient.items() if name != "link"}
    return changed | {"link": after} if after else changed


def _servers_own(link: Any, kept: frozenset[str]) -> bool:
    reference = str(link.get("other", {}).get("reference", "")) if isinstance(link, dict) else ""
    other = reference.removeprefix("Patient/")
    return is_golden(other) or (link.get("type") in _SERVERS and other in kept)
