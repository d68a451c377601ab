"""Forms of request and answer: JSON, XML, compression, CORS, Binary (R4 section 3.1.0.1)."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

XML = "application/fhir+xml"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/fhir+json", "json"),
        ("application/json", "json"),
        ("*/*", "json"),
        ("application/fhir+xml", "xml"),
        ("application/xml;q=0.9, application/fhir+json;q=0.8", "xml"),
        ("application/fhir+json; fhirVersion=4.0", "json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"),
    ],
)
def test_accept_chooses_the_form(client: TestClient, patient: dict[str, Any], accept: str, form: str) -> None:
    """The best acceptable quality wins."""
    answer = client.get(f"Patient/{patient['id']}", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"application/fhir+{form}; charset=utf-8"


@pytest.mark.parametrize("accept", ["image/png", "application/fhir+json; fhirVersion=5.0"])
def test_what_cannot_be_produced_is_406(client: TestClient, patient: dict[str, Any], accept: str) -> None:
    """406 with an OperationOutcome, in JSON."""
    answer = client.get(f"Patient/{patient['id']}", headers={"Accept": accept})
    assert (answer.status_code, answer.json()["resourceType"]) == (406, "OperationOutcome")


@pytest.mark.parametrize("value", ["xml", "application/fhir+xml", "text/xml", "application%2Ffhir%2Bxml"])
def test_format_wins_over_accept(client: TestClient, patient: dict[str, Any], value: str) -> None:
    """``_format`` takes short and media type names, a blank for its plus."""
    answer = client.get(f"Patient/{patient['id']}?_format={value}", headers={"Accept": "application/fhir+json"})
    assert answer.headers["content-type"].startswith(XML)


def test_xml_goes_in_and_comes_out(client: TestClient) -> None:
    """A resource posted as XML reads the same as JSON and as XML; errors come as XML, too."""
    text = '<Patient xmlns="http://hl7.org/fhir"><active value="true"/><name><family value="诸葛"/></name></Patient>'
    made = client.post("Patient", content=text.encode(), headers={"Content-Type": XML, "Accept": XML})
    assert made.status_code == 201, made.text
    assert "<family value=" in made.text
    place = made.headers["location"].split("/fhir/")[1].split("/_history")[0]
    assert client.get(place).json()["name"] == [{"family": "诸葛"}]
    missing = client.get("Patient/none?_format=xml")
    assert missing.text.lstrip().startswith("<")
    assert "OperationOutcome" in missing.text


def test_pretty_is_indented_and_keeps_digits(client: TestClient) -> None:
    """``_pretty=true`` changes white space only."""
    client.put(
        "Observation/pretty",
        content=b'{"resourceType":"Observation","id":"pretty","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}',
    )
    answer = client.get("Observation/pretty?_pretty=true")
    assert b'"value": 1.50' in answer.content


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain", 415),
        ("application/fhir+turtle", 415),
        ("application/json; charset=utf-8", 201),
        ("application/fhir+json", 201),
    ],
)
def test_the_content_type_of_a_body_counts(client: TestClient, content_type: str, status: int) -> None:
    """Only FHIR's forms are read."""
    assert (
        client.post(
            "Patient", content=b'{"resourceType":"Patient"}', headers={"Content-Type": content_type}
        ).status_code
        == status
    )


def test_packed_bodies_and_answers(client: TestClient) -> None:
    """gzip in, gzip and br out."""
    body = b'{"resourceType":"Patient","name":[{"text":"' + b"x" * 4000 + b'"}]}'
    made = client.post(
        "Patient",
        content=gzip.compress(body),
        headers={"Content-Type": "application/fhir+json", "Content-Encoding": "gzip"},
    )
    assert made.status_code == 201
    place = f"Patient/{made.json()['id']}"
    for coding in ("gzip", "br"):
        answer = client.get(place, headers={"Accept-Encoding": coding})
        assert answer.headers["content-encoding"] == coding
        assert answer.json() == made.json()
    assert client.post("Patient", content=b"junk", headers={"Content-Encoding": "gzip"}).status_code == 400
    assert client.post("Patient", content=b"junk", headers={"Content-Encoding": "zstd"}).status_code == 415


def test_binary_raw_and_as_resource(client: TestClient) -> None:
    """Raw content goes in by its own Content-Type and comes out by Accept."""
    made = client.post("Binary", content=b"%PDF-1.4 \x00\xff", headers={"Content-Type": "application/pdf"})
    assert made.status_code == 201, made.text
    place = f"Binary/{made.json()['id']}"
    raw = client.get(place, headers={"Accept": "*/*"})
    assert (raw.content, raw.headers["content-type"]) == (b"%PDF-1.4 \x00\xff", "application/pdf")
    resource = client.get(place, headers={"Accept": "application/fhir+json"}).json()
    assert (resource["resourceType"], resource["contentType"]) == ("Binary", "application/pdf")
    changed = client.put(place, content=b"new", headers={"Content-Type": "text/plain"})
    assert changed.status_code == 200
    assert client.get(place).content == b"new"
    as_resource = client.post("Binary", json={"resourceType": "Binary", "contentType": "text/plain", "data": "aGk="})
    assert client.get(f"Binary/{as_resource.json()['id']}").content == b"hi"


def test_cors_by_setting(serve: Callable[..., TestClient], client: TestClient) -> None:
    """Configured origins get their headers, others none."""
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    assert client.options("Patient", headers=asked).status_code == 405
    open_to = serve(cors_origins=["https://app.example"])
    preflight = open_to.options("Patient", headers=asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "https://app.example")
    assert (
        "access-control-allow-origin" not in open_to.get("metadata", headers={"Origin": "https://evil.example"}).headers
    )


@pytest.mark.parametrize(
    ("query", "present", "absent"),
    [
        ("_summary=true", ["name", "id", "meta"], ["text", "contact"]),
        ("_summary=text", ["text", "id", "meta"], ["name", "contact"]),
        ("_summary=data", ["name", "contact"], ["text"]),
        ("_summary=false", ["name", "contact", "text"], []),
        ("_elements=name", ["name", "id"], ["contact", "text"]),
    ],
)
def test_summary_and_elements_on_a_read(client: TestClient, query: str, present: list[str], absent: list[str]) -> None:
    """The five summaries (count is for searches) and ``_elements``; what is cut is tagged SUBSETTED."""
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
    client.put(
        "Patient/sum",
        json={
            "resourceType": "Patient",
            "id": "sum",
            "text": text,
            "name": [{"family": "Li"}],
            "contact": [{"gender": "male", "name": {"text": "Li"}}],
        },
    )
    answer = client.get(f"Patient/sum?{query}").json()
    assert [name for name in present if name not in answer] == []
    assert [name for name in absent if name in answer] == []
    tagged = any(tag["code"] == "SUBSETTED" for tag in answer["meta"].get("tag", []))
    assert tagged == (query != "_summary=false")


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/octet-stream", "text/csv"),
        ("image/png", "text/csv"),
        ("text/csv, application/fhir+json;q=0.5", "text/csv"),
        ("*/*;q=0.9, application/fhir+xml", "application/fhir+xml"),
        ("*/*, application/fhir+json", "application/fhir+json"),
    ],
)
def test_a_binary_is_raw_unless_a_fhir_type_is_liked_best(client: TestClient, accept: str, content_type: str) -> None:
    """Any other media type gives the content with its own type, never 406."""
    place = client.post("Binary", content=b"a,b", headers={"Content-Type": "text/csv"}).headers["location"]
    answer = client.get(place, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == content_type


@pytest.mark.parametrize("parameter", ["charset=gbk", "fhirVersion=3.0", 'fhirVersion="5.0"'])
@pytest.mark.parametrize("media_type", ["application/fhir+json", "application/fhir+xml"])
def test_another_character_set_or_version_of_a_body_is_415(client: TestClient, media_type: str, parameter: str) -> None:
    """FHIR is UTF-8, and this server R4."""
    content_type = f"{media_type}; {parameter}"
    answer = client.post("Patient", content=b'{"resourceType":"Patient"}', headers={"Content-Type": content_type})
    assert answer.status_code == 415


@pytest.mark.parametrize("place", ["Foo", "Patient/1/Foo/2", "Patient/$foo", "Patient/none", "Patient?foo=1"])
def test_errors_take_the_form_and_name_a_place(client: TestClient, place: str) -> None:
    """XML where XML is wanted, also of what is refused at the door; each issue has an expression."""
    answer = client.get(place, headers={"Accept": "application/fhir+xml"})
    assert answer.headers["content-type"].startswith("application/fhir+xml")
    assert client.get(place).json()["issue"][0]["expression"]


def test_the_statement_says_whether_other_origins_may_call(
    serve: Callable[..., TestClient], client: TestClient
) -> None:
    """CapabilityStatement.rest.security.cors follows the setting."""
    for server, said in ((client, False), (serve(cors_origins="https://app.example"), True)):
        assert server.get("metadata").json()["rest"][0]["security"]["cors"] is said


def test_a_posted_search_says_its_form_in_its_body(client: TestClient) -> None:
    """``_format`` and ``_pretty`` among the parameters of the form count as in the address."""
    asked = {"_id": "nobody", "_format": "xml", "_pretty": "true"}
    answer = client.post("Patient/_search", data=asked)
    assert answer.headers["content-type"].startswith("application/fhir+xml")
    assert "\n  " in answer.text
    refused = client.post("Patient/_search", data={**asked, "nothing": "1"})
    assert refused.status_code == 400
    assert "<OperationOutcome" in refused.text
