"""Files of ECG machines through the mappings that ship: valid resources, digit for digit; damage held back."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from countyfhir import shipped
from countyfhir.intake.inputs import discover
from countyfhir.intake.lookups import Tables
from countyfhir.intake.readers.formats import READERS
from countyfhir.mapping import MappedRecord, apply, load
from countyfhir.validation.structure import check
from tests import ecg_recordings as recorded

SOURCES = load(shipped.folder("mappings") / "ecg-devices") + load(shipped.folder("mappings") / "ecg-centre")
PAPER = b"%PDF-1.4\n%%EOF\n"


def taken(folder: Path, source: str, **files: bytes) -> list[MappedRecord | str]:
    """What the files of a source become; the problem of one that cannot be read."""
    for name, raw in files.items():
        path = folder / source / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    found: list[MappedRecord | str] = []
    for one in discover([folder], SOURCES).inputs:
        for record in READERS[one.mapping.format.format].records(one.path, one.mapping.format):
            context = Tables().context(one.mapping, one.path.parent)
            found.append(record.problem or apply(one.mapping, record.row, context))
    return found


def resources(record: MappedRecord | str, resource_type: str) -> list[dict[str, Any]]:
    assert isinstance(record, MappedRecord)
    assert record.outcome == "mapped"
    assert [problem for one in record.resources for problem in check(one)] == []
    return [one for one in record.resources if one["resourceType"] == resource_type]


@pytest.mark.parametrize(
    ("name", "raw", "count"), [("a.xml", recorded.muse(), 9), ("a.scp", recorded.scp(packed=True), 7)]
)
def test_a_recording_becomes_a_waveform_its_measurements_and_a_preliminary_report(
    tmp_path: Path, name: str, raw: bytes, count: int
) -> None:
    """All twelve leads; the person's local number; the machine's reading is never final."""
    raw = raw if name.endswith("xml") else recorded.scp(packed=True, encoding="gb18030")
    (record,) = taken(tmp_path, "ecg-devices", **{name: raw})
    observations = resources(record, "Observation")
    assert len(observations) == count
    waveform = observations[0]
    assert {one["code"]["text"] for one in waveform["component"]} == set(recorded.LEADS)
    second = next(one for one in waveform["component"] if one["code"]["text"] == "V6")["valueSampledData"]
    assert (second["data"], second["period"], second["factor"]) == (recorded.data("V6"), 4, 5)
    assert waveform["effectiveDateTime"] == "2025-03-01T08:30:00+08:00"
    (patient,) = resources(record, "Patient")
    assert (patient["name"][0]["text"], patient["gender"], patient["birthDate"]) == ("王小东", "male", "1960-01-02")
    (report,) = resources(record, "DiagnosticReport")
    assert report["status"] == "preliminary"


def test_an_aecg_with_measurements_and_a_beat(tmp_path: Path) -> None:
    """The row of the worklist that names the file gives the order; measurements stem from the recording."""
    series = f'<derivedSeries><code code="REPRESENTATIVE_BEAT"/>{axis_and(recorded.sequence("I"))}</derivedSeries>'
    more = f"<derivation>{series}</derivation>" + recorded.annotation("MDC_ECG_HEART_RATE", "72", "bpm")
    manifest = "申请单号,文件\r\nXD1,aecg/ECG1.xml\r\n".encode()
    folder = tmp_path / "ecg-centre"
    folder.mkdir()
    (folder / "manifest.csv").write_bytes(manifest)
    (folder / "aecg").mkdir()
    (folder / "aecg" / "ECG1.xml").write_bytes(recorded.aecg(more=more))
    (one,) = [one for one in discover([folder], SOURCES).inputs if one.mapping.format.format == "aecg"]
    (read,) = READERS["aecg"].records(one.path, one.mapping.format)
    record = apply(one.mapping, read.row, Tables().context(one.mapping, one.path.parent))
    waveform, derived, rate = resources(record, "Observation")
    assert (len(waveform["component"]), len(derived["component"])) == (12, 1)
    assert rate["valueQuantity"] == {"value": 72, "unit": "bpm", "system": "http://unitsofmeasure.org", "code": "/min"}
    assert rate["derivedFrom"] == [{"reference": f"Observation/{waveform['id']}"}]
    assert waveform["basedOn"] == rate["basedOn"]
    assert record.key == "id=ECG1"


def axis_and(lead: str) -> str:
    time = '<sequence><code code="TIME_RELATIVE"/><value><increment value="2" unit="ms"/></value></sequence>'
    return f"<component><sequenceSet><component>{time}</component>{lead}</sequenceSet></component>"


def test_a_report_on_paper_becomes_a_document(tmp_path: Path) -> None:
    """The PDF as it is, with size and hash, marked as unstructured; the person from the name of the file."""
    (record,) = taken(tmp_path, "ecg-devices", **{"50001_20250301.pdf": PAPER})
    (document,) = resources(record, "DocumentReference")
    (binary,) = resources(record, "Binary")
    attachment = document["content"][0]["attachment"]
    assert base64.b64decode(binary["data"]) == PAPER
    assert (attachment["url"], attachment["size"]) == (f"Binary/{binary['id']}", len(PAPER))
    assert document["meta"]["tag"][0]["display"] == "structured=false"
    assert document["context"]["period"]["start"] == "2025-03-01"


def test_what_cannot_be_read_has_a_problem(tmp_path: Path) -> None:
    """A text under the name of a PDF, XML of something else, half a recording."""
    found = taken(tmp_path, "ecg-devices", **{"a.pdf": b"text", "b.scp": recorded.scp()[:-9], "c.xml": b"<html/>"})
    assert sorted(map(str, found)) == ["not-ecg", "not-pdf", "truncated"]


def test_a_quarantined_report_on_paper_knows_its_name_again(bench: Any) -> None:
    """A replay reads the name of the file from the ledger: only the name says whose report it is."""
    text = (shipped.folder("mappings") / "ecg-devices" / "pdf-reports.yaml").read_text("utf-8")
    text = text.replace("'示例心电室'", "'县医院'")
    bench.mapping(text.replace("split('_')[1]", "split('-')[1]"))
    bench.file("50001_20250301.pdf", PAPER)
    assert bench.take().total()["quarantined"] == 1
    bench.mapping(text)
    assert bench.take_again().total()["stored"] == 1
