"""create, read, vread, update, delete and their headers (R4 section 3.1.0)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from countyfhir.model import json

PATIENT = {"resourceType": "Patient", "gender": "female"}


def issue(answer: Any) -> dict[str, Any]:
    """The first issue of an error answer."""
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    first: dict[str, Any] = body["issue"][0]
    return first


def test_create_answers_201_with_location_etag_and_the_resource(client: TestClient) -> None:
    """The server gives id, version and instant; Location names the version."""
    answer = client.post("Patient", json={**PATIENT, "id": "mine", "meta": {"versionId": "9"}})
    made = answer.json()
    assert answer.status_code == 201
    assert made["id"] != "mine"
    assert made["meta"]["versionId"] == "1"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["location"] == f"http://127.0.0.1:8080/fhir/Patient/{made['id']}/_history/1"
    assert answer.headers["last-modified"].endswith("GMT")


def test_read_gives_what_was_written_byte_for_byte(client: TestClient) -> None:
    """Decimals keep their digits, primitives their siblings, text its characters, elements their order."""
    text = (
        b'{"resourceType":"Observation","id":"lossless","status":"final","code":{"text":"\xe4\xbd\x93\xe9\x87\x8d\xe3\x80\x80x"},'
        b'"valueQuantity":{"value":1.50,"unit":"kg"},"component":[{"valueQuantity":{"value":100.0e-2},"code":{"text":"c"}}],'
        b'"_status":{"extension":[{"url":"http://example.org/x","valueDecimal":0.00}]}}'
    )
    put = client.put("Observation/lossless", content=text, headers={"Content-Type": "application/fhir+json"})
    assert put.status_code == 201
    read = client.get("Observation/lossless")
    head, _, tail = read.content.partition(b'"meta":{')
    stamp, _, rest = tail.partition(b"},")
    assert b'"versionId":"1"' in stamp
    assert head + rest == text


def test_update_makes_a_new_version_and_vread_finds_the_old_one(client: TestClient, patient: dict[str, Any]) -> None:
    """PUT on what exists answers 200 with version 2; version 1 stays readable."""
    place = f"Patient/{patient['id']}"
    answer = client.put(place, json={**patient, "gender": "male"})
    assert (answer.status_code, answer.json()["meta"]["versionId"]) == (200, "2")
    old = client.get(f"{place}/_history/1")
    assert old.status_code == 200
    assert "gender" not in old.json()
    assert client.get(f"{place}/_history/3").status_code == 404
    assert client.get(f"{place}/_history/abc").status_code == 404


def test_put_to_a_new_id_creates(client: TestClient) -> None:
    """Update as create answers 201 under the id of the client."""
    answer = client.put("Patient/own-id.1", json={**PATIENT, "id": "own-id.1"})
    assert (answer.status_code, answer.json()["id"]) == (201, "own-id.1")


def test_put_to_a_new_id_is_refused_by_setting(serve: Callable[..., TestClient]) -> None:
    """``update_create=refuse`` answers 405."""
    answer = serve(update_create="refuse").put("Patient/x", json={**PATIENT, "id": "x"})
    assert answer.status_code == 405


@pytest.mark.parametrize(
    ("method", "place", "body", "status", "code"),
    [
        ("PUT", "Patient/a", {**PATIENT, "id": "b"}, 400, "invalid"),
        ("PUT", "Patient/a", PATIENT, 400, "invalid"),
        ("POST", "Observation", PATIENT, 400, "invalid"),
        ("POST", "Patient", {"gender": "female"}, 400, "structure"),
        ("POST", "Patient", [], 400, "structure"),
        ("PUT", "Patient/a_b", {**PATIENT, "id": "a_b"}, 400, "value"),
        ("PUT", "Patient/" + "a" * 65, {**PATIENT, "id": "a" * 65}, 400, "value"),
        ("POST", "Patient", {**PATIENT, "gender": "xx"}, 400, "code-invalid"),
        ("POST", "Patient", {**PATIENT, "foo": 1}, 400, "structure"),
        ("POST", "Patients", PATIENT, 404, "not-supported"),
        ("POST", "Parameters", {"resourceType": "Parameters"}, 404, "not-supported"),
        ("GET", "Patient/unknown", None, 404, "not-found"),
        ("GET", "Patient/1/_foo", None, 404, "not-supported"),
        ("POST", "Patient/1", PATIENT, 405, "not-supported"),
        ("DELETE", "metadata", None, 405, "not-supported"),
        ("GET", "Patient/1/$nothing", None, 404, "not-supported"),
        ("POST", "", PATIENT, 400, "invalid"),
        ("POST", "", {"resourceType": "Bundle", "type": "collection"}, 400, "value"),
    ],
)
def test_wrong_requests_get_their_status_and_issue(
    client: TestClient, method: str, place: str, body: Any, status: int, code: str
) -> None:
    """Each mistake has its HTTP status and an OperationOutcome whose issue has the right code."""
    answer = client.request(method, place, json=body) if body is not None else client.request(method, place)
    assert answer.status_code == status
    assert issue(answer)["code"] == code
    assert issue(answer)["diagnostics"]


def test_malformed_json_names_line_and_column(client: TestClient) -> None:
    """The place of a JSON error is told."""
    answer = client.post("Patient", content=b'{"resourceType":"Patient",\n "gender" "male"}')
    assert answer.status_code == 400
    assert issue(answer)["location"][0].startswith("line 2, column")


def test_delete_then_read_is_410_and_a_put_brings_it_back(client: TestClient, patient: dict[str, Any]) -> None:
    """A deletion is a version: 204, then 410; deleting again changes nothing; PUT makes version 3."""
    place = f"Patient/{patient['id']}"
    gone = client.delete(place)
    assert (gone.status_code, gone.headers["etag"]) == (204, 'W/"2"')
    assert client.get(place).status_code == 410
    assert client.get(f"{place}/_history/2").status_code == 410
    assert client.delete(place).status_code == 204
    back = client.put(place, json=patient)
    assert (back.status_code, back.json()["meta"]["versionId"]) == (201, "3")


def test_delete_of_what_never_was_is_204(client: TestClient) -> None:
    """Deleting an unknown id is no error."""
    assert client.delete("Patient/never").status_code == 204


def test_delete_of_what_others_point_to_is_409_naming_them(client: TestClient, patient: dict[str, Any]) -> None:
    """The holders are named; without them the delete goes through."""
    subject = {"reference": f"Patient/{patient['id']}"}
    holder = client.post(
        "Observation",
        json={"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject},
    )
    refused = client.delete(f"Patient/{patient['id']}")
    assert refused.status_code == 409
    assert f"Observation/{holder.json()['id']}" in issue(refused)["diagnostics"]
    client.delete(f"Observation/{holder.json()['id']}")
    assert client.delete(f"Patient/{patient['id']}").status_code == 204


def test_delete_of_what_others_point_to_is_allowed_by_setting(serve: Callable[..., TestClient]) -> None:
    """``delete_referenced=allow`` deletes all the same."""
    client = serve(delete_referenced="allow")
    patient = client.post("Patient", json=PATIENT).json()
    subject = {"reference": f"Patient/{patient['id']}"}
    client.post(
        "Observation",
        json={"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject},
    )
    assert client.delete(f"Patient/{patient['id']}").status_code == 204


def test_if_match_guards_an_update(client: TestClient, patient: dict[str, Any]) -> None:
    """The right ETag passes, a stale one is 412, also on what does not exist."""
    place = f"Patient/{patient['id']}"
    assert client.put(place, json=patient, headers={"If-Match": 'W/"1"'}).status_code == 200
    stale = client.put(place, json=patient, headers={"If-Match": 'W/"1"'})
    assert (stale.status_code, issue(stale)["code"]) == (412, "conflict")
    missing = client.put("Patient/none", json={**PATIENT, "id": "none"}, headers={"If-Match": 'W/"1"'})
    assert missing.status_code == 412
    assert client.delete(place, headers={"If-Match": 'W/"1"'}).status_code == 412


def test_if_none_match_star_makes_put_a_create(client: TestClient, patient: dict[str, Any]) -> None:
    """PUT with ``If-None-Match: *`` is refused where something is."""
    place = f"Patient/{patient['id']}"
    assert client.put(place, json=patient, headers={"If-None-Match": "*"}).status_code == 412


def test_conditional_read_answers_304(client: TestClient, patient: dict[str, Any]) -> None:
    """If-None-Match and If-Modified-Since save the body."""
    place = f"Patient/{patient['id']}"
    same = client.get(place, headers={"If-None-Match": 'W/"1"'})
    assert (same.status_code, same.content) == (304, b"")
    assert client.get(place, headers={"If-None-Match": 'W/"7"'}).status_code == 200
    stamp = client.get(place).headers["last-modified"]
    assert client.get(place, headers={"If-Modified-Since": stamp}).status_code == 304
    assert client.get(place, headers={"If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}).status_code == 200


@pytest.mark.parametrize(
    ("prefer", "resource_type"),
    [("return=minimal", None), ("return=representation", "Patient"), ("return=OperationOutcome", "OperationOutcome")],
)
def test_prefer_return_shapes_the_answer_of_a_write(client: TestClient, prefer: str, resource_type: str | None) -> None:
    """Nothing, the resource or an OperationOutcome."""
    answer = client.post("Patient", json=PATIENT, headers={"Prefer": prefer})
    assert answer.status_code == 201
    assert (answer.json()["resourceType"] if answer.content else None) == resource_type


def test_head_answers_headers_only(client: TestClient, patient: dict[str, Any]) -> None:
    """HEAD is GET without a body."""
    place = f"Patient/{patient['id']}"
    head, get = client.head(place), client.get(place)
    assert head.content == b""
    assert head.headers["content-length"] == str(len(get.content))
    assert head.headers["etag"] == get.headers["etag"]


def test_tags_survive_an_update_that_does_not_send_them(client: TestClient) -> None:
    """Tags and security labels are kept, profiles are as sent."""
    tag = {"system": "http://example.org/tags", "code": "keep"}
    made = client.post("Patient", json={**PATIENT, "meta": {"tag": [tag], "profile": ["http://example.org/p"]}}).json()
    updated = client.put(f"Patient/{made['id']}", json={**PATIENT, "id": made["id"]}).json()
    assert updated["meta"]["tag"] == [tag]
    assert "profile" not in updated["meta"]


def test_request_id_is_echoed_or_made(client: TestClient) -> None:
    """X-Request-Id comes back; a bad one is replaced."""
    assert client.get("metadata", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert client.get("metadata", headers={"X-Request-Id": "a b"}).headers["x-request-id"] != "a b"


def test_a_body_beyond_the_limit_is_413(serve: Callable[..., TestClient]) -> None:
    """``max_body_bytes`` holds for plain and for packed bodies."""
    client = serve(max_body_bytes=2000)
    big = json.dumps({**PATIENT, "name": [{"family": "a" * 3000}]})
    assert client.post("Patient", content=big).status_code == 413


def test_a_foreign_host_header_is_refused_without_authentication(client: TestClient) -> None:
    """DNS rebinding does not reach the record."""
    assert client.get("Patient/1", headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("POST", "Patient?identifier=a|b"),
        ("PUT", "Patient/query?identifier=a|b"),
        ("GET", "Patient/query?foo=1"),
        ("DELETE", "Patient/query?_cascade=delete"),
        ("GET", "metadata?foo=1"),
    ],
)
def test_a_parameter_that_has_no_effect_is_refused(client: TestClient, method: str, place: str) -> None:
    """400 by default; lenient handling passes over it."""
    client.put("Patient/query", json={**PATIENT, "id": "query"})
    body = {**PATIENT, "id": "query"} if method in ("POST", "PUT") else None
    refused = client.request(method, place, json=body)
    assert (refused.status_code, issue(refused)["code"]) == (400, "not-supported")
    assert client.request(method, place, json=body, headers={"Prefer": "handling=lenient"}).status_code < 300
