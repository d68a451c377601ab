"""Invariants whose published expression is wrong, costly or done elsewhere, each with the reason (R4 4.0.1)."""

from __future__ import annotations

from collections.abc import Mapping

BEST_PRACTICE = frozenset(("dom-6", "con-3"))
"""What R4 marks with elementdefinition-bestpractice: good to have, and said only when a validation is asked for."""

IN_STRUCTURE: Mapping[str, str] = {
    "ele-1": "the structural check refuses empty objects, nulls and empty texts",
    "ext-1": "the structural check has it as the rule of the type Extension",
    "dom-2": "checked of each contained resource by the structural check",
    "dom-4": "checked of each contained resource by the structural check",
    "dom-5": "checked of each contained resource by the structural check",
    "txt-2": "the same expression as txt-1, whose message says which of the two is broken",
}
"""Key -> where it is checked instead of as an expression."""

CORRECTED: Mapping[str, tuple[str, str]] = {
    "que-7": (
        "operator = 'exists' implies (answer is boolean)",
        "'answer is Boolean' names System.Boolean, which no element has; the element is a FHIR boolean",
    ),
    "con-3": (
        "clinicalStatus.exists() or verificationStatus.coding.where("
        "system='http://terminology.hl7.org/CodeSystem/condition-ver-status' and code = 'entered-in-error').exists() "
        "or category.coding.where(system='http://terminology.hl7.org/CodeSystem/condition-category' "
        "and code='problem-list-item').empty()",
        "compares a CodeableConcept with a text and so complains of every Condition with a category",
    ),
}
"""Key -> (the expression that is used, why not the published one)."""

NAME_KEY = "-0"
NAME_EXPRESSION = "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')"
WHOLE_NAME = "name.matchesFull('[A-Z]([A-Za-z0-9_]){0,254}')"


def expression_of(key: str, published: str) -> str:
    """The expression that is evaluated. ``matches`` finds a pattern anywhere since FHIRPath 2.0, while the invariants
    on names and paths (adf-0 … vsd-0, eld-19, eld-20) mean the whole text."""
    if published == NAME_EXPRESSION:
        return WHOLE_NAME
    if key in ("eld-19", "eld-20"):
        return published.replace("path.matches(", "path.matchesFull(")
    return CORRECTED[key][0] if key in CORRECTED else published
