"""What a SearchParameter of the county means, and what keeps it from being used."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from countyfhir.model.definitions import definitions
from countyfhir.model.library import base_resources
from countyfhir.search import custom

URL = "https://fhir.county-hc.example/SearchParameter/"


def definition(**other: Any) -> dict[str, Any]:
    """An active SearchParameter."""
    return {
        "resourceType": "SearchParameter",
        "id": "one",
        "url": URL + "one",
        "status": "active",
        "code": "one",
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.name.text",
    } | other


def places(**other: Any) -> list[str]:
    """Where the issues of a definition are."""
    return [issue.expression[0] for issue in custom.issues(definition(**other), [], definitions())]


@pytest.mark.parametrize(
    "sound",
    [
        {},
        {"base": ["DomainResource"], "type": "token", "expression": "DomainResource.text.status"},
        {"base": ["Group"], "type": "quantity", "expression": "Group.characteristic.value"},
        {"type": "date", "expression": "Patient.birthDate.extension.where(url='urn:time').value"},
        {"type": "token", "expression": "Patient.contact.exists()"},
    ],
)
def test_what_can_be_indexed_has_no_issue(sound: dict[str, Any]) -> None:
    """Plain paths, unions over several types, abstract types, extensions of primitives, functions."""
    assert places(**sound) == []


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"url": None}, "url"),
        ({"code": "one.two"}, "code"),
        ({"code": "family"}, "code"),
        ({"base": []}, "base"),
        ({"base": ["Patient", "Patients"]}, "base[1]"),
        ({"type": "special"}, "type"),
        ({"type": "reference", "expression": "Patient.managingOrganization", "target": ["Clinic"]}, "target[0]"),
        ({"expression": ""}, "expression"),
        ({"expression": "Patient.name.text and"}, "expression"),
        ({"expression": "Patient.name.texts"}, "expression"),
        ({"expression": "Patient.birthDate.text"}, "expression"),
        ({"expression": "Encounter.status", "type": "token"}, "expression"),
        ({"expression": "Patient.name", "type": "quantity"}, "expression"),
        ({"expression": "Patient", "type": "composite", "component": []}, "expression"),
        (
            {
                "expression": "Patient",
                "type": "composite",
                "component": [{"definition": URL + "none", "expression": "name"}] * 2,
            },
            "expression",
        ),
    ],
)
def test_each_mistake_is_found_where_it_is(wrong: dict[str, Any], place: str) -> None:
    """One issue with the FHIRPath of the place."""
    assert places(**wrong) == [f"SearchParameter.{place}"]


def test_copies_of_r4s_own_parameters_define_nothing() -> None:
    """As published, even when set active, they are accepted and are not the county's; changed ones are refused."""
    known = definitions()
    own = next(one for one in base_resources(("SearchParameter",)) if one["id"] == "clinical-code")
    active = own | {"status": "active"}
    assert custom.issues(active, [], known) == []
    assert not custom.is_custom(active, known)
    changed = active | {"expression": own["expression"].replace("Observation.code", "Observation.category")}
    assert [issue.code for issue in custom.issues(changed, [], known)] == ["business-rule"]


def test_the_meaning_is_what_search_depends_on() -> None:
    """Words do not count; expression, type and code do."""
    known = definitions()
    meaning = custom.custom(definition(), known).meaning
    assert custom.custom(definition(description="other", name="Other"), known).meaning == meaning
    assert custom.custom(definition(expression="Patient.name.family"), known).meaning != meaning
    assert custom.custom(definition(type="token", expression="Patient.name.text"), known).meaning != meaning


def test_a_waiting_parameter_is_indexed_but_not_offered() -> None:
    """Extraction makes its entries from the start; search names the job it waits for."""
    known = definitions()
    one = custom.custom(definition(), known)
    table = custom.table([one], {one.url: "job-1"}, known)
    assert "one" not in table.of("Patient")
    assert table.waits_for(("Observation", "Patient"), "one") == "job-1"
    entries = table.indexer(UTC, ()).entries({"resourceType": "Patient", "id": "p", "name": [{"text": "王"}]})
    assert any(entry[1] == "one" for entry in entries)
    assert "one" in custom.table([one], {}, known).of("Patient")


def test_an_expression_that_fails_on_a_resource_leaves_it_findable() -> None:
    """What cannot be evaluated has no entries; the resource is indexed by everything else."""
    known = definitions()
    one = custom.custom(definition(type="token", expression="Patient.name.given.single() = 'x'"), known)
    table = custom.table([one], {}, known)
    resource = {"resourceType": "Patient", "id": "p", "name": [{"given": ["甲", "乙"]}]}
    entries = table.indexer(UTC, ()).entries(resource)
    assert any(entry[1] == "given" for entry in entries)
    assert not any(entry[1] == "one" for entry in entries)
