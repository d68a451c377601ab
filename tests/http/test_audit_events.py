"""AuditEvents that the server records, over REST (DESIGN decision 13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient


@pytest.fixture(scope="module")
def client(serve: Callable[..., TestClient]) -> TestClient:
    """A server that records before it answers."""
    return serve(audit="strict")


def recorded(client: TestClient, place: str) -> list[dict[str, Any]]:
    """The AuditEvents that a search finds."""
    return [row["resource"] for row in client.get(place).json().get("entry", [])]


def test_the_compartment_of_a_patient_has_its_audit_events(client: TestClient, patient: dict[str, Any]) -> None:
    """Patient/[id]/AuditEvent finds what AuditEvent?patient= finds, in pages too, and nothing of others."""
    client.post("Patient", json={"resourceType": "Patient"})
    for _ in range(2):
        client.get(f"Patient/{patient['id']}")
    found = recorded(client, f"Patient/{patient['id']}/AuditEvent?_count=2")
    assert [one["subtype"][0]["code"] for one in found] == ["read", "read"]
    following = client.get(f"Patient/{patient['id']}/AuditEvent?_count=2").json()["link"][1]["url"]
    assert "create" in {one["subtype"][0]["code"] for one in recorded(client, following)}
    assert recorded(client, "Patient/nobody/AuditEvent") == []


def test_a_recorded_audit_event_has_one_version_for_ever(client: TestClient, patient: dict[str, Any]) -> None:
    """read, vread and history show version 1; nothing changes it."""
    event = recorded(client, f"AuditEvent?patient={patient['id']}&_count=1")[0]
    place = f"AuditEvent/{event['id']}"
    assert client.get(place).json() == client.get(f"{place}/_history/1").json() == event
    history = client.get(f"{place}/_history").json()
    assert (history["total"], history["entry"][0]["resource"]) == (1, event)
    for method, body in (("PUT", event), ("PATCH", []), ("DELETE", None)):
        assert client.request(method, place, json=body).status_code == 405
