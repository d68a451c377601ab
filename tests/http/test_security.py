"""Keys, scopes and audit over HTTP (DESIGN decisions 12 and 13)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from countyfhir.access import keys
from countyfhir.app import open_world
from countyfhir.settings import load
from tests.stores import store_at


@pytest.fixture(scope="module")
def secured(serve: Callable[..., TestClient], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TestClient]:
    """A server that wants keys; the function gives a client with a key of the scopes."""
    place: Path = tmp_path_factory.mktemp("secured") / "county.sqlite"
    server = serve(store=store_at(place), auth="keys", default_count=100)

    def key(*scopes: str, organization: str = "hospital", patient: str | None = None) -> TestClient:
        async def make() -> str:
            async with open_world(load({"store": store_at(place), "load_definitions": "off"})) as opened:
                secret, _ = await keys.create(
                    opened.store.keys, name="test", organization=organization, roles=("doctor",), scopes=scopes
                )
                return secret

        client = TestClient(server.app, base_url="http://127.0.0.1:8080/fhir/")
        client.portal = server.portal  # the event loop in which the server opened its store
        client.headers["Authorization"] = f"Bearer {asyncio.run(make())}"
        return client

    return key


PATIENT = {"resourceType": "Patient"}


def observation(patient: str, code: str = "x") -> dict[str, Any]:
    """An Observation of a patient, with a category."""
    category = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": code}]}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "category": [category],
        "subject": {"reference": f"Patient/{patient}"},
    }


def test_without_a_key_nothing_is_answered(secured: Callable[..., TestClient]) -> None:
    """401 with a challenge and an OperationOutcome."""
    client = secured("system/*.cruds")
    del client.headers["Authorization"]
    answer = client.get("Patient/1")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (401, "login")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert client.get(".well-known/smart-configuration").status_code == 200
    assert client.get("metadata").status_code == 200


def test_scopes_bound_every_interaction(secured: Callable[..., TestClient]) -> None:
    """What is not granted is 403, in a bundle's entries too."""
    reader, writer = secured("system/Patient.rs"), secured("system/Patient.cruds")
    made = writer.post("Patient", json=PATIENT).json()
    place = f"Patient/{made['id']}"
    assert reader.get(place).status_code == 200
    assert reader.put(place, json=made).status_code == 403
    assert reader.delete(place).status_code == 403
    assert reader.post("Patient", json=PATIENT).status_code == 403
    assert reader.get("Observation").status_code == 403
    assert reader.get(f"{place}/$everything").status_code == 200
    assert reader.post(f"{place}/$purge").status_code == 403
    rows = [{"resource": PATIENT, "request": {"method": "POST", "url": "Patient"}}]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": rows}
    refused = reader.post("", json=bundle)
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (403, ["Bundle.entry[0]"])
    batch = reader.post("", json={**bundle, "type": "batch"}).json()
    assert batch["entry"][0]["response"]["status"].startswith("403")


def test_includes_leave_out_what_is_not_granted(secured: Callable[..., TestClient]) -> None:
    """``_include`` shows no type outside of the scopes."""
    writer, reader = secured("system/*.cruds"), secured("system/Observation.rs")
    patient = writer.post("Patient", json=PATIENT).json()["id"]
    writer.post("Observation", json=observation(patient))
    query = f"Observation?subject=Patient/{patient}&_include=*"
    assert {row["resource"]["resourceType"] for row in writer.get(query).json()["entry"]} == {"Observation", "Patient"}
    assert {row["resource"]["resourceType"] for row in reader.get(query).json()["entry"]} == {"Observation"}


def test_search_scopes_narrow_reads_searches_totals_and_writes(secured: Callable[..., TestClient]) -> None:
    """A scope with a search parameter shows and takes only what matches it."""
    writer = secured("system/*.cruds")
    category = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
    narrow = secured(f"system/Observation.cruds?category={category}")
    patient = writer.post("Patient", json=PATIENT).json()["id"]
    lab = writer.post("Observation", json=observation(patient, "laboratory")).json()["id"]
    vital = writer.post("Observation", json=observation(patient, "vital-signs")).json()["id"]
    assert narrow.get(f"Observation/{lab}").status_code == 200
    assert narrow.get(f"Observation/{vital}").status_code == 404
    assert narrow.get(f"Observation/{vital}/_history").status_code == 404
    found = narrow.get(f"Observation?subject=Patient/{patient}&_total=accurate").json()
    assert [row["resource"]["id"] for row in found["entry"]] == [lab]
    assert found["total"] == 1
    assert narrow.post("Observation", json=observation(patient, "vital-signs")).status_code == 403
    assert narrow.delete(f"Observation/{vital}").status_code in (403, 404)
    assert {row["resource"]["id"] for row in narrow.get("Observation/_history").json()["entry"]} == {lab}


def test_acting_for_another_organization_is_403(secured: Callable[..., TestClient]) -> None:
    """The header may only name the key's own organization."""
    client = secured("system/*.cruds", organization="township")
    assert client.get("Patient", headers={"X-Organization": "township"}).status_code == 200
    assert client.get("Patient", headers={"X-Organization": "hospital"}).status_code == 403


def test_every_access_is_audited_and_found_by_patient(secured: Callable[..., TestClient]) -> None:
    """Reads, searches, writes and refusals become AuditEvents of the patient."""
    client = secured("system/*.cruds")
    patient = client.post("Patient", json=PATIENT).json()["id"]
    client.get(f"Patient/{patient}")
    client.post("Observation", json=observation(patient))
    client.get(f"Observation?subject=Patient/{patient}")
    deadline = time.monotonic() + 10
    seen: set[str] = set()
    while time.monotonic() < deadline and len(seen) < 3:
        time.sleep(0.1)  # each look is recorded, too; a hundred of them would fill the page
        rows = client.get(f"AuditEvent?patient=Patient/{patient}&_count=1000").json().get("entry", [])
        seen = {row["resource"]["subtype"][0]["code"] for row in rows}
    assert {"create", "read", "search-type"} <= seen
    one = rows[0]["resource"]
    assert client.get(f"AuditEvent/{one['id']}").json() == one
    assert client.delete(f"AuditEvent/{one['id']}").status_code == 405
    assert client.put(f"AuditEvent/{one['id']}", json=one).status_code == 405


def test_the_history_of_the_system_shows_the_types_that_may_be_searched(secured: Callable[..., TestClient]) -> None:
    """The right to read single resources of a type does not list them all."""
    secured("system/*.cruds").post("Patient", json=PATIENT)
    secured("system/*.cruds").post("Group", json={"resourceType": "Group", "type": "person", "actual": True})
    rows = secured("system/Patient.r", "system/Group.s").get("_history").json()["entry"]
    assert {row["resource"]["resourceType"] for row in rows} == {"Group"}
