"""Targets of literal references (R4 section 2.3.0): the type in the URL must be one the element allows."""

from __future__ import annotations

import re
from typing import Any

from countyfhir.model.definitions import definitions
from countyfhir.validation.problem import ObjectCheck, Problem

WRONG_TARGET = "business-rule"
"""Issue code of a target of another type: a warning, as four of the specification's own examples have such a target."""

LITERAL = re.compile(
    r"(?:https?://\S+/)?([A-Z][A-Za-z]+)(?:/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?|\?.*)"
)
"""``Patient/1``, ``http://example.org/fhir/Patient/1/_history/2`` or the conditional ``Patient?identifier=…``."""


def target_check(name: str, targets: tuple[str, ...], check: ObjectCheck) -> ObjectCheck:
    """A Reference that is limited to ``targets``; fragments, urns and foreign URLs say no type and pass."""
    allowed = frozenset(targets)
    resource_types = definitions().resource_types

    def checked(value: Any) -> list[Problem] | None:
        found = check(value)
        if found is not None or "reference" not in value:
            return found
        reference = value["reference"]
        if reference.partition("/")[0] in allowed:
            return None
        literal = LITERAL.fullmatch(reference)
        if literal is None or literal[1] in allowed or literal[1] not in resource_types:
            return None
        return [(".reference", WRONG_TARGET, f"{name} may point to {', '.join(targets)}, not to {literal[1]}.")]

    return checked
