"""Every resource type with an endpoint: the same interactions everywhere, and sound answers (R4 section 3.1.0)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from countyfhir.model import json, xml
from countyfhir.model.definitions import ElementDefinition, definitions
from countyfhir.validation import structure

TYPES = sorted(definitions().endpoint_types)
VALUES = {
    "boolean": True,
    "integer": 1,
    "positiveInt": 1,
    "unsignedInt": 1,
    "decimal": json.parse(b'{"x":1.50}')["x"],
    "date": "2026-01-02",
    "dateTime": "2026-01-02",
    "instant": "2026-01-02T03:04:05Z",
    "time": "03:04:05",
    "base64Binary": "eA==",
    "id": "x",
    "uuid": "urn:uuid:0a3c8f5e-3b7e-4d5a-9b55-0c2b8a1f6d01",
    "oid": "urn:oid:1.2.3",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
    "Reference": {"display": "x"},
}


def least(type_name: str) -> dict[str, Any]:
    """The smallest object of a type: its mandatory elements, one type of each choice."""
    made: dict[str, Any] = {}
    chosen: set[str] = set()
    for name, element in definitions().types[type_name].elements.items():
        if element.minimum == 0 or element.choice in chosen:
            continue
        if element.choice is not None:
            chosen.add(element.choice)
        one = value(element)
        made[name] = [one] if element.is_array else one
    return made | ({"status": "off"} if type_name == "Subscription" else {})  # else the server has to serve it


def value(element: ElementDefinition) -> Any:
    """Something that is allowed in the element."""
    bound = element.binding_value_set or ""
    if "mimetypes" in bound:
        return "text/plain"
    codes = definitions().value_set_codes(bound) if bound else None
    if element.is_primitive:
        return max(codes) if codes and element.type_name == "code" else VALUES.get(element.type_name, "x")
    if definitions().types[element.type_name].kind == "resource":
        return {"resourceType": "Basic", "code": {"text": "x"}}
    return VALUES.get(element.type_name) or least(element.type_name) or {"id": "x"}


def sound(answer: Any) -> dict[str, Any]:
    """The resource in an answer, whose form is checked like that of any other."""
    text = answer.headers["content-type"]
    found = (xml if "xml" in text else json).parse(answer.content)
    problems = [issue for issue in structure.check(found) if issue.severity in ("error", "fatal")]
    assert problems == [], problems[0]
    return found


@pytest.fixture(scope="module")
def client(serve: Callable[..., TestClient]) -> TestClient:
    """A server whose answers are all asked for without a wrapping of their own."""
    started = serve(synchronous="normal", validation="structure")  # the least of a type breaks invariants of some
    started.headers["Accept-Encoding"] = "identity"
    return started


@pytest.mark.parametrize("name", TYPES)
def test_every_type_has_every_interaction(client: TestClient, name: str) -> None:
    """create, read, search, patch, update, history, delete; in both forms, each answer structurally sound."""
    resource = {"resourceType": name, **least(name)}
    made = client.post(name, content=xml.dumps(resource), headers={"Content-Type": "application/fhir+xml"})
    assert made.status_code == 201, made.text
    place = f"{name}/{sound(made)['id']}"
    accept = {"Accept": "application/fhir+xml"}
    read = sound(client.get(place, headers=accept))
    assert {key: read[key] for key in resource} == resource
    found = sound(client.get(name, params={"_id": read["id"], "_summary": "true"}))
    assert [row["resource"]["id"] for row in found["entry"]] == [read["id"]]
    patched = client.patch(place, json={"language": "zh"})
    assert sound(patched)["language"] == "zh"
    assert sound(client.put(f"{place}?_pretty=true", content=json.dumps(read)))["meta"]["versionId"] == "3"
    assert sound(client.get(f"{place}/_history", headers=accept))["total"] == 3
    assert client.delete(place).status_code == 204
    assert sound(client.get(place, headers={"Accept": "application/fhir+json"}))["issue"][0]["code"] == "deleted"


PLACES = """metadata metadata?_summary=true Patient?_include=* Patient?_summary=count _history AuditEvent Foo $meta
Patient/sound/$meta Patient/sound/$everything Patient/sound/_history?_summary=count Patient/sound/* Patient/lost
Patient?foo=1 Patient/sound/AuditEvent Patient?_elements=name"""


def test_what_the_server_makes_itself_is_sound(client: TestClient) -> None:
    """CapabilityStatement, OperationOutcomes, Bundles, AuditEvents, Parameters, in both forms."""
    client.put("Patient/sound", json={"resourceType": "Patient", "id": "sound"})
    row = {"request": {"method": "GET", "url": "Patient/sound"}}
    lost = {"request": {"method": "GET", "url": "Patient/lost"}}
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [row, lost, {}]}
    for form in ("json", "xml"):
        for place in PLACES.split():
            mark = "&" if "?" in place else "?"
            sound(client.get(f"{place}{mark}_format={form}"))
        answer = sound(client.post("", params={"_format": form}, json=batch))
        assert [one["response"]["status"][:3] for one in answer["entry"]] == ["200", "404", "400"]
        sound(client.post("Patient", params={"_format": form}, json={"resourceType": "Patient", "foo": [1]}))
