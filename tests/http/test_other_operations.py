"""$document and $preferred-id, and the list of what R4 defines and this server does not offer."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from countyfhir.operations.listing import operations_page
from countyfhir.validation.check import ERRORS, check

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_operations_is_as_the_table_says() -> None:
    """``countyfhir.operations.listing`` writes docs/operations.md; each of R4's 47 definitions has a row."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert page == operations_page()
    assert sum(line.startswith("| `$") for line in page.splitlines()) == 47


def test_a_document_holds_what_its_composition_refers_to(client: TestClient) -> None:
    """A valid document Bundle, the Composition first; kept when asked for; not made when something is missing."""
    client.put("Patient/doc", json={"resourceType": "Patient", "id": "doc"})
    client.put("Practitioner/doc", json={"resourceType": "Practitioner", "id": "doc"})
    composition = {
        "resourceType": "Composition",
        "id": "doc",
        "status": "final",
        "type": {"text": "x"},
        "date": "2026-01-01",
        "title": "t",
        "subject": {"reference": "Patient/doc"},
        "author": [{"reference": "Practitioner/doc"}],
    }
    assert client.put("Composition/doc", json=composition).status_code == 201
    answer = client.get("Composition/doc/$document").json()
    assert [one["resource"]["resourceType"] for one in answer["entry"]] == ["Composition", "Patient", "Practitioner"]
    assert not [one for one in check(answer) if one.severity in ERRORS]
    assert client.get("Composition/$document?id=Composition/doc").json()["type"] == "document"
    kept = client.get("Composition/doc/$document?persist=true").json()
    assert client.get(f"Bundle/{kept['id']}").json()["type"] == "document"
    assert client.get("Composition/doc/$document?graph=http://x.example/g").status_code == 400
    client.put("Composition/doc", json=composition | {"custodian": {"reference": "Organization/none"}})
    missing = client.get("Composition/doc/$document")
    assert (missing.status_code, missing.json()["issue"][0]["expression"]) == (404, ["Composition.custodian"])


def test_the_preferred_id_of_a_naming_system(client: TestClient) -> None:
    """Of R4's own and of stored ones; what is not known is 404."""
    system = {
        "resourceType": "NamingSystem",
        "name": "Ward",
        "status": "draft",
        "kind": "identifier",
        "date": "2026-01-01",
        "uniqueId": [
            {"type": "uri", "value": "http://old.example/ward"},
            {"type": "uri", "value": "http://ward.example/id", "preferred": True},
            {"type": "oid", "value": "1.2.3.4"},
        ],
    }
    assert client.post("NamingSystem", json=system).status_code == 201
    asked = "NamingSystem/$preferred-id?id={}&type={}".format
    assert client.get(asked("urn:oid:1.2.3.4", "uri")).json()["parameter"][0]["valueString"] == "http://ward.example/id"
    assert (
        client.get(asked("http://snomed.info/sct", "oid"))
        .json()["parameter"][0]["valueString"]
        .endswith("2.16.840.1.113883.6.96")
    )
    assert client.get(asked("http://nobody.example/", "oid")).status_code == 404
    assert client.get(asked("x", "colour")).status_code == 400
