"""What $apply is asked: the definition, the subject and who else is in context."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Interaction, Resource
from countyfhir.outcome import FhirError

REFERENCES = ("subject", "encounter", "practitioner", "organization")
CONCEPTS = ("userType", "userLanguage", "userTaskContext", "setting", "settingContext")
_FORM = ("_format", "_pretty")
Asked = dict[str, list[Any]]


def asked_of(interaction: Interaction, definition: str) -> Asked:
    """The parameters by name; FhirError 400 for one that is not known, or is there too often. ``definition`` is the
    name of the parameter that brings the definition itself."""
    found: Asked = {}
    for name, text in interaction.query:
        if name not in _FORM:
            found.setdefault(name, []).append(text)
    body = interaction.body
    if isinstance(body, dict) and body.get("resourceType") == "Parameters":
        for one in body.get("parameter", ()):
            value = next((one[key] for key in one if key == "resource" or key.startswith("value")), None)
            found.setdefault(str(one.get("name")), []).append(value)
    elif isinstance(body, dict) and body.get("resourceType"):
        raise FhirError("structure", "$apply takes a Parameters resource.", expression="Parameters")
    known = (definition, "url", "persist", *REFERENCES, *CONCEPTS)
    for name, values in found.items():
        if name not in known:
            told = f"$apply takes {', '.join(known)}; '{name[:64]}' is none of them."
            raise FhirError("not-supported", told, status=400, expression="Parameters.parameter")
        if len(values) > 1:
            told = f"$apply is called for one {name} at a time: a plan has one subject."
            raise FhirError("not-supported" if name == "subject" else "invalid", told, status=400, expression=name)
    if "subject" not in found:
        raise FhirError("required", "Name the subject: subject=Patient/[id].", expression="subject")
    return found


def reference_in(asked: Asked, name: str) -> str | None:
    """The reference that a parameter names, as text or as a Reference; None where it is not sent."""
    values = asked.get(name)
    if not values:
        return None
    told: Any = values[0].get("reference") if isinstance(values[0], dict) else values[0]
    if not isinstance(told, str) or "/" not in told:
        raise FhirError("value", f"{name} is a reference, such as Patient/[id].", expression=name)
    return told


def definition_in(asked: Asked, name: str, resource_type: str) -> Resource | None:
    """The definition that was sent along."""
    values = asked.get(name)
    if not values:
        return None
    found = values[0]
    if not isinstance(found, dict) or found.get("resourceType") != resource_type:
        raise FhirError("structure", f"{name} brings a {resource_type} as its resource.", expression=name)
    return found
