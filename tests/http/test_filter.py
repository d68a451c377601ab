"""_filter and _list over HTTP: every operator that needs no terminology, logic, chains, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

PATIENTS: tuple[dict[str, Any], ...] = (
    {"id": "a", "name": [{"family": "Smith", "given": ["Peter"]}], "birthDate": "2014-10-10", "gender": "male"},
    {"id": "b", "name": [{"family": "Smithson", "given": ["Ann (x)"]}], "birthDate": "2015-01-01", "gender": "female"},
    {"id": "c", "name": [{"text": "王芳"}], "birthDate": "1960"},
)


@pytest.fixture(scope="module")
def filled(client: TestClient) -> TestClient:
    for each in PATIENTS:
        client.put(f"Patient/{each['id']}", json={"resourceType": "Patient"} | each)
    for place, weight in enumerate((60, 70, 80)):
        observation = {
            "resourceType": "Observation",
            "id": f"o{place}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": {"reference": f"Patient/{'abc'[place]}"},
            "effectivePeriod": {"start": f"2024-0{place + 1}-10", "end": f"2024-0{place + 2}-10"},
            "valueQuantity": {"value": weight, "system": "http://unitsofmeasure.org", "code": "kg"},
        }
        client.put(f"Observation/o{place}", json=observation)
    members = [{"item": {"reference": reference}} for reference in ("Patient/a", "Patient/c", "Observation/o1")]
    kept = {"resourceType": "List", "id": "l", "status": "current", "mode": "working", "entry": members}
    assert client.put("List/l", json=kept).status_code == 201
    return client


def found(client: TestClient, kind: str, **asked: str) -> list[str]:
    answer = client.get(kind, params=asked)
    assert answer.status_code == 200, answer.text
    return sorted(entry["resource"]["id"] for entry in answer.json().get("entry", ()))


@pytest.mark.parametrize(
    ("kind", "asked", "expected"),
    [
        ("Patient", 'given eq "peter" and birthdate ge 2014-10-10', ["a"]),
        ("Patient", 'family eq "smith"', ["a"]),
        ("Patient", "family ne smith", ["b"]),
        ("Patient", "family sw smith", ["a", "b"]),
        ("Patient", "family ew son", ["b"]),
        ("Patient", 'given co "(x)"', ["b"]),
        ("Patient", "gender pr false", ["c"]),
        ("Patient", "gender ne male", ["b"]),
        ("Patient", "not (gender eq male)", ["b", "c"]),
        ("Patient", "gender eq male or gender eq female and family ew son", ["a", "b"]),
        ("Patient", "(gender eq male or gender eq female) and family ew son", ["b"]),
        ("Patient", "_id eq c", ["c"]),
        ("Patient", "name co 芳", ["c"]),
        ("Observation", "code eq http://loinc.org|29463-7 and subject.name sw Pet", ["o0"]),
        ("Observation", "subject[gender eq female].family sw smith", ["o1"]),
        ("Observation", "subject:Patient[birthdate lt 2000].name pr true", ["o2"]),
        ("Observation", "subject re Patient/b", ["o1"]),
        ("Observation", "value-quantity gt 65000|http://unitsofmeasure.org|g", ["o1", "o2"]),
        ("Observation", "date po 2024-02-10", ["o0", "o1"]),
        ("Observation", "date sa 2024-02-11", ["o2"]),
    ],
)
def test_filters(filled: TestClient, kind: str, asked: str, expected: list[str]) -> None:
    """What each operator finds, alone and in combination."""
    assert found(filled, kind, _filter=asked) == expected


@pytest.mark.parametrize(
    "asked", ["name", "name eq", "(name eq x", "name eq x)", "name eq x name eq y", 'name eq "x', "subject[name eq x]"]
)
def test_malformed_filters(filled: TestClient, asked: str) -> None:
    """Each is a 400 that says what is expected and where."""
    answer = filled.get("Patient", params={"_filter": asked})
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "invalid")
    assert "is expected at character" in answer.text


def test_members_of_a_list(filled: TestClient) -> None:
    """Of the type that is searched; together with other parameters; nothing for a List that is not there."""
    assert found(filled, "Patient", _list="l") == ["a", "c"]
    assert found(filled, "Observation", _list="l") == ["o1"]
    assert found(filled, "Patient", _list="l", gender="male") == ["a"]
    assert found(filled, "Patient", _list="nowhere") == []
    assert filled.get("Patient", params={"_list": "$current-problems"}).status_code == 400
