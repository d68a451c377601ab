"""What a source no longer states: never deleted, but a version that says so (entered-in-error, cancelled, inactive)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from countyfhir.exchange import SYSTEM, Interaction
from countyfhir.intake.desk import Desk
from countyfhir.model import json
from countyfhir.model.definitions import definitions
from countyfhir.outcome import FhirError

ERROR = "entered-in-error"
VERIFICATION: Mapping[str, str] = {
    "Condition": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
    "AllergyIntolerance": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
}
"""Types whose verificationStatus says it; they then have no clinicalStatus (invariants con-5, ait-2)."""
STATUS_ELEMENTS = ("status", "lifecycleStatus")
LAST_STATES = (ERROR, "cancelled", "inactive", "retired")
"""What ends a resource, best first; a type takes the first that its status knows."""
GONE = (404, 410)


def unverified(resource: dict[str, Any]) -> dict[str, Any]:
    """A Condition or AllergyIntolerance that was entered in error."""
    made = {name: part for name, part in resource.items() if name != "clinicalStatus"}
    coding = {"system": VERIFICATION[resource["resourceType"]], "code": ERROR}
    return made | {"verificationStatus": {"coding": [coding]}}


def inactive(resource: dict[str, Any]) -> dict[str, Any]:
    """A Patient, Practitioner, … that is no longer in use."""
    return resource | {"active": False}


def ended(element: str, code: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Puts the last state into the element that holds the status."""
    return lambda resource: resource | {element: code}


def way_of(resource_type: str) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
    """How resources of a type say that they no longer hold; None for types that cannot."""
    if resource_type in VERIFICATION:
        return unverified
    elements, known = definitions().types[resource_type].elements, definitions()
    for name in STATUS_ELEMENTS:
        element = elements.get(name)
        if element is not None and element.type_name == "code" and element.binding_value_set:
            codes = known.value_set_codes(element.binding_value_set) or frozenset()
            code = next((state for state in LAST_STATES if state in codes), None)
            if code is not None:
                return ended(name, code)
    return inactive if "active" in elements else None


async def withdrawn(references: Sequence[str], desk: Desk) -> tuple[list[dict[str, Any]], list[str]]:
    """The versions that withdraw the resources, and those that no version can withdraw (they have no state at all and
    are deleted; their history stays). What is gone or withdrawn already is left out."""
    versions, without = [], []
    for reference in references:
        resource_type, _, logical_id = reference.partition("/")
        current = await current_version(resource_type, logical_id, desk)
        if current is None:
            continue
        withdraw = way_of(resource_type)
        if withdraw is None:
            without.append(reference)
        elif (made := withdraw(current)) != current:
            versions.append(made)
    return versions, without


async def current_version(resource_type: str, logical_id: str, desk: Desk) -> dict[str, Any] | None:
    """The resource as it is now, read through the one door, without the stamps of its version."""
    interaction = Interaction("read", resource_type, logical_id, principal=SYSTEM)
    try:
        (answer,) = await desk.write([interaction])
    except FhirError as error:
        if error.status in GONE:
            return None
        raise
    resource: Any = json.parse(answer.body) if isinstance(answer.body, bytes) else answer.body
    if not resource:
        return None
    meta = {name: part for name, part in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    kept = {name: part for name, part in resource.items() if name != "meta"}
    return kept | ({"meta": meta} if meta else {})
