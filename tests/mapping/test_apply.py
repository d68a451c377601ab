"""One record through one mapping: outcome, issues, resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from countyfhir.mapping import Context, MappedRecord, MappingError, RecordMapping, apply, load
from countyfhir.mapping.provenance import Place, provenance

SOURCE = "title: 测试\ninstitution: 县医院\ninstitutions: [{name: 县医院, code: X1}]\n"
MAPPING = """title: 检验
version: 7
source: {format: csv, file: results.csv, encoding: utf-8, columns: [ID, BRID, RESULT, UNIT, STATE, TIME, GONE]}
record: {key: [ID], version: TIME | date_time, main: [BRID, measured]}
codes:
  state: {column: STATE, dictionary: 1, table: {1: preliminary, 2: final}}
lookups:
  patient: {file: patients.csv, key: BRID, by: BRID, columns: [XM], needed: true}
values:
  called: patient.XM | name
  measured: RESULT | result(UNIT)
  status: STATE | code(state)
checks:
  - {when: GONE = '1', issue: cancelled, columns: [GONE], outcome: rejected}
resources:
  - type: Observation
    key: "{ID}"
    content:
      status: "{status or 'unknown'}"
      subject: {ref: Patient, key: "{BRID}", display: "{called}"}
      valueQuantity: "{measured.quantity}"
"""
ROW = {"ID": "1", "BRID": "9", "RESULT": "5.6", "UNIT": "mmol/l", "STATE": "2", "TIME": "2025-1-2 8:00", "GONE": None}


@pytest.fixture
def mapping(tmp_path: Path) -> RecordMapping:
    """The mapping above."""
    (tmp_path / "source.yaml").write_text(SOURCE, "utf-8")
    (tmp_path / "results.yaml").write_text(MAPPING, "utf-8")
    (source,) = load(tmp_path)
    return source.mappings[0]


def mapped(mapping: RecordMapping, **cells: Any) -> MappedRecord:
    patients = {"9": {"XM": "张三"}, "7": {"XM": "????"}}
    return apply(mapping, {**ROW, **cells}, Context({"patient": patients.get}))


def test_a_record_becomes_resources_with_stable_ids(mapping: RecordMapping) -> None:
    """The same record gives the same resources; key and version are normalised."""
    record = mapped(mapping)
    assert (record.outcome, record.key, record.version_key) == ("mapped", "ID=1", "2025-01-02T08:00:00+08:00")
    (observation,) = record.resources
    assert observation["valueQuantity"]["code"] == "mmol/L"
    assert observation["subject"]["display"] == "张三"
    assert mapped(mapping).resources == record.resources


@pytest.mark.parametrize(
    ("cells", "outcome", "code", "columns"),
    [
        ({"ID": None}, "quarantined", "key-missing", ("ID",)),
        ({"RESULT": None}, "quarantined", "main-missing", ("RESULT",)),
        ({"RESULT": "锟斤拷"}, "quarantined", "M29", ("RESULT",)),
        ({"BRID": "8"}, "quarantined", "lookup-missing", ("BRID",)),
        ({"GONE": "1"}, "rejected", "cancelled", ("GONE",)),
        ({"STATE": "5"}, "mapped", "unmapped-code", ("STATE",)),
        ({"BRID": "7"}, "mapped", "M29", ("patient.XM",)),
        ({"TIME": "昨天"}, "mapped", "M07", ("TIME",)),
    ],
)
def test_outcomes(mapping: RecordMapping, cells: dict[str, Any], outcome: str, code: str, columns: Any) -> None:
    """Key, person or main value missing: quarantined. A single cell: held back with its issue. Never an exception."""
    record = mapped(mapping, **cells)
    assert record.outcome == outcome
    assert [(finding.code, finding.columns) for finding in record.issues] == [(code, columns)]
    assert bool(record.resources) == (outcome == "mapped")


def test_issues_never_carry_values(mapping: RecordMapping) -> None:
    """Reports hold codes, columns and general sentences only."""
    for finding in mapped(mapping, RESULT="12?").issues:
        assert "12" not in str({**finding.as_dict(), "code": ""})


def named(record: MappedRecord) -> list[str]:
    return [f"{one['resourceType']}/{one['id']}" for one in record.resources]


def test_provenance_leads_back(mapping: RecordMapping) -> None:
    """To the file, the record and the mapping version, by the institution it came from."""
    record = mapped(mapping)
    made = provenance(
        mapping, record, Place("s/results.csv", "f" * 64, 3, "d" * 64, "2026-01-01T00:00:00Z"), "CREATE", named(record)
    )
    assert made["target"] == [{"reference": f"Observation/{record.resources[0]['id']}"}]
    assert made["policy"] == [f"https://fhir.county-hc.example/mapping/{mapping.name}|7"]
    assert made["agent"][0]["who"]["reference"].startswith("Organization/")
    row, file = (entity["what"] for entity in made["entity"])
    assert row["identifier"]["value"] == f"{mapping.name}?ID=1"
    assert "record 3" in row["display"]
    assert file["identifier"]["value"] == "sha256:" + "f" * 64


TREE_MAPPING = """title: 消息
version: 1
source:
  format: xml
  file: "*.xml"
  record: message
  columns:
    ID: head.no
    BRID: patient.id.where(`@type` = 'PI').`#text`
    RESULTS: result
    BLANK: patient.note
record: {key: [ID], main: [BRID]}
values:
  card: RESULTS | path("where(name = '卡号').value")
resources:
  - type: Observation
    each: one in RESULTS
    key: "{ID}/{position}"
    content:
      status: final
      code: {text: "{one.name}"}
      subject: {ref: Patient, key: "{BRID}"}
      valueString: "{one | path('value | text')}"
      note: [{text: "{card}"}]
"""
TREE = {
    "head": {"no": "77"},
    "patient": {"id": [{"@type": "PI", "#text": "9"}, {"@type": "X", "#text": "8"}], "note": "—"},
    "result": [{"name": "卡号", "value": "A1"}, {"name": "尿糖", "text": "+"}],
}


def test_columns_of_a_tree_are_found_by_fhirpath(tmp_path: Path) -> None:
    """Columns are expressions over the record; several values loop, one is a list of one; blanks are absent."""
    (tmp_path / "source.yaml").write_text(SOURCE, "utf-8")
    (tmp_path / "messages.yaml").write_text(TREE_MAPPING, "utf-8")
    (mapping,) = load(tmp_path)[0].mappings
    made = apply(mapping, TREE)
    assert (made.outcome, made.key, made.environment["BLANK"]) == ("mapped", "ID=77", None)
    assert [(one["code"]["text"], one["valueString"]) for one in made.resources] == [("卡号", "A1"), ("尿糖", "+")]
    assert made.resources[1]["note"] == [{"text": "A1"}]
    single = apply(mapping, TREE | {"result": {"name": "尿糖", "text": "+"}})
    assert [one["valueString"] for one in single.resources] == ["+"]
    assert apply(mapping, {"head": {}}).outcome == "quarantined"


def test_a_path_that_cannot_be_compiled_names_its_line(tmp_path: Path) -> None:
    """In a column and in an expression."""
    (tmp_path / "source.yaml").write_text(SOURCE, "utf-8")
    (tmp_path / "messages.yaml").write_text(TREE_MAPPING.replace("ID: head.no", "ID: head..no"), "utf-8")
    with pytest.raises(MappingError, match=r"messages\.yaml, line 8"):
        load(tmp_path)
    (tmp_path / "messages.yaml").write_text(TREE_MAPPING.replace("where(name", "where((name"), "utf-8")
    with pytest.raises(MappingError, match=r"messages\.yaml, line 14.*path"):
        load(tmp_path)
