"""Bindings of profiles by strength, through the membership function that is given (R4 section 4.1.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from countyfhir.validation.profiles.element_tree import Definition
from countyfhir.validation.profiles.spot import Judge, Run, Spot
from countyfhir.validation.rules.finding import Finding

MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
STRICT = {"required": "error", "extensible": "warning"}
"""Strength -> severity of a code that is not in the value set; preferred and example bindings ask nothing."""

Code = tuple[str | None, str]


def binding_judges(definition: Definition, label: str) -> Iterator[Judge]:
    """The judges of an element's binding, and of the largest value set it allows."""
    binding = definition.get("binding", {})
    strength, value_set = binding.get("strength"), binding.get("valueSet")
    if value_set and strength in STRICT:
        yield bound(value_set, strength, label)
    for extension in binding.get("extension", ()):
        largest = extension.get("valueCanonical") or extension.get("valueUri")
        if extension.get("url") == MAX_VALUE_SET and largest:
            yield bound(largest, "required", label)


def bound(value_set: str, strength: str, label: str) -> Judge:
    """The judge of a binding that is required or extensible."""
    severity = STRICT[strength]
    wrong = f"No code from the value set {value_set} ({strength})."
    unknown = f"Whether the code is in the value set {value_set} ({strength}) cannot be said: it is not loaded here."
    textual = f"The profile asks for a code from the value set {value_set}; text alone does not do."

    def judge(spot: Spot, run: Run) -> list[Finding] | None:
        codes = codes_of(spot.value)
        if codes is None:
            return None
        if not codes:
            return [Finding("", "code-invalid", textual, "error", label)] if strength == "required" else None
        answers = [run.around.knowledge.member(value_set, system, code) for system, code in codes]
        if True in answers:
            return None
        if None in answers:
            return [Finding("", "code-invalid", unknown, "warning", label)]
        return [Finding("", "code-invalid", wrong, severity, label)]

    return judge


def codes_of(value: Any) -> list[Code] | None:
    """The (system, code) pairs of a code, Coding, CodeableConcept or Quantity; None for what has no code to judge."""
    if isinstance(value, str):
        return [(None, value)]
    if not isinstance(value, dict):
        return None
    if "coding" in value or "text" in value:
        codings = value.get("coding")
        if not isinstance(codings, list):
            return []
        return [code for one in codings if isinstance(one, dict) for code in code_of(one)]
    return code_of(value) or (None if "value" in value or not value else [])


def code_of(coding: dict[str, Any]) -> list[Code]:
    """The pair of one coding, when it has a code."""
    code, system = coding.get("code"), coding.get("system")
    return [(system if isinstance(system, str) else None, code)] if isinstance(code, str) else []
