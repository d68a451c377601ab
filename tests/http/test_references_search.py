"""What references lead to, over HTTP: identifiers alone, canonicals with and without versions, and hierarchies."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

MRN = "https://fhir.county-hc.example/NamingSystem/mrn"
FORM = "https://fhir.county-hc.example/Questionnaire/frail"


def observation(logical_id: str, subject: dict[str, Any], **more: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    return {"resourceType": "Observation", "id": logical_id, "status": "final", "code": code, "subject": subject} | more


def questionnaire(logical_id: str, version: str, title: str) -> dict[str, Any]:
    return {
        "resourceType": "Questionnaire",
        "id": logical_id,
        "url": FORM,
        "version": version,
        "title": title,
        "status": "active",
    }


def response(logical_id: str, form: str) -> dict[str, Any]:
    return {"resourceType": "QuestionnaireResponse", "id": logical_id, "status": "completed", "questionnaire": form}


def place(logical_id: str, whole: str | None, kind: str = "Location") -> dict[str, Any]:
    part_of = {"partOf": {"reference": f"{kind}/{whole}"}} if whole else {}
    return {"resourceType": kind, "id": logical_id, "name": f"Place {logical_id}"} | part_of


def stay(logical_id: str, location: str) -> dict[str, Any]:
    return {
        "resourceType": "Procedure",
        "id": logical_id,
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "location": {"reference": f"Location/{location}"},
    }


@pytest.fixture(scope="module")
def filled(client: TestClient) -> TestClient:
    named = {"system": MRN, "value": "77"}
    resources = [
        {"resourceType": "Patient", "id": "p", "identifier": [named], "name": [{"family": "Zhao"}]},
        {"resourceType": "Patient", "id": "q", "identifier": [{"system": MRN, "value": "78"}]},
        observation("literal", {"reference": "Patient/p"}),
        observation("logical", {"identifier": named}),
        observation("both", {"reference": "Patient/q", "identifier": named}),
        observation("foreign", {"identifier": {"system": "urn:other", "value": "77"}}),
        questionnaire("one", "1.0", "First"),
        questionnaire("two", "2.0", "Second"),
        response("any", FORM),
        response("first", f"{FORM}|1.0"),
        response("second", f"{FORM}|2.0"),
        response("patched", f"{FORM}|2.0.1"),
        place("county", None),
        place("town", "county"),
        place("ward", "town"),
        place("other", None),
        place("left", "right"),
        place("right", "left"),
        stay("in-county", "county"),
        stay("in-town", "town"),
        stay("in-ward", "ward"),
        stay("in-other", "other"),
        stay("in-circle", "left"),
    ]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
            for each in resources
        ],
    }
    answer = client.post("", json=bundle)
    assert answer.status_code == 200, answer.text
    return client


def found(client: TestClient, asked: str, mode: str = "match") -> list[str]:
    answer = client.get(asked)
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", [])
    return sorted(entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == mode)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("Observation?subject:Patient.family=zhao", ["literal", "logical"]),
        ("Observation?patient.identifier=77", ["literal", "logical"]),
        (f"Observation?subject:identifier={MRN}|77", ["both", "logical"]),
        ("Patient?_has:Observation:subject:_id=logical", ["p"]),
        ("Patient?_has:Observation:subject:_id=both", ["q"]),
        ("Patient?family:missing=false&_has:Observation:patient:status=final", ["p"]),
        ("QuestionnaireResponse?questionnaire.title=first", ["any", "first"]),
        ("QuestionnaireResponse?questionnaire:Questionnaire.title=second", ["any", "second"]),
        ("QuestionnaireResponse?questionnaire.version=2.0", ["any", "second"]),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=first", ["one"]),
        ("Questionnaire?_has:QuestionnaireResponse:questionnaire:status=completed", ["one", "two"]),
        (f"QuestionnaireResponse?questionnaire={FORM}", ["any", "first", "patched", "second"]),
        (f"QuestionnaireResponse?questionnaire={FORM}|2.0", ["second"]),
        (f"QuestionnaireResponse?questionnaire:below={FORM}|2.0", ["patched", "second"]),
        (f"QuestionnaireResponse?questionnaire:below={FORM}|2", ["patched", "second"]),
        (f"QuestionnaireResponse?questionnaire:below={FORM}", ["any", "first", "patched", "second"]),
        ("Procedure?location:below=town", ["in-town", "in-ward"]),
        ("Procedure?location:below=Location/county", ["in-county", "in-town", "in-ward"]),
        ("Procedure?location:above=Location/ward", ["in-county", "in-town", "in-ward"]),
        ("Procedure?location:below=left", ["in-circle"]),
        ("Procedure?location:below=nowhere", []),
        ("Location?partof:below=county", ["town", "ward"]),
        ("Location?partof:above=ward", ["town", "ward"]),
        ("Patient?_has:Procedure:patient:location:below=town", ["p"]),
        ("Procedure?location:below=town&location.name=place", ["in-town", "in-ward"]),
    ],
)
def test_where_references_lead(filled: TestClient, asked: str, expected: list[str]) -> None:
    """By literal, by identifier where there is no literal, by canonical of that version, through parts and wholes."""
    assert found(filled, asked) == expected


def test_malformed_hierarchies(filled: TestClient) -> None:
    """Another server's resource, or a type without parts, has no place in a hierarchy of ours."""
    for asked in ("Procedure?location:below=http://else.example/fhir/Location/1", "Procedure?location:below=Patient/p"):
        assert filled.get(asked).status_code == 400
