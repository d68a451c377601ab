"""$validate over HTTP: every problem with its place, whatever was sent; settings of profiles and references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

XML = {"Content-Type": "application/fhir+xml"}
BAD = '{"resourceType": "Patient",\n "birthDate": "2020-13-01",\n "contact": [{"gender": "male"}]}'
SIGNS = "http://hl7.org/fhir/StructureDefinition/vitalsigns"
OUTCOME = {"Prefer": "return=OperationOutcome"}


def issues(answer: Any, *severities: str) -> list[dict[str, Any]]:
    assert answer.status_code < 300, answer.text
    found = answer.json()["issue"]
    return [one for one in found if one["severity"] in (severities or ("error", "fatal"))]


def places(answer: Any) -> list[tuple[str, str]]:
    return [(one["expression"][0], one["location"][0]) for one in issues(answer)]


def test_every_problem_has_its_line_and_column(client: TestClient) -> None:
    """In the text as it was sent, bare or in Parameters."""
    expected = [("Patient.birthDate", "line 2, column 2"), ("Patient.contact[0]", "line 3, column 14")]
    assert places(client.post("Patient/$validate", content=BAD)) == expected
    wrapped = '{"resourceType": "Parameters", "parameter": [{"name": "resource", "resource":\n' + BAD + "}]}"
    moved = [("Patient.birthDate", "line 3, column 2"), ("Patient.contact[0]", "line 4, column 14")]
    assert places(client.post("Patient/$validate", content=wrapped)) == moved
    inside = ' <birthDate value="x"/>\n <contact><gender value="male"/></contact>'
    text = f'<Patient xmlns="http://hl7.org/fhir">\n{inside}</Patient>'
    in_xml = [("Patient.birthDate", "line 2, column 2"), ("Patient.contact[0]", "line 3, column 2")]
    assert places(client.post("Patient/$validate", content=text, headers=XML)) == in_xml


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        ('{"resourceType": "Patient",', {}),
        ("<Patient", XML),
        ("[1]", {}),
        ('{"resourceType": "Nobody"}', {}),
        ('"x"', {}),
    ],
)
def test_what_cannot_be_read_is_an_outcome_too(client: TestClient, content: str, headers: dict[str, str]) -> None:
    """Always 200, always with a reason."""
    answer = client.post("Patient/$validate", content=content, headers=headers)
    assert answer.status_code == 200
    assert issues(answer)[0]["diagnostics"]


def test_profiles_are_asked_for(client: TestClient) -> None:
    """By parameter in the address or the body; an unknown one is an error, a claimed unknown one a warning."""
    resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    assert issues(client.post("Observation/$validate", json=resource)) == []
    asked = client.post(f"Observation/$validate?profile={SIGNS}", json=resource)
    assert {one["expression"][0] for one in issues(asked)} >= {"Observation"}
    unknown = client.post("Observation/$validate?profile=http://x.example/p", json=resource)
    assert [one["code"] for one in issues(unknown)] == ["not-found"]
    claimed = client.post("Observation/$validate", json=resource | {"meta": {"profile": ["http://x.example/p"]}})
    assert issues(claimed) == []
    assert "not-found" in [one["code"] for one in issues(claimed, "warning")]


def test_modes(client: TestClient) -> None:
    """create and update look at the id, delete at who points here; other modes and parameters are refused."""
    client.put("Patient/mode", json={"resourceType": "Patient", "id": "mode"})
    client.put(
        "Observation/mode",
        json={
            "resourceType": "Observation",
            "id": "mode",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": "Patient/mode"},
        },
    )
    same = {"resourceType": "Patient", "id": "mode"}
    assert issues(client.post("Patient/mode/$validate?mode=update", json=same)) == []
    assert [one["code"] for one in issues(client.post("Patient/mode/$validate?mode=create", json=same))] == [
        "duplicate"
    ]
    assert [
        one["code"] for one in issues(client.post("Patient/mode/$validate?mode=update", json=same | {"id": "b"}))
    ] == ["invalid"]
    assert [one["code"] for one in issues(client.get("Patient/mode/$validate?mode=delete"))] == ["conflict"]
    assert issues(client.get("Observation/mode/$validate?mode=delete")) == []
    assert client.get("Patient/mode/$validate?mode=burn").status_code == 400
    assert client.get("Patient/mode/$validate?colour=red").status_code == 400
    assert client.get("Patient/nobody/$validate").status_code == 404
    assert client.get("Patient/$validate").status_code == 400


def test_warnings_come_with_a_write_when_asked_for(client: TestClient) -> None:
    """Alone, in a batch and in a transaction; what is stored is the same."""
    resource = {"resourceType": "Patient", "active": True, "meta": {"profile": ["http://x.example/p"]}}
    answer = client.post("Patient", json=resource, headers=OUTCOME)
    assert {one.get("details", {}).get("text") for one in issues(answer, "warning")} == {"dom-6", "unknown"}
    entry = {"resource": resource, "request": {"method": "POST", "url": "Patient"}}
    for kind in ("batch", "transaction"):
        answer = client.post("", json={"resourceType": "Bundle", "type": kind, "entry": [entry]}, headers=OUTCOME)
        outcome = answer.json()["entry"][0]["response"]["outcome"]
        assert "dom-6" in [one.get("details", {}).get("text") for one in outcome["issue"]]


def test_profiles_are_enforced_by_setting(serve: Callable[..., TestClient]) -> None:
    """Required and claimed ones, by type; warn lets through and tells."""
    modes = {"profile_checks": "*=off,Observation=enforce,Patient=warn", "required_profiles": f"Observation={SIGNS}"}
    client = serve(**modes)
    resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    refused = client.post("Observation", json=resource)
    assert refused.status_code >= 400
    assert SIGNS in refused.text
    assert client.post("Patient", json={"resourceType": "Patient", "meta": {"profile": [SIGNS]}}).status_code == 201
    told = client.post("Patient", json={"resourceType": "Patient", "meta": {"profile": [SIGNS]}}, headers=OUTCOME)
    assert "is for Observation" in told.text


def test_references_must_exist_or_get_a_placeholder(serve: Callable[..., TestClient]) -> None:
    """By setting; what the same transaction writes counts as being there."""
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/gone"},
    }
    strict = serve(reference_checks="exists")
    refused = strict.post("Observation", json=resource)
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (422, ["Observation.subject.reference"])
    entries = [
        {"resource": resource, "request": {"method": "POST", "url": "Observation"}},
        {"resource": {"resourceType": "Patient", "id": "gone"}, "request": {"method": "PUT", "url": "Patient/gone"}},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert strict.post("", json=bundle).status_code == 200
    lenient = serve(reference_checks="placeholder")
    assert lenient.post("Observation", json=resource).status_code == 201
    made = lenient.get("Patient/gone").json()
    assert made["meta"]["tag"][0]["code"] == "placeholder"
    assert lenient.get("Patient?_tag=placeholder&_summary=count").json()["total"] == 1
    assert lenient.put("Patient/gone", json={"resourceType": "Patient", "id": "gone"}).status_code == 200
    single = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": resource | {"subject": {"reference": "Patient/two"}},
                "request": {"method": "POST", "url": "Observation"},
            }
        ],
    }
    assert lenient.post("", json=single).status_code == 200
    assert lenient.get("Patient/two").status_code == 200


@pytest.mark.parametrize("named", [{"x": 1}, ["Patient"], 7, None])
def test_a_resource_type_that_is_no_text_is_said(client: TestClient, named: object) -> None:
    """Found by made-up requests: it was an error of the server."""
    answer = client.post("Patient/$validate", json={"resourceType": named})
    assert answer.status_code in (200, 400)
    assert answer.json()["issue"][0]["severity"] in ("error", "fatal")
