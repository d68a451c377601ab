"""Every official R4 example goes in by PUT and comes back the same, digit for digit (R4 examples, CC0)."""

from __future__ import annotations

import json as standard_json
from pathlib import Path
from typing import Any

import pytest

from countyfhir.model import json, xml
from countyfhir.model.definitions import definitions
from countyfhir.model.library import examples
from tests.http.conftest import running

ARCHIVE = Path(__file__).parents[1] / "data" / "r4-examples.tar.xz"
FAULTY = standard_json.loads((Path(__file__).parent / "structure_baseline.json").read_text())


def unstamped(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource without what the server stamps."""
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return rest | ({"meta": meta} if meta else {})


def text_of(resource: dict[str, Any]) -> bytes:
    """Its text with sorted top-level names, which keeps every digit and the order of everything below."""
    return json.dumps(dict(sorted(unstamped(resource).items())))


@pytest.mark.slow
def test_every_official_example_comes_back_the_same(tmp_path: Path) -> None:
    """All but the listed faulty ones are accepted, and read as JSON and as XML they are what was sent. Without the
    index of persons, which links the two examples that are one person."""
    refused, changed, by_xml = set(), [], []
    store = f"sqlite:{tmp_path / 'county.sqlite'}"
    with running(store=store, audit="off", synchronous="normal", person_index="off") as client:
        for name, content in examples(ARCHIVE):
            sent = json.parse(content)
            if sent["resourceType"] not in definitions().endpoint_types:
                continue
            place = f"{sent['resourceType']}/{sent['id']}"
            answer = client.put(place, content=content, headers={"Content-Type": "application/fhir+json"})
            if answer.status_code not in (200, 201):
                refused.add(name)
                continue
            accept = {"Accept": "application/fhir+json"}
            if text_of(json.parse(client.get(place, headers=accept).content)) != text_of(sent):
                changed.append(name)
            shown = xml.parse(client.get(place, headers={"Accept": "application/fhir+xml"}).content)
            if unstamped(shown) != unstamped(sent):
                by_xml.append(name)
    assert refused == {name for name in FAULTY if name.endswith(".json")}
    assert changed == []
    assert by_xml == []
