"""Expressions in rules and profiles are given terminology, profiles, containers and UCUM (R4 section 2.26.3)."""

from __future__ import annotations

from typing import Any

import pytest

from countyfhir.fhirpath import compile  # noqa: A004
from countyfhir.terminology.knowledge import open_terminology
from countyfhir.validation.check import given_by
from countyfhir.validation.profiles import Profiles
from countyfhir.validation.rules.finding import knowledge_of

STATUS = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "1",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}],
    "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueString": "q"}],
    "gender": "male",
    "birthDate": "2000-01-31",
    "maritalStatus": {"coding": [{"system": STATUS, "code": "M"}]},
    "managingOrganization": {"reference": "#o"},
}


@pytest.fixture(scope="module")
def given() -> Any:
    """What a validation gives."""
    return given_by(knowledge_of(open_terminology(None), Profiles().profile_check))


@pytest.mark.parametrize(
    "expression",
    [
        "managingOrganization.resolve().name = 'x'",
        "managingOrganization.resolve() is Organization",
        "extension(%`ext-patient-birthPlace`).value = 'q'",
        "gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')",
        "gender.memberOf('http://hl7.org/fhir/ValueSet/observation-status').not()",
        "maritalStatus.memberOf(%`vs-marital-status`)",
        "maritalStatus.coding.subsumes(maritalStatus.coding)",
        "maritalStatus.coding.subsumedBy(maritalStatus.coding)",
        "conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')",
        "conformsTo('http://hl7.org/fhir/StructureDefinition/bp').not()",
        "%ucum = 'http://unitsofmeasure.org' and %sct = 'http://snomed.info/sct' and %loinc = 'http://loinc.org'",
        "%resource.id = %rootResource.id and %context.id = '1'",
        "text.`div`.htmlChecks()",
        "birthDate + 1 month = @2000-02-29",
        "@2020-02-29 + 1 year = @2021-02-28",
        "today() > birthDate.trace('born')",
        "1 'mg/dL' = 0.01 'g/L'",
        "1 '[lb_av]' > 400 'g'",
        "10 'mm[Hg]' < 2 'kPa'",
    ],
)
def test_what_expressions_are_given(given: Any, expression: str) -> None:
    """Each function and variable that FHIR adds answers."""
    assert [item.value for item in compile(expression, "Patient")(PATIENT, given=given)] == [True]
