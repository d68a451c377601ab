""":in, :not-in, :above, :below and their operators in _filter, over HTTP with the terminology of the server."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

LOINC = "http://loinc.org"
DISEASES = "https://fhir.county-hc.example/CodeSystem/disease-groups"
GROUPS = "https://fhir.county-hc.example/ValueSet/followed-diseases"

TREE = {
    "resourceType": "CodeSystem",
    "id": "disease-groups",
    "url": DISEASES,
    "version": "1",
    "status": "active",
    "content": "complete",
    "hierarchyMeaning": "is-a",
    "concept": [
        {
            "code": "circulatory",
            "concept": [{"code": "hypertension", "concept": [{"code": "hypertension-3"}]}, {"code": "stroke"}],
        },
        {"code": "diabetes"},
    ],
}


def value_set(*codes: str) -> dict[str, Any]:
    include = {"system": DISEASES, "concept": [{"code": code} for code in codes]}
    return {
        "resourceType": "ValueSet",
        "id": "followed",
        "url": GROUPS,
        "status": "active",
        "compose": {"include": [include]},
    }


def condition(logical_id: str, code: str | None, patient: str) -> dict[str, Any]:
    coded = {"code": {"coding": [{"system": DISEASES, "code": code}]}} if code else {}
    subject = {"subject": {"reference": f"Patient/{patient}"}}
    return {"resourceType": "Condition", "id": logical_id} | coded | subject


@pytest.fixture(scope="module")
def filled(client: TestClient) -> TestClient:
    encounter = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "ACUTE"},
    }
    resources = [
        TREE,
        value_set("hypertension", "diabetes"),
        {"resourceType": "Patient", "id": "a", "gender": "female"},
        {"resourceType": "Patient", "id": "b"},
        condition("c1", "hypertension", "a"),
        condition("c2", "hypertension-3", "b"),
        condition("c3", "stroke", "b"),
        condition("c4", None, "a"),
        encounter,
    ]
    for each in resources:
        answer = client.put(f"{each['resourceType']}/{each['id']}", json=each)
        assert answer.status_code == 201, answer.text
    return client


def found(client: TestClient, asked: str, **more: str) -> list[str]:
    answer = client.get(asked, params=more or None)
    assert answer.status_code == 200, answer.text
    return sorted(entry["resource"]["id"] for entry in answer.json().get("entry", []))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (f"Condition?code:in={GROUPS}", ["c1"]),
        ("Condition?code:in=ValueSet/followed", ["c1"]),
        ("Condition?code:in=http://127.0.0.1:8080/fhir/ValueSet/followed", ["c1"]),
        ("Patient?gender:in=ValueSet/administrative-gender", ["a"]),
        (f"Condition?code:not-in={GROUPS}", ["c2", "c3", "c4"]),
        (f"Condition?code:below={DISEASES}|circulatory", ["c1", "c2", "c3"]),
        (f"Condition?code:below={DISEASES}|hypertension", ["c1", "c2"]),
        (f"Condition?code:above={DISEASES}|hypertension-3", ["c1", "c2"]),
        (f"Condition?code:above={DISEASES}|stroke,{DISEASES}|diabetes", ["c3"]),
        (f"Patient?_has:Condition:patient:code:in={GROUPS}", ["a"]),
        ("Condition?patient.gender:in=http://hl7.org/fhir/ValueSet/administrative-gender", ["c1", "c4"]),
        ("Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender", ["a"]),
        ("Patient?gender:below=http://hl7.org/fhir/administrative-gender|female", ["a"]),
        ("Encounter?class:below=http://terminology.hl7.org/CodeSystem/v3-ActCode|IMP", ["e"]),
        ("Encounter?class:in=http://terminology.hl7.org/ValueSet/v3-ActEncounterCode", ["e"]),
        (f'Condition?_filter=code in {GROUPS} or code sb "{DISEASES}|stroke"', ["c1", "c3"]),
        (f"Condition?_filter=code ni {GROUPS}", ["c2", "c3"]),
        (f"Condition?_filter=code ss {DISEASES}|hypertension-3 and patient.gender eq female", ["c1"]),
    ],
)
def test_found_through_the_terminology(filled: TestClient, asked: str, expected: list[str]) -> None:
    """Membership and subsumption, alone, behind references, and in filters."""
    assert found(filled, asked) == expected


def test_a_changed_value_set_counts_at_once(filled: TestClient) -> None:
    """The search after the update uses the new codes; that in a batch and in criteria, too."""
    filled.put("ValueSet/followed", json=value_set("stroke"))
    assert found(filled, f"Condition?code:in={GROUPS}") == ["c3"]
    batch = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": f"Condition?code:in={GROUPS}"}}],
    }
    (entry,) = filled.post("", json=batch).json()["entry"]
    assert [each["resource"]["id"] for each in entry["resource"]["entry"]] == ["c3"]
    answer = filled.delete(f"Condition?code:in={GROUPS}")
    assert answer.status_code in (200, 204)
    assert found(filled, f"Condition?code:in={GROUPS}") == []
    filled.put("Condition/c3", json=condition("c3", "stroke", "b"))
    filled.put("ValueSet/followed", json=value_set("hypertension", "diabetes"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("Condition?code:in=http://nowhere.example/ValueSet/x", "not known here"),
        ("Condition?code:in=x", "canonical url"),
        ("Condition?code:below=http://nowhere.example/system|x", "not known here"),
        ("Condition?code:below=x", "system|code"),
        ("Patient?identifier:in=http://nowhere.example/ValueSet/x", "has no modifier"),
    ],
)
def test_refusals_say_what_to_do(filled: TestClient, asked: str, said: str) -> None:
    """An unknown value set or system is 400, not an empty answer."""
    answer = filled.get(asked)
    assert answer.status_code == 400
    assert said in answer.json()["issue"][0]["diagnostics"]


def test_a_value_set_of_tens_of_thousands_of_codes(filled: TestClient) -> None:
    """Its codes travel as one value, whatever their number."""
    system = "https://fhir.county-hc.example/CodeSystem/many"
    concepts = [{"code": f"c{number}"} for number in range(40_000)]
    include = {"system": system, "concept": concepts}
    url = "https://fhir.county-hc.example/ValueSet/many"
    many = {"resourceType": "ValueSet", "id": "many", "url": url, "status": "active", "compose": {"include": [include]}}
    assert filled.put("ValueSet/many", json=many).status_code == 201
    coded = {"coding": [{"system": system, "code": "c39999"}]}
    filled.put("Condition/m", json={"resourceType": "Condition", "id": "m", "code": coded, "subject": {"display": "x"}})
    assert found(filled, f"Condition?code:in={url}") == ["m"]
    filled.delete("Condition/m")
