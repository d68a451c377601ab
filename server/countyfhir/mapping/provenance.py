"""Where a stored resource comes from: one Provenance a record (R4 Provenance, W3C PROV)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from countyfhir.mapping.record import MappedRecord, RecordMapping
from countyfhir.mapping.stable_id import stable_id

NAMESPACE = "https://fhir.county-hc.example"
DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stood: file (name inside its source), SHA-256 of the file, 1-based number, digest of the
    record."""

    file: str
    file_digest: str
    number: int
    record_digest: str
    recorded: str  # instant of the intake


def provenance(
    mapping: RecordMapping, record: MappedRecord, place: Place, activity: str, references: Sequence[str]
) -> dict[str, Any]:
    """The Provenance of the resources a record was made into, and of those it withdrew (``references``); ``activity``
    is CREATE, UPDATE or NULLIFY (v3-DataOperation). Its id follows from the natural key."""
    targets = [{"reference": reference} for reference in references]
    institution = {"reference": f"Organization/{organization_id(mapping.institution.key)}"}
    institution = {"reference": record.institution} if record.institution else institution
    return {
        "resourceType": "Provenance",
        "id": source_id(mapping, record),
        "target": targets,
        "recorded": place.recorded,
        "policy": [f"{NAMESPACE}/mapping/{mapping.name}|{mapping.version}"],
        "activity": {"coding": [{"system": DATA_OPERATION, "code": activity}]},
        "agent": [
            {
                "type": {"coding": [{"system": PARTICIPANT, "code": "author", "display": "Author"}]},
                "who": institution,
            },
            {
                "type": {"coding": [{"system": PARTICIPANT, "code": "assembler", "display": "Assembler"}]},
                "who": {"display": "CountyFHIR intake"},
            },
        ],
        "entity": [entity(mapping, record, place), file_entity(place)],
    }


def source_id(mapping: RecordMapping, record: MappedRecord) -> str:
    """The logical id of the Provenance of a record."""
    return stable_id(mapping.name, "Provenance", record.key)


def entity(mapping: RecordMapping, record: MappedRecord, place: Place) -> dict[str, Any]:
    """The record: natural key, number in the file, digest of its content."""
    value = f"{mapping.name}?{record.key}"
    return {
        "role": "source",
        "what": {
            "identifier": {"system": f"{NAMESPACE}/id/source-record", "value": value},
            "display": f"{place.file}, record {place.number}, sha256:{place.record_digest}",
        },
    }


def file_entity(place: Place) -> dict[str, Any]:
    """The file: SHA-256 of its bytes."""
    return {
        "role": "source",
        "what": {
            "identifier": {"system": f"{NAMESPACE}/id/source-file", "value": f"sha256:{place.file_digest}"},
            "display": place.file,
        },
    }


def organization_id(key: str) -> str:
    """The logical id of the Organization of an institution."""
    return stable_id("institutions", "Organization", key)
