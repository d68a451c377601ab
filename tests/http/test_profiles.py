"""$snapshot at every level, and stored profiles that count at once and after a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from tests.stores import store_at
from tests.validation.profiles.profile_cases import OURS, R4, element, profile

NAMED = profile("named", "Patient", element("Patient.name", min=1), version="1.0.0") | {"id": "named"}


def minimum(structure: dict[str, Any], place: str) -> int:
    """The least count of an element in a snapshot."""
    found = {one["id"]: one for one in structure["snapshot"]["element"]}
    return int(found[place]["min"])


def errors(client: TestClient, resource: dict[str, Any], url: str) -> list[str]:
    """The places of the errors that $validate finds against a profile."""
    answer = client.post(f"{resource['resourceType']}/$validate", params={"profile": url}, json=resource)
    assert answer.status_code == 200
    return [one["expression"][0] for one in answer.json()["issue"] if one["severity"] == "error"]


def test_snapshot_of_what_is_sent_named_or_stored(client: TestClient) -> None:
    """By resource, Parameters, url of R4 or of the store, and on an instance; what is stored stays without one."""
    assert minimum(client.post("StructureDefinition/$snapshot", json=NAMED).json(), "Patient.name") == 1
    sent = {"resourceType": "Parameters", "parameter": [{"name": "definition", "resource": NAMED}]}
    assert minimum(client.post("StructureDefinition/$snapshot", json=sent).json(), "Patient.name") == 1
    r4 = client.get("StructureDefinition/$snapshot", params={"url": R4 + "bmi"}).json()
    assert minimum(r4, "Observation.value[x]:valueQuantity.value") == 1
    assert client.put("StructureDefinition/named", json=NAMED).status_code == 201
    assert minimum(client.get("StructureDefinition/named/$snapshot").json(), "Patient.name") == 1
    by_url = client.get("StructureDefinition/$snapshot", params={"url": OURS + "named|1.0.0"})
    assert minimum(by_url.json(), "Patient.name") == 1
    assert "snapshot" not in client.get("StructureDefinition/named").json()


def test_snapshots_that_cannot_be_made_are_said(client: TestClient) -> None:
    """An unknown url, nothing to work on, a missing parent, an element that is not there, no resource at all."""
    operation = "StructureDefinition/$snapshot"
    assert client.get(operation, params={"url": OURS + "none"}).status_code == 404
    assert client.get(operation).status_code == 400
    assert client.get("StructureDefinition/none/$snapshot").status_code == 404
    for broken, said in (
        (profile("p", "gone", element("Patient"), type="Patient"), "gone is not known"),
        (profile("p", "Patient", element("Patient.colour", min=1)), "has no element colour"),
    ):
        answer = client.post(operation, json=broken)
        assert answer.status_code == 422
        assert said in answer.json()["issue"][0]["diagnostics"]
    assert client.post(operation, json={"resourceType": "Patient"}).status_code == 400
    assert client.post(operation, json={**NAMED, "differential": {"element": ["x"]}}).status_code == 400


def test_a_stored_profile_counts_at_once_and_after_a_restart(serve: Callable[..., TestClient], tmp_path: Path) -> None:
    """Written, changed and deleted over REST; another process on the store knows it too."""
    store = store_at(tmp_path / "county.sqlite")
    one = serve(store=store)
    one.put("StructureDefinition/named", json=NAMED)
    patient = {"resourceType": "Patient", "gender": "female"}
    assert errors(one, patient, OURS + "named") == ["Patient"]
    another = serve(store=store)
    assert errors(another, patient, OURS + "named") == ["Patient"]
    changed = profile("named", "Patient", element("Patient.birthDate", min=1), version="1.0.1") | {"id": "named"}
    one.put("StructureDefinition/named", json=changed)
    assert errors(one, patient | {"name": [{"text": "a"}], "birthDate": "1950"}, OURS + "named") == []
    assert one.delete("StructureDefinition/named").status_code in (200, 204)
    answer = one.post("Patient/$validate", params={"profile": OURS + "named"}, json=patient)
    assert any(issue["code"] == "not-found" for issue in answer.json()["issue"])
