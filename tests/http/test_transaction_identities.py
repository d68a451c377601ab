"""Who is who in a transaction: full URLs, versions, relative references, criteria (R4 sections 3.1.0.11.2, 2.36.4)."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.http.bundles import SYSTEM, bundle, entry, issue, located, observation, patient, statuses

ELSEWHERE = "http://elsewhere.example/fhir"


def subject_of(client: TestClient, answer: Any, row: int = 1) -> str:
    """The subject of the Observation that an entry wrote."""
    reference: str = client.get(located(answer.json()["entry"][row])).json()["subject"]["reference"]
    return reference


@pytest.mark.parametrize(
    ("full_url", "reference", "tail"),
    [
        (f"{ELSEWHERE}/Patient/9", f"{ELSEWHERE}/Patient/9/_history/4", "/_history/1"),
        ("urn:uuid:0a3c8f5e-3b7e-4d5a-9b55-0c2b8a1f6d01", "urn:uuid:0a3c8f5e-3b7e-4d5a-9b55-0c2b8a1f6d01", ""),
        ("urn:oid:1.2.36.1.2001", "urn:oid:1.2.36.1.2001", ""),
        ("urn:oid:1.2.36.1.2002", "urn:oid:1.2.36.1.2002#part", "#part"),
    ],
)
def test_references_by_full_url_are_resolved(client: TestClient, full_url: str, reference: str, tail: str) -> None:
    """By urn or URL; a version becomes the one just made, a fragment stays."""
    answer = client.post(
        "",
        json=bundle(
            entry("POST", "Patient", patient("v"), full_url), entry("POST", "Observation", observation(reference))
        ),
    )
    assert subject_of(client, answer) == located(answer.json()["entry"][0]) + tail


def test_a_version_that_the_bundle_does_not_hold_stays(client: TestClient) -> None:
    """The entry says it is version 2: a reference to version 1 means another, one to version 2 this."""
    url = f"{ELSEWHERE}/Patient/10"
    answer = client.post(
        "",
        json=bundle(
            entry("POST", "Patient", patient("v", meta={"versionId": "2"}), url),
            entry("POST", "Observation", observation(f"{url}/_history/1")),
            entry("POST", "Observation", observation(f"{url}/_history/2")),
        ),
    )
    assert subject_of(client, answer) == f"{url}/_history/1"
    assert subject_of(client, answer, 2) == located(answer.json()["entry"][0]) + "/_history/1"


@pytest.mark.parametrize("full_url", ["http://third.example/fhir/Observation/1", "urn:oid:1.2.36.1.2003"])
def test_a_relative_reference_is_read_against_its_own_base(client: TestClient, full_url: str) -> None:
    """Patient/p of another base, or under a urn, is not the Patient/p of elsewhere that is posted beside it."""
    client.put("Patient/p", json=patient("local", id="p"))
    answer = client.post(
        "",
        json=bundle(
            entry("POST", "Patient", patient("far", id="p"), f"{ELSEWHERE}/Patient/p"),
            entry("POST", "Observation", observation("Patient/p"), full_url),
        ),
    )
    assert subject_of(client, answer) == "Patient/p"


def test_new_resources_with_ids_of_the_client_refer_to_each_other(client: TestClient) -> None:
    """PUT of two new resources, each pointing to the other by a relative reference."""
    first = {"resourceType": "Observation", "id": "circle-a", "status": "final", "code": {"text": "x"}}
    answer = client.post(
        "",
        json=bundle(
            entry("PUT", "Observation/circle-a", first | {"hasMember": [{"reference": "Observation/circle-b"}]}),
            entry(
                "PUT",
                "Observation/circle-b",
                first | {"id": "circle-b", "derivedFrom": [{"reference": "Observation/circle-a"}]},
            ),
        ),
    )
    assert statuses(answer) == ["201", "201"]
    assert (
        client.get("Observation?derived-from=Observation/circle-a").json()["entry"][0]["resource"]["id"] == "circle-b"
    )


def test_a_full_url_may_stand_once(client: TestClient) -> None:
    """Two resources under one name: references to it would be ambiguous."""
    url = "urn:uuid:0a3c8f5e-3b7e-4d5a-9b55-0c2b8a1f6d02"
    rows = [entry("POST", "Patient", patient(number), url) for number in ("a", "b")]
    refused = client.post("", json=bundle(*rows))
    assert refused.status_code == 400
    assert issue(refused)["expression"] == ["Bundle.entry[0].fullUrl", "Bundle.entry[1].fullUrl"]


WITH = f"identifier={SYSTEM}|twice"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (entry("PUT", f"Patient?{WITH}", patient("twice")), entry("PUT", f"Patient?{WITH}", patient("twice"))),
        (
            entry("POST", "Patient", patient("twice"), ifNoneExist=WITH),
            entry("PUT", f"Patient?{WITH}", patient("twice")),
        ),
        (entry("POST", "Patient", patient("twice")), entry("POST", "Patient", patient("twice"), ifNoneExist=WITH)),
        (
            entry("PUT", "Patient/t", patient("twice", id="t")),
            entry("PUT", f"Patient?{WITH}&active:missing=true", patient("twice")),
        ),
    ],
)
def test_criteria_that_the_bundle_meets_twice_are_refused(
    client: TestClient, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Afterwards they would select two resources; nothing is written."""
    refused = client.post("", json=bundle(first, second))
    assert (refused.status_code, issue(refused)["code"]) == (412, "multiple-matches")
    assert client.get(f"Patient?{WITH}&_total=accurate").json()["total"] == 0


@pytest.mark.parametrize(
    "second", [entry("DELETE", "Patient/gone"), entry("PUT", "Patient/gone", patient("g", id="gone"))]
)
def test_a_delete_of_what_is_not_there_still_names_it(client: TestClient, second: dict[str, Any]) -> None:
    """The identities overlap, even though the delete has nothing to do."""
    assert client.post("", json=bundle(entry("DELETE", "Patient/gone"), second)).status_code == 400


@pytest.mark.parametrize("name", ["method", "url", "ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince"])
def test_the_members_of_a_request_are_strings(client: TestClient, name: str) -> None:
    """A number is refused with its place."""
    row = entry("PUT", "Patient/x", patient("x", id="x"))
    row["request"][name] = 5
    refused = client.post("", json=bundle(row))
    assert refused.status_code == 400
    assert issue(refused)["expression"] == [f"Bundle.entry[0].request.{name}"]


def test_conditional_reads_stand_in_bundles(client: TestClient) -> None:
    """ifNoneMatch and ifModifiedSince (an instant) give 304 without a resource; HEAD gives none either."""
    client.put("Patient/seen", json=patient("seen", id="seen"))
    answer = client.post(
        "",
        json=bundle(
            entry("GET", "Patient/seen", ifNoneMatch='W/"1"'),
            entry("GET", "Patient/seen", ifModifiedSince="2999-01-01T00:00:00Z"),
            entry("GET", "Patient/seen", ifModifiedSince="1999-01-01T00:00:00Z"),
            entry("HEAD", "Patient/seen"),
            entry("GET", "Patient/seen/$meta"),
            entry("GET", "metadata"),
        ),
    )
    rows = answer.json()["entry"]
    assert statuses(answer) == ["304", "304", "200", "200", "200", "200"]
    assert [row.get("resource", {}).get("resourceType") for row in rows] == [
        *(None, None, "Patient", None),
        *("Parameters", "CapabilityStatement"),
    ]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_an_outcome_is_given_where_it_is_preferred(client: TestClient, kind: str) -> None:
    """Prefer: return=OperationOutcome fills response.outcome of writes."""
    rows = (entry("POST", "Patient", patient("oo")), entry("GET", "Patient?_count=0"))
    answer = client.post("", json=bundle(*rows, kind=kind), headers={"Prefer": "return=OperationOutcome"})
    shown = [row["response"].get("outcome", {}).get("resourceType") for row in answer.json()["entry"]]
    assert shown == ["OperationOutcome", None]


def test_an_address_that_only_begins_like_ours_is_not_ours(client: TestClient) -> None:
    """http://host/fhirx is another server."""
    refused = client.post("", json=bundle(entry("GET", "http://127.0.0.1:8080/fhirx/Patient/1")))
    assert issue(refused)["expression"] == ["Bundle.entry[0].request.url"]
