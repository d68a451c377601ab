"""Functional lists: what ``_list=$current-…`` stands for, as searches of the types they hold (R4 section 3.1.1.4.16,
"Functional Lists")."""

from __future__ import annotations

from collections.abc import Mapping

Pairs = tuple[tuple[str, str], ...]

_VALID_ALLERGIES: Pairs = (("clinical-status", "active"), ("verification-status:not", "refuted,entered-in-error"))

FUNCTIONAL: Mapping[str, Mapping[str, Pairs]] = {
    "$current-problems": {
        "Condition": (
            ("clinical-status", "active,recurrence,relapse"),
            ("verification-status:not", "refuted,entered-in-error"),
            ("category:not", "encounter-diagnosis"),
        )
    },
    "$current-medications": {
        "MedicationStatement": (("status", "active"),),
        "MedicationRequest": (("status", "active"), ("intent", "order,original-order,instance-order,filler-order")),
    },
    "$current-allergies": {"AllergyIntolerance": _VALID_ALLERGIES},
    "$current-drug-allergies": {"AllergyIntolerance": (*_VALID_ALLERGIES, ("category", "medication"))},
}
"""List -> resource type -> what its resources fulfil. A search names the patient beside it."""
