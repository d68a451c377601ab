"""``_query``: each named query finds what its table row says, with other parameters, and is stated."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from countyfhir.app import shipped_by
from countyfhir.search.named_queries import NAMED, definition
from countyfhir.settings import load
from countyfhir.validation import structure

AMBULATORY = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}


def appointment(logical_id: str, status: str, year: int) -> dict[str, Any]:
    there = [{"status": "accepted", "actor": {"reference": "Patient/alive"}}]
    moments = {"start": f"{year}-01-01T08:00:00+08:00", "end": f"{year}-01-01T09:00:00+08:00"}
    return {"resourceType": "Appointment", "id": logical_id, "status": status, "participant": there} | moments


def task(logical_id: str, status: str, owner: str) -> dict[str, Any]:
    held = {"owner": {"reference": f"Organization/{owner}"}}
    return {"resourceType": "Task", "id": logical_id, "status": status, "intent": "order"} | held


def request(logical_id: str, status: str) -> dict[str, Any]:
    of = {"subject": {"reference": "Patient/alive"}}
    return {"resourceType": "ServiceRequest", "id": logical_id, "status": status, "intent": "order"} | of


RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "alive"},
    {"resourceType": "Patient", "id": "dead", "deceasedDateTime": "2024"},
    {"resourceType": "Patient", "id": "no-longer", "active": False},
    {"resourceType": "Patient", "id": "said-alive", "active": True, "deceasedBoolean": False},
    appointment("past", "booked", 2001),
    appointment("ahead", "booked", 2999),
    appointment("off", "cancelled", 2999),
    *(
        {"resourceType": "Encounter", "id": each, "status": each, "class": AMBULATORY}
        for each in ("onleave", "finished")
    ),
    task("mine", "accepted", "a"),
    task("theirs", "on-hold", "b"),
    task("done", "completed", "a"),
    request("asked", "active"),
    request("ended", "revoked"),
]

FOUND = {
    "Appointment?_query=upcoming": {"ahead"},
    "Encounter?_query=current": {"onleave"},
    "Patient?_query=living": {"alive", "said-alive"},
    "ServiceRequest?_query=open": {"asked"},
    "Task?_query=open": {"mine", "theirs"},
    "?_type=Task,ServiceRequest&_query=open": {"mine", "theirs", "asked"},
    "Task?_query=open&owner=Organization/a": {"mine"},
}


@pytest.fixture(scope="module")
def filled(client: TestClient) -> TestClient:
    for one in RESOURCES:
        assert client.put(f"{one['resourceType']}/{one['id']}", json=one).status_code == 201
    return client


@pytest.mark.parametrize("path", FOUND)
def test_what_a_named_query_finds(filled: TestClient, path: str) -> None:
    """Alone and with another parameter."""
    assert {entry["resource"]["id"] for entry in filled.get(path).json()["entry"]} == FOUND[path]


def test_every_named_query_is_tested() -> None:
    """Here."""
    assert {f"{kind}?_query={name}" for kind, named in NAMED.items() for name in named} <= FOUND.keys()


def test_each_has_a_definition_that_ships() -> None:
    """Valid, under the url that the CapabilityStatement names, and among what the server writes for itself."""
    shipped = {one["url"]: one for one in shipped_by(load({}))() if one["resourceType"] == "OperationDefinition"}
    for kind, named in NAMED.items():
        for name in named:
            one = shipped[definition(kind, name)]
            assert (one["kind"], one["code"], one["resource"]) == ("query", name, [kind])
            assert not [issue for issue in structure.check(one) if issue.severity in ("error", "fatal")]


def test_they_are_stated_and_no_others_are_answered(filled: TestClient) -> None:
    """Among the operations of the type, with a definition; another name or type is refused."""
    types = filled.get("metadata").json()["rest"][0]["resource"]
    stated = {(one["type"], each["name"]) for one in types for each in one.get("operation", ())}
    assert stated >= {(kind, name) for kind, named in NAMED.items() for name in named}
    for path in (
        "Task?_query=closed",
        "Task?_query=open,open",
        "Observation?_query=open",
        "?_type=Task,Patient&_query=open",
    ):
        assert filled.get(path).status_code == 400
