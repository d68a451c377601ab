"""_contained and _containedType over HTTP: what is found inside of other resources, how it is shown, and chains that go
on there."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

CODES = "urn:oid:1.2.3"


def medication(logical_id: str, *codes: str, **more: Any) -> dict[str, Any]:
    coding = [{"system": CODES, "code": code} for code in codes]
    return {"resourceType": "Medication", "id": logical_id, "code": {"coding": coding}} | more


def request(logical_id: str, *contained: dict[str, Any], medication: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": logical_id,
        "status": "active",
        "intent": "order",
        "contained": list(contained),
        "medicationReference": {"reference": medication},
        "subject": {"reference": "Patient/p"},
        "supportingInformation": [{"reference": f"#{one['id']}"} for one in contained] or [{"display": "none"}],
    }


@pytest.fixture(scope="module")
def filled(client: TestClient) -> TestClient:
    organization = {"resourceType": "Organization", "id": "maker", "name": "Three Rivers Pharma"}
    made_by = {"manufacturer": {"reference": "Organization/maker"}}
    two = [medication("a", "X", "Y"), medication("b", "X", **made_by), organization | {"id": "c"}]
    resources = [
        {"resourceType": "Patient", "id": "p", "gender": "male"},
        organization,
        medication("free", "X"),
        medication("other", "Z", **made_by),
        request("one", medication("m", "X"), medication="#m"),
        request("two", *two, medication="#b"),
        request("plain", medication="Medication/free"),
        request("none", medication("m", "Z"), medication="#m"),
    ]
    for each in resources:
        if not each.get("contained", True):
            del each["contained"]
        answer = client.put(f"{each['resourceType']}/{each['id']}", json=each)
        assert answer.status_code == 201, answer.text
    return client


def found(client: TestClient, asked: str) -> list[str]:
    """Full URLs of the matches behind the base, sorted; their modes are all match."""
    answer = client.get(asked)
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", [])
    assert {entry["search"]["mode"] for entry in entries} <= {"match"}
    return sorted(entry["fullUrl"].partition("/fhir/")[2] for entry in entries)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("Medication?code=X", ["Medication/free"]),
        ("Medication?code=X&_contained=false", ["Medication/free"]),
        (
            "Medication?code=X&_contained=true",
            ["MedicationRequest/one#m", "MedicationRequest/two#a", "MedicationRequest/two#b"],
        ),
        (
            "Medication?code=X&_contained=both",
            ["Medication/free", "MedicationRequest/one#m", "MedicationRequest/two#a", "MedicationRequest/two#b"],
        ),
        ("Medication?code=X&code=Y&_contained=true", ["MedicationRequest/two#a"]),
        ("Medication?code:not=X&_contained=true", ["MedicationRequest/none#m"]),
        ("Medication?code=Y&manufacturer:missing=false&_contained=true", []),
        ("Medication?manufacturer=maker&_contained=both", ["Medication/other", "MedicationRequest/two#b"]),
        ("Medication?manufacturer.name=three&_contained=both", ["Medication/other", "MedicationRequest/two#b"]),
        ("Medication?_id=m&_contained=true", ["MedicationRequest/none#m", "MedicationRequest/one#m"]),
        (
            "Medication?code=X&_contained=true&_containedType=container",
            ["MedicationRequest/one", "MedicationRequest/two"],
        ),
        ("Medication?code=X&_contained=both&_containedType=contained&_sort=-_lastUpdated&_count=2", None),
        ("Organization?name=three&_contained=true", ["MedicationRequest/two#c"]),
        ("Medication?_contained=true&_has:MedicationRequest:medication:status=active", []),
        ("Medication?_contained=both&_has:MedicationRequest:medication:status=active", ["Medication/free"]),
        ("MedicationRequest?medication.code=X", ["MedicationRequest/plain"]),
        (
            "MedicationRequest?medication.code=X&_contained=both",
            ["MedicationRequest/one", "MedicationRequest/plain", "MedicationRequest/two"],
        ),
        ("MedicationRequest?medication.code=Y&_contained=both", []),
        ("MedicationRequest?medication:Medication.code:not=X&_contained=both", ["MedicationRequest/none"]),
        ("Patient/p/MedicationRequest?medication.code=Z&_contained=both", ["MedicationRequest/none"]),
        ("Patient/p/Medication?code=Z&_contained=true", ["MedicationRequest/none#m"]),
    ],
)
def test_contained_matches(filled: TestClient, asked: str, expected: list[str] | None) -> None:
    """Conditions hold of one and the same contained resource; ``both`` adds it to the ordinary matches."""
    if expected is None:
        assert len(found(filled, asked)) >= 2
    else:
        assert found(filled, asked) == expected


def test_the_contained_resource_is_the_entry(filled: TestClient) -> None:
    """It stands in the entry under its container's address and fragment, and follows _elements."""
    (entry,) = filled.get("Organization?name=three&_contained=true").json()["entry"]
    assert entry["resource"] == {"resourceType": "Organization", "id": "c", "name": "Three Rivers Pharma"}
    (short,) = filled.get("Medication?code=Y&_contained=true&_elements=code").json()["entry"]
    assert "manufacturer" not in short["resource"]
    (container,) = filled.get("Medication?code=Y&_contained=true&_containedType=container").json()["entry"]
    assert container["resource"]["resourceType"] == "MedicationRequest"


def test_contained_matches_follow_their_containers(filled: TestClient) -> None:
    """They are gone when the container no longer has them; pages go on by containers."""
    first = filled.get("Medication?code=X&_contained=true&_count=1").json()
    (following,) = [link["url"] for link in first["link"] if link["relation"] == "next"]
    seen = [entry["fullUrl"] for page in (first, filled.get(following).json()) for entry in page["entry"]]
    assert len(seen) == len(set(seen)) == 3
    changed = request("gone", medication("m", "W"), medication="#m")
    filled.put("MedicationRequest/gone", json=changed)
    assert found(filled, "Medication?code=W&_contained=true") == ["MedicationRequest/gone#m"]
    del changed["contained"]
    del changed["supportingInformation"]
    changed["medicationReference"] = {"reference": "Medication/free"}
    filled.put("MedicationRequest/gone", json=changed)
    assert found(filled, "Medication?code=W&_contained=true") == []
    filled.delete("MedicationRequest/gone")


@pytest.mark.parametrize(
    "asked",
    [
        "Medication?_contained=maybe",
        "Medication?_containedType=both",
        "?_contained=true",
        "Medication?_contained=true&_sort=code",
    ],
)
def test_what_has_no_meaning_is_refused(filled: TestClient, asked: str) -> None:
    """With a 400."""
    assert filled.get(asked).status_code == 400
