"""Resources inside resources: in a Bundle, in Parameters, and contained ones with their limits (R4 section 2.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.validation.problem import PLAIN_NAME, ObjectCheck, Problem, kind_of

SERVER_META = {"versionId": "dom-4", "lastUpdated": "dom-4", "security": "dom-5"}
"""Elements of meta that a contained resource must not have, with the invariant that says so."""


def resource_check(checks: Mapping[str, ObjectCheck]) -> ObjectCheck:
    """Any resource: the check of the type that ``resourceType`` names."""

    def checked(value: Any) -> list[Problem] | None:
        if type(value) is not dict:
            return [("", "structure", f"Expected a resource as a JSON object, not {kind_of(value)}.")]
        resource_type = value.get("resourceType")
        check = checks.get(resource_type) if type(resource_type) is str else None
        return [unknown_type(value)] if check is None else check(value)

    return checked


def unknown_type(resource: dict[str, Any]) -> Problem:
    """A resource whose type is missing or none of R4."""
    if "resourceType" not in resource:
        return "", "required", "resourceType is missing; a resource names its type, such as Patient."
    name = resource["resourceType"]
    shown = f"{name} is" if isinstance(name, str) and PLAIN_NAME.fullmatch(name) else "resourceType holds"
    return ".resourceType", "structure", f"{shown} no resource type of FHIR R4 (4.0.1)."


def contained_check(check: ObjectCheck) -> ObjectCheck:
    """A contained resource: has an id, contains nothing itself, carries no version, time or security labels."""

    def checked(value: Any) -> list[Problem] | None:
        found = check(value)
        if type(value) is not dict:
            return found
        more = containment_problems(value)
        return found if not more else (found or []) + more

    return checked


def containment_problems(resource: dict[str, Any]) -> list[Problem]:
    """What a contained resource has or lacks against the rules of containment."""
    found: list[Problem] = []
    if "id" not in resource:
        found.append(("", "required", "A contained resource needs an id, so that '#id' can point to it."))
    if "contained" in resource:
        found.append((".contained", "structure", "A contained resource must not contain resources itself (dom-2)."))
    meta = resource.get("meta")
    for name, key in SERVER_META.items():
        if isinstance(meta, dict) and name in meta:
            found.append((f".meta.{name}", "structure", f"A contained resource must not have meta.{name} ({key})."))
    return found
