"""Institutions that speak FHIR: their Bundles, resources and NDJSON as records, their dialect said in our words."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from countyfhir.intake.readers.formats import READERS
from countyfhir.mapping import apply, load
from countyfhir.mapping.explain import explain
from countyfhir.mapping.record import Format
from countyfhir.mapping.stable_id import stable_id
from countyfhir.mapping.yaml_text import MappingError

PATIENT = {"resourceType": "Patient", "name": [{"text": "林知远"}]}
BASE = "https://platform.example/fhir"
WEIGHT = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {"versionId": "3", "lastUpdated": "2025-03-09T10:00:00.5+08:00"},
    "subject": {"reference": "urn:uuid:aa-1"},
    "derivedFrom": [{"reference": f"{BASE}/Observation/o2"}, {"reference": "https://other.example/Observation/o3"}],
}
BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {"fullUrl": "urn:uuid:aa-1", "resource": PATIENT, "request": {"method": "POST", "url": "Patient"}},
        {"fullUrl": f"{BASE}/Observation/o1", "resource": WEIGHT},
        {"request": {"method": "DELETE", "url": "Condition/c1"}},
        {"response": {"status": "200"}},
    ],
}
MAPPING = """
title: dialect
version: 1
source:
  format: fhir
  file: "*.json"
  columns: {TYPE: type, id: id, SEX: resource.gender, RESOURCE: resource}
record: {key: [TYPE, id]}
codes:
  sex: {column: SEX, dictionary: 1, table: {man: male, woman: female}}
resources:
  - type: Patient
    when: TYPE = 'Patient'
    key: "{id}"
    content:
      all of: RESOURCE
      instead of: {"https://platform.example/sid/mrn": "https://fhir.county-hc.example/id/X/patient", "https://platform.example/ext/nation": "https://fhir.county-hc.example/ext/ethnicity"}
      gender: "{SEX | code(sex)}"
      active: null
"""  # noqa: E501 the line of a mapping file


ROW = {"type": "Patient", "id": "p1"}


def rows(tmp_path: Path, text: str) -> list[Any]:
    path = tmp_path / "x.json"
    path.write_text(text, "utf-8")
    facts = READERS["fhir"].inspect(path, Format("fhir", "*", ()))
    found = list(READERS["fhir"].records(path, Format("fhir", "*", ())))
    assert (facts.problem, facts.records) == (None, len(found))
    return found


@pytest.mark.parametrize("indent", [None, 1])
def test_a_bundle_is_read_by_type_and_id(tmp_path: Path, indent: int | None) -> None:
    """References by fullUrl, inside the Bundle or to its server, are said by type and id; others stay. What an entry
    deletes is a deleted record; one without a resource is told."""
    patient, weight, gone, odd = rows(tmp_path, json.dumps(BUNDLE, indent=indent))
    assert patient.row["id"] == "aa-1"
    assert weight.row["resource"]["subject"] == {"reference": "Patient/aa-1"}
    assert [one["reference"] for one in weight.row["resource"]["derivedFrom"]] == [
        "Observation/o2",
        "https://other.example/Observation/o3",
    ]
    assert weight.row["updated"] == "2025-03-09T02:00:00.500000+00:00"
    assert (gone.deleted, gone.row["resource"]) == (True, {"resourceType": "Condition", "id": "c1"})
    assert odd.problem == "not-fhir"


def test_ndjson_and_single_resources_are_read(tmp_path: Path) -> None:
    """Line by line, digits kept; a line that is no resource is told, a Bundle on a line is opened."""
    weight = '{"resourceType": "Observation", "id": "o1", "valueQuantity": {"value": 70.50}}'
    first, second, third, *opened = rows(tmp_path, f"{weight}\n\n[1]\n{{broken\n{json.dumps(BUNDLE)}\n")
    assert first.row["resource"]["valueQuantity"]["value"] == Decimal("70.50")
    assert [second.problem, third.problem, len(opened)] == ["not-fhir", "not-fhir", 4]
    (alone,) = rows(tmp_path, weight)
    assert alone.row["resource"]["id"] == "o1"
    (pretty,) = rows(tmp_path, json.dumps(PATIENT | {"id": "p"}, indent=2))
    assert pretty.row["resource"]["id"] == "p"


def test_what_is_not_json_is_said_without_its_content(tmp_path: Path) -> None:
    """No value of a record is in the message."""
    path = tmp_path / "x.json"
    path.write_bytes('{"resourceType": "Patient", "name": "林知远'.encode("gb18030"))
    problem = str(READERS["fhir"].inspect(path, Format("fhir", "*", ())).problem)
    assert "not utf-8" in problem
    assert "Patient" not in problem


def test_a_dialect_is_said_in_our_words(tmp_path: Path) -> None:
    """URIs are replaced wherever they stand, elements beside 'all of' take the place of the resource's own, null takes
    one away, references lead to our ids; the explanation tells where each element came from."""
    (tmp_path / "source.yaml").write_text("title: t\ninstitution: 甲\ninstitutions: [{name: 甲}]\n", "utf-8")
    (tmp_path / "patients.yaml").write_text(MAPPING, "utf-8")
    (source,) = load(tmp_path)
    resource = PATIENT | {
        "id": "p1",
        "meta": {"versionId": "2", "source": "x", "profile": ["urn:x"]},
        "active": True,
        "gender": "man",
        "identifier": [{"system": "https://platform.example/sid/mrn", "value": "1"}],
        "extension": [{"url": "https://platform.example/ext/nation", "valueString": "汉"}],
        "managingOrganization": {"reference": "Organization/o1/_history/2"},
    }
    (made,) = apply(source.mappings[0], ROW | {"resource": resource}).resources
    assert made == {
        "resourceType": "Patient",
        "id": stable_id(source.name, "Patient", "p1"),
        "meta": {"profile": ["urn:x"]},
        "name": [{"text": "林知远"}],
        "gender": "male",
        "identifier": [{"system": "https://fhir.county-hc.example/id/X/patient", "value": "1"}],
        "extension": [{"url": "https://fhir.county-hc.example/ext/ethnicity", "valueString": "汉"}],
        "managingOrganization": {"reference": f"Organization/{stable_id(source.name, 'Organization', 'o1')}"},
    }
    told = {
        one.element.rpartition(".")[2]: one.expression
        for one in explain(source.mappings[0], ROW | {"resource": resource})
    }
    assert told["gender"] == "{SEX | code(sex)}"
    assert told["name"] == "{RESOURCE}"


def test_only_uris_are_replaced_everywhere(tmp_path: Path) -> None:
    """A code stands for something in its own element only."""
    (tmp_path / "source.yaml").write_text("title: t\ninstitution: 甲\ninstitutions: [{name: 甲}]\n", "utf-8")
    (tmp_path / "patients.yaml").write_text(MAPPING.replace('"https://platform.example/sid/mrn"', "man"), "utf-8")
    with pytest.raises(MappingError, match="'man' is none"):
        load(tmp_path)
