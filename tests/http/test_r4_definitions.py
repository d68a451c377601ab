"""R4's own definitions are readable and searchable on the server."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.testclient import TestClient


def test_base_definitions_are_loaded_in_the_background(serve: Callable[..., TestClient]) -> None:
    """A server answers at once, and a little later has StructureDefinitions, SearchParameters, OperationDefinitions and
    CompartmentDefinitions."""
    client = serve(load_definitions="on", synchronous="normal")
    assert client.get("metadata").status_code == 200
    deadline = time.monotonic() + 60
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
