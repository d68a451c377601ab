"""R4's own definitions and those of the county are readable and searchable on the server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from countyfhir.exchange import Stored
from countyfhir.interactions.county_definitions import named, write_of
from tests import stores


def test_base_definitions_are_loaded_in_the_background(serve: Callable[..., TestClient]) -> None:
    """A server answers at once, and a little later has StructureDefinitions, SearchParameters, OperationDefinitions and
    CompartmentDefinitions."""
    client = serve(load_definitions="on", synchronous="normal")
    assert client.get("metadata").status_code == 200
    deadline = stores.deadline(60)
    while client.get("CompartmentDefinition/patient").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert client.get("StructureDefinition/Patient").json()["url"] == "http://hl7.org/fhir/StructureDefinition/Patient"
    url = "http://hl7.org/fhir/SearchParameter/individual-birthdate"
    found = client.get("SearchParameter", params={"url": url}).json()["entry"]
    assert [row["resource"]["url"] for row in found] == [url]
    query = {"type": "Patient", "kind": "resource", "derivation": "specialization"}
    kinds = client.get("StructureDefinition", params=query).json()["entry"]
    assert [row["resource"]["id"] for row in kinds] == ["Patient"]
    assert client.get("OperationDefinition/Patient-everything").status_code == 200


def test_definitions_of_the_county_are_there_and_an_edited_one_stays(
    serve: Callable[..., TestClient], tmp_path: Path
) -> None:
    """Profiles, forms and tables by their URLs; files of an operator, too; a changed file is a new version, unless
    somebody has put another resource in its place."""
    folder = tmp_path / "profiles"
    folder.mkdir()
    form = {"resourceType": "Questionnaire", "url": "https://x.example/form", "status": "draft", "title": "甲"}
    (folder / "form.json").write_text(json.dumps(form), "utf-8")
    client = serve(load_definitions="on", synchronous="normal", profiles=str(folder))
    base = "https://fhir.county-hc.example/"
    assert soon(client, "Questionnaire", "https://x.example/form")["title"] == "甲"
    assert soon(client, "StructureDefinition", f"{base}StructureDefinition/county-resident")["type"] == "Patient"
    assert soon(client, "Questionnaire", f"{base}Questionnaire/hypertension-follow-up")["item"]
    edited = client.get("Questionnaire/form").json() | {"title": "改", "meta": {"source": "urn:x:me"}}
    assert client.put("Questionnaire/form", json=edited).status_code == 200
    assert write_of(named(form), stored(client)) is None
    assert client.put("Questionnaire/form", json=named(form)).status_code == 200
    assert write_of(named(form), stored(client)) is None
    later = write_of(named(form | {"title": "乙"}), stored(client))
    assert later is not None
    assert later.expected_version == 3


def soon(client: TestClient, resource_type: str, url: str) -> dict[str, Any]:
    deadline = stores.deadline(120)
    while not (found := client.get(resource_type, params={"url": url}).json().get("entry")):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    (entry,) = found
    return entry["resource"]  # type: ignore[no-any-return]


def stored(client: TestClient) -> dict[tuple[str, str], Stored]:
    """What the server holds under the id of the form."""
    found = client.get("Questionnaire/form")
    version = int(found.json()["meta"]["versionId"])
    return {("Questionnaire", "form"): Stored("Questionnaire", "form", version, 0, found.content)}
