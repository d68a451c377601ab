"""In which tokens capitals count: in identifiers and in UCUM, not in codes (R4 section 3.1.1.4.10)."""

from __future__ import annotations

from typing import Any

import pytest

from countyfhir.exchange import Write
from countyfhir.search import parse
from countyfhir.search.context import default_context
from countyfhir.search.extract import index
from countyfhir.search.holds import holds
from countyfhir.search.query import CompositeIs, TokenIs
from countyfhir.search.token_case import asked, written

CONTEXT = default_context()
UCUM = "http://unitsofmeasure.org"


def finds(resource: dict[str, Any], text: str) -> bool:
    """Whether a search on the resource's type finds it."""
    resource = {"id": "x"} | resource
    found = index(resource, CONTEXT, CONTEXT.base)
    write = Write("PUT", resource["resourceType"], "x", resource, entries=found.entries)
    name, _, value = text.partition("=")
    return holds(parse.criteria(resource["resourceType"], ((name, value),), CONTEXT).where, write)


CONDITION = {
    "resourceType": "Condition",
    "subject": {"reference": "Patient/1"},
    "identifier": [{"system": "urn:s", "value": "Ab1"}],
    "code": {"coding": [{"system": "urn:icd", "code": "I10.x00"}]},
    "clinicalStatus": {"coding": [{"code": "Active"}]},
}
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": UCUM, "code": "Mg"}]},
    "valueCodeableConcept": {"coding": [{"system": "urn:s", "code": "Pos"}]},
}
PATIENT = {
    "resourceType": "Patient",
    "id": "P1",
    "active": True,
    "telecom": [{"system": "email", "value": "Li@Example.com"}],
    "meta": {"profile": ["http://a.org/Resident"], "tag": [{"code": "A"}]},
}


@pytest.mark.parametrize(
    ("resource", "text", "expected"),
    [
        (CONDITION, "code=I10.X00", True),
        (CONDITION, "code=urn:icd|i10.x00", True),
        (CONDITION, "code=URN:ICD|I10.x00", False),
        (CONDITION, "code:not=I10.X00", False),
        (CONDITION, "clinical-status=active", True),
        (CONDITION, "identifier=Ab1", True),
        (CONDITION, "identifier=ab1", False),
        (OBSERVATION, f"code={UCUM}|Mg", True),
        (OBSERVATION, f"code={UCUM}|mg", False),
        (OBSERVATION, "code=MG", True),
        (OBSERVATION, "code-value-concept=mg$POS", True),
        (OBSERVATION, f"code-value-concept={UCUM}|mg$pos", False),
        (OBSERVATION, "status=FINAL", True),
        (PATIENT, "active=TRUE", True),
        (PATIENT, "email=li@example.com", True),
        (PATIENT, "_tag=a", True),
        (PATIENT, "_profile=http://a.org/resident", False),
    ],
)
def test_case_counts_where_it_must(resource: dict[str, Any], text: str, expected: bool) -> None:
    """Codes, booleans and mail addresses are found in any case; identifiers, addresses and UCUM as they are written."""
    assert finds(resource, text) is expected


def test_what_is_not_known_is_looked_for_both_ways() -> None:
    """A composite's component may be anything: two alternatives where case makes a difference, else one."""
    where = parse.criteria("Observation", (("code-value-concept", "Xa$b"),), CONTEXT).where
    codes = [
        each.parts[0].code for each in where[0] if isinstance(each, CompositeIs) and isinstance(each.parts[0], TokenIs)
    ]
    assert codes == ["xa", "Xa"]
    assert len(parse.criteria("Observation", (("code-value-concept", "xa$b"),), CONTEXT).where[0]) == 1


def test_what_is_asked_is_what_was_written() -> None:
    """For any system, what finds a code is among what the index holds of it."""
    for system in ("", "urn:s", UCUM):
        for code in ("mg", "Mg", "I10.x00", "ÄB", "ß"):
            assert asked(system, code) in written(system, code)
