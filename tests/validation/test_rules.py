"""Invariants, maximum bindings, bundle and narrative rules find what breaks them, at its place, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from countyfhir.terminology.knowledge import open_terminology
from countyfhir.validation.check import COMPLETE, ERRORS, TOLERATED, WRITE, check
from countyfhir.validation.rules.corrections import CORRECTED, IN_STRUCTURE
from countyfhir.validation.rules.finding import knowledge_of
from countyfhir.validation.rules.invariants import all_keys
from tests.validation.bad_resources import BAD, TOLD, UCUM, observation

NAMES = [f"{key} {number}" for number, (key, _, _) in enumerate(BAD)]


@pytest.mark.parametrize(("key", "place", "resource"), BAD, ids=NAMES)
def test_what_breaks_a_rule_is_refused(key: str, place: str, resource: dict[str, Any]) -> None:
    """Already on write: one error with its FHIRPath and, where it has one, the key of the constraint."""
    errors = [one for one in check(resource, wanted=WRITE) if one.severity in ERRORS or one.details in TOLERATED]
    assert [(issue.expression, key in (issue.details or issue.diagnostics)) for issue in errors] == [((place,), True)]


def test_every_invariant_is_a_rule_or_structural() -> None:
    """Nothing that R4 states is left out; what is corrected exists."""
    assert set(IN_STRUCTURE) | set(CORRECTED) <= all_keys()
    assert len(all_keys()) == 237


def test_a_rule_is_decided_anew_for_other_values() -> None:
    """What the names of the elements do not decide is not remembered for the next object of the same names."""
    good = observation(effectivePeriod={"start": "2026-01-01", "end": "2026-02-01"})
    bad = observation(effectivePeriod={"start": "2026-02-01", "end": "2026-01-01"})
    assert [bool(check(one, wanted=WRITE)) for one in (good, bad, good, bad)] == [False, True, False, True]


@pytest.mark.parametrize(
    ("severity", "rule", "place", "resource"),
    TOLD,
)
def test_what_is_only_said_when_asked(severity: str, rule: str, place: str, resource: dict[str, Any]) -> None:
    """Warnings and information of a complete validation, which no write is refused for."""
    terminology = open_terminology(None)
    found = check(resource, knowledge_of(terminology), COMPLETE)
    terminology.close()
    said = {(one.severity, one.details if one.details == rule else one.code, one.expression) for one in found}
    assert (severity, rule, (place,)) in said
    assert not [one for one in found if one.severity in ERRORS]
    assert check(resource, wanted=WRITE) == []


def test_units_with_logarithms_are_units() -> None:
    """pH and decibel are UCUM although they reduce to no base unit."""
    for code in ("[pH]", "dB", "mm[Hg]", "{beats}/min", "10*9/L"):
        resource = observation(valueQuantity={"value": 1, "system": UCUM, "code": code})
        assert not [one for one in check(resource) if one.code == "code-invalid"], code
