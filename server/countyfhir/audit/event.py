"""AuditRecord <-> AuditEvent (R4 AuditEvent; DICOM PS3.15 A.5; IHE Basic Audit Log Patterns)."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from countyfhir.exchange import AuditRecord, Grant, Resource, changed
from countyfhir.outcome import FhirError
from countyfhir.search.query import InCompartment, SeenBy, Unlabelled
from countyfhir.store.instant import text as milliseconds
from countyfhir.store.ports import AuditStore

PREFIX = "countyfhir-"
OURS = re.compile(r"countyfhir-(0|[1-9][0-9]{0,17})")
"""Logical ids of the AuditEvents the server records; the number is the record's sequence."""

TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/audit-event-type"
SUBTYPE_SYSTEM = "http://hl7.org/fhir/restful-interaction"
ROLE_SYSTEM = "http://dicom.nema.org/resources/ontology/DCM"
SOURCE_SYSTEM = "http://terminology.hl7.org/CodeSystem/security-source-type"
ENTITY_SYSTEM = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLE_SYSTEM = "http://terminology.hl7.org/CodeSystem/object-role"
PURPOSE_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
BALP_SYSTEM = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
ORGANIZATION_ROLE = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"

SUBTYPE_OF: Mapping[str, str] = {"search-compartment": "search"}
"""Interactions of ours that R4's restful-interaction codes name otherwise."""
INTERACTION_OF = {code: kind for kind, code in SUBTYPE_OF.items()}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PURPOSE = re.compile(r"[A-Z][A-Z0-9]*")


def coding(system: str, code: str, display: str | None = None) -> dict[str, str]:
    """A Coding."""
    found = {"system": system, "code": code}
    return {**found, "display": display} if display else found


PERSON = coding(ENTITY_SYSTEM, "1", "Person")
SYSTEM_OBJECT = coding(ENTITY_SYSTEM, "2", "System Object")
REQUEST = coding(BALP_SYSTEM, "XrequestId", "X-Request-Id")
PATIENT_ROLE = coding(OBJECT_ROLE_SYSTEM, "1", "Patient")
RESOURCE_ROLE = coding(OBJECT_ROLE_SYSTEM, "4", "Domain Resource")
QUERY_ROLE = coding(OBJECT_ROLE_SYSTEM, "24", "Query")
SOURCE = {
    "observer": {"identifier": {"value": "countyfhir"}, "display": "CountyFHIR"},
    "type": [coding(SOURCE_SYSTEM, "4", "Application Server")],
}


def id_of(sequence: int) -> str:
    """The logical id of a record."""
    return f"{PREFIX}{sequence}"


def sequence_of(logical_id: str) -> int | None:
    """The record an id names; None when the id is not one of the server's own."""
    matched = OURS.fullmatch(logical_id)
    return int(matched[1]) if matched else None


def as_resource(sequence: int, record: AuditRecord) -> Resource:
    """The AuditEvent of a record; the same record gives the same resource for ever."""
    recorded = instant(record.recorded)
    return {
        "resourceType": "AuditEvent",
        "id": id_of(sequence),
        "meta": {"versionId": "1", "lastUpdated": recorded},
        "type": coding(TYPE_SYSTEM, "rest", "RESTful Operation"),
        "subtype": [coding(SUBTYPE_SYSTEM, SUBTYPE_OF.get(record.interaction, record.interaction))],
        "action": record.action,
        "recorded": recorded,
        "outcome": record.outcome,
        "outcomeDesc": f"HTTP {record.status}",
        **({"purposeOfEvent": [purpose(record.purpose)]} if record.purpose else {}),
        "agent": agents(record),
        "source": SOURCE,
        **({"entity": found} if (found := entities(record)) else {}),
    }


def instant(microseconds: int) -> str:
    """An instant in UTC, with all its digits."""
    return f"{milliseconds(microseconds)[:-1]}{microseconds % 1000:03d}Z"


def microseconds(text: str) -> int:
    """The microseconds since 1970 of an instant."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def purpose(text: str) -> dict[str, Any]:
    """A purpose of use: a code of v3 ActReason (TREAT, ETREAT, HPAYMT ...), else a text."""
    return {"coding": [coding(PURPOSE_SYSTEM, text)]} if PURPOSE.fullmatch(text) else {"text": text}


def agents(record: AuditRecord) -> list[dict[str, Any]]:
    """Who asked, and the organization it acted for."""
    caller: dict[str, Any] = {
        "type": {"coding": [coding(ROLE_SYSTEM, "110153", "Source Role ID")]},
        "who": {"identifier": {"value": record.principal}, "display": record.principal},
        "name": record.principal,
        "requestor": True,
    }
    if record.client:
        caller["network"] = {"address": record.client, "type": network_type(record.client)}
    if record.purpose:
        caller["purposeOfUse"] = [purpose(record.purpose)]
    if not record.organization:
        return [caller]
    organization: dict[str, Any] = {
        "type": {"coding": [coding(ORGANIZATION_ROLE, "PROV", "healthcare provider")]},
        "who": {"type": "Organization", "identifier": {"value": record.organization}},
        "requestor": False,
    }
    return [caller, organization]


def network_type(address: str) -> str:
    """The kind of network address: 2 IP address, 1 machine name."""
    try:
        ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "1"
    return "2"


def entities(record: AuditRecord) -> list[dict[str, Any]]:
    """The patients, the resource, the query and the request that the access concerns."""
    found: list[dict[str, Any]] = [
        {"what": {"reference": f"Patient/{patient}"}, "type": PERSON, "role": PATIENT_ROLE}
        for patient in record.patients
    ]
    if record.resource_type and record.logical_id:
        literal = f"{record.resource_type}/{record.logical_id}"
        if record.version_id:
            literal += f"/_history/{record.version_id}"
        found.append({"what": {"reference": literal}, "type": SYSTEM_OBJECT, "role": RESOURCE_ROLE})
    elif record.resource_type and record.query is None:
        found.append({"what": {"type": record.resource_type}, "type": SYSTEM_OBJECT, "role": RESOURCE_ROLE})
    if record.query is not None:
        text = base64.b64encode(record.query.encode()).decode()
        found.append({"type": SYSTEM_OBJECT, "role": QUERY_ROLE, "query": text})
    if record.request_id:
        found.append({"what": {"identifier": {"value": record.request_id}}, "type": REQUEST})
    return found


def as_record(event: Resource) -> AuditRecord:
    """The record of an AuditEvent that ``as_resource`` made."""
    kind = event["subtype"][0]["code"]
    caller, *others = event["agent"]
    by_role = {part.get("role", part["type"])["code"]: part for part in event.get("entity", ())}
    resource = by_role.get("4", {}).get("what", {})
    literal, _, version_id = resource.get("reference", "").partition("/_history/")
    resource_type, _, logical_id = literal.partition("/")
    query = by_role.get("24", {}).get("query")
    text = None if query is None else base64.b64decode(query).decode()
    purposes = caller.get("purposeOfUse", [{}])[0]
    return AuditRecord(
        recorded=microseconds(event["recorded"]),
        interaction=INTERACTION_OF.get(kind, kind),
        action=event["action"],
        outcome=event["outcome"],
        principal=caller["name"],
        organization=others[0]["who"]["identifier"]["value"] if others else None,
        resource_type=resource_type or resource.get("type") or type_of_query(text),
        logical_id=logical_id or None,
        version_id=version_id or None,
        patients=tuple(
            part["what"]["reference"].removeprefix("Patient/")
            for part in event.get("entity", ())
            if part.get("role") == PATIENT_ROLE
        ),
        query=text,
        client=caller.get("network", {}).get("address"),
        request_id=by_role.get("XrequestId", {}).get("what", {}).get("identifier", {}).get("value", ""),
        purpose=purposes.get("text") or purposes.get("coding", [{}])[0].get("code"),
        status=int(event["outcomeDesc"].removeprefix("HTTP ")),
    )


def type_of_query(query: str | None) -> str | None:
    """The resource type a recorded query is on."""
    path = (query or "").partition("?")[0].split("/")
    name = path[2] if len(path) == 3 and not path[2].startswith("$") else path[0]
    return name if name[:1].isupper() else None


@dataclass(frozen=True, slots=True)
class Visible:
    """Whose AuditEvents a narrowed caller sees: those that concern these patients, those of accesses by these
    institutions."""

    patients: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()

    def shows(self, record: AuditRecord) -> bool:
        """Whether the record is among them."""
        return record.organization in self.organizations or not self.patients.isdisjoint(record.patients)


def visible_of(grant: Grant) -> Visible | None:
    """The AuditEvents that a grant shows; None: all. FhirError ``forbidden`` (403) when the grant narrows them by
    parameters, which audit records cannot be narrowed by."""
    alternatives = grant.narrowed("AuditEvent")
    if alternatives is None:
        return None
    patients, organizations = set[str](), set[str]()
    for clauses in alternatives:
        told = [one for clause in clauses if not isinstance(clause[0], Unlabelled) for one in clause]
        if not told:
            return None
        for one in told:
            if isinstance(one, SeenBy):
                organizations.update(one.organizations)
            elif isinstance(one, InCompartment) and one.compartment_type == "Patient":
                patients.add(one.logical_id)
            else:
                raise FhirError(
                    "forbidden", "The granted scopes narrow AuditEvent by parameters that it cannot be narrowed by."
                )
    return Visible(frozenset(patients), frozenset(organizations))


def shown_to(visible: Visible | None, record: AuditRecord) -> AuditRecord:
    """The record as those may see it who may see these patients only: without other patients, and without the query,
    which may name them. Institutions see their own accesses as they are."""
    if visible is None or record.organization in visible.organizations:
        return record
    patients = tuple(patient for patient in record.patients if patient in visible.patients)
    another = record.resource_type == "Patient" and record.logical_id not in visible.patients
    logical_id, version_id = (None, None) if another else (record.logical_id, record.version_id)
    return changed(record, patients=patients, query=None, logical_id=logical_id, version_id=version_id)


async def read(logical_id: str, store: AuditStore, grant: Grant) -> Resource:
    """The AuditEvent that the server recorded under this id. FhirError ``not-found`` (404) when there is none, or
    none that the caller may see; ask ``sequence_of`` first whether the id is one of the server's own."""
    sequence = sequence_of(logical_id)
    record = None if sequence is None else await store.read(sequence)
    visible = visible_of(grant)
    if record is None or sequence is None or (visible is not None and not visible.shows(record)):
        raise FhirError("not-found", f"AuditEvent/{logical_id} is not known.")
    return as_resource(sequence, shown_to(visible, record))
