"""What one record states about a real event, and when two statements are about the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from countyfhir.mapping.event import Event
from countyfhir.model import json

NATIONAL = "urn:oid:2.16.156.10011.1.3"
MINUTE = len("2025-01-01T00:00")
IDENTITY, LIKENESS = "id=", "like="
"""What tells persons apart: a verified identity number; name, birth date and sex together."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One record's statement: its own reference, the record, its source and channel, what identifies the event, the
    main value, and the resource as JSON text."""

    own: str
    record: str
    source: str
    channel: str
    institution: str | None
    subject: str | None
    numbers: list[list[str]]
    times: dict[str, str]
    code: str | None
    value: str
    body: str

    def resource(self) -> dict[str, Any]:
        """The resource that the record was mapped to."""
        return json.parse(self.body.encode())

    def as_dict(self) -> dict[str, Any]:
        """The form that the ledger keeps."""
        return asdict(self)


def statement(event: Event, resource: dict[str, Any], record: str, source: str) -> Statement:
    """The statement of a mapped record; times to the minute."""
    return Statement(
        event.reference,
        record,
        source,
        event.channel,
        event.institution,
        event.subject,
        [list(number) for number in event.numbers],
        {name: time[:MINUTE] for name, time in event.times},
        event.code,
        main_value(resource),
        json.dumps(resource).decode(),
    )


def keys(event: Event, within: str | None) -> list[str]:
    """Where other statements about the event are looked for; ``within`` is the resource that stands for the larger
    event. No personal value is in a key."""
    kind = event.reference.partition("/")[0]
    code = event.code or ""
    found = [f"{kind}|number|{system}|{value}" for system, value in event.numbers]
    found += [f"{kind}|time|{event.institution}|{name}|{time[:MINUTE]}|{code}" for name, time in event.times]
    if within is not None:
        found.append(f"{kind}|within|{within}|{code}")
    return [hashlib.sha256(key.encode()).hexdigest()[:40] for key in found]


def main_value(resource: dict[str, Any]) -> str:
    """The value in which two statements about one event must agree: of a result its value, of a report its conclusion,
    of a diagnosis its certainty."""
    parts = [resource, *resource.get("component", ())]
    values = [amount(part) for part in parts]
    certainty = [one.get("code", "") for one in resource.get("verificationStatus", {}).get("coding", ())]
    return "|".join([*values, "".join(str(resource.get("conclusion", "")).split()), *certainty]).strip("|")


def amount(part: dict[str, Any]) -> str:
    """A value[x] as comparable text; the unit does not take part."""
    if quantity := part.get("valueQuantity"):
        number = str(quantity.get("value", ""))
        number = number.rstrip("0").rstrip(".") if "." in number else number
        return f"{quantity.get('comparator', '')}{number}"
    if "valueString" in part:
        return f"text:{part['valueString']}"
    concept = part.get("valueCodeableConcept") or {}
    return str(concept.get("text") or "".join(one.get("code", "") for one in concept.get("coding", ())))


def evidence(patient: dict[str, Any]) -> frozenset[str]:
    """What tells a person apart, as digests."""
    found = {
        f"{IDENTITY}{digest(one['value'])}"
        for one in patient.get("identifier", ())
        if one.get("system") == NATIONAL and "value" in one
    }
    name = next((one["text"] for one in patient.get("name", ()) if one.get("text")), None)
    born, sex = str(patient.get("birthDate", "")), patient.get("gender")
    if name and len(born) == len("2025-01-01") and sex in ("male", "female"):
        found.add(f"{LIKENESS}{digest(f'{name}|{born}|{sex}')}")
    return frozenset(found)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def same_person(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether the evidence says that two records are about one person: the same identity number; or the same name,
    birth date and sex, unless both have a number and it differs."""
    if any(token.startswith(IDENTITY) for token in one & other):
        return True
    return bool(one & other) and not two_numbers(one, other)


def two_numbers(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether both have an identity number."""
    return all(any(token.startswith(IDENTITY) for token in tokens) for tokens in (one, other))


def told_apart(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether both have an identity number, or both a likeness, and it differs."""
    return any(
        {token for token in one if token.startswith(kind)} and {token for token in other if token.startswith(kind)}
        for kind in (IDENTITY, LIKENESS)
    )


def contradict(one: Statement, other: Statement) -> bool:
    """Whether two statements cannot be about one event: another number of the same system, another value, another
    instant of the same name, or two records of one source without a common number."""
    if common_number(one, other):
        return False
    if one.value != other.value:
        return True
    systems = {system for system, _ in one.numbers} & {system for system, _ in other.numbers}
    differing = any(one.times[name] != other.times[name] for name in one.times.keys() & other.times.keys())
    return bool(systems) or differing or one.source == other.source


def common_number(one: Statement, other: Statement) -> bool:
    """Whether both have a number of one system."""
    return bool(pairs(one.numbers) & pairs(other.numbers))


def pairs(numbers: Iterable[list[str]]) -> set[tuple[str, str]]:
    return {(system, value) for system, value in numbers}
