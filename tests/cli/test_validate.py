"""Files are checked against the definitions, each problem in one line with its place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from tests.cli.conftest import Run

GOOD = '{"resourceType":"Patient","id":"a","name":[{"text":"张三"}],"gender":"male"}'
BAD = '{"resourceType":"Patient","gender":"m","birthday":"2000-01-01"}'


def test_good_files_pass(run: Run, tmp_path: Path) -> None:
    """JSON, XML, lines and packed lines."""
    (tmp_path / "a.json").write_text(GOOD)
    (tmp_path / "b.ndjson").write_text(f"{GOOD}\n\n{GOOD}\n")
    (tmp_path / "c.ndjson.gz").write_bytes(gzip.compress(GOOD.encode()))
    (tmp_path / "d.xml").write_text('<Patient xmlns="http://hl7.org/fhir"><gender value="male"/></Patient>')
    done = run("validate", tmp_path)
    assert (done.code, done.out) == (0, "")
    assert done.err == "5 checked, 0 with errors, 5 with warnings only\n"


def test_problems_say_file_line_place_and_reason(run: Run, tmp_path: Path) -> None:
    """And the exit code is 1."""
    (tmp_path / "b.ndjson").write_text(f"{GOOD}\n{BAD}\n")
    done = run("validate", tmp_path / "b.ndjson")
    assert done.code == 1
    lines = done.out.splitlines()
    assert all(line.startswith(f"{tmp_path / 'b.ndjson'}, line 2: error: Patient.") for line in lines)
    assert {line.split()[4] for line in lines} == {"Patient.gender:", "Patient.birthday:"}


def test_malformed_text_says_line_and_column(run: Run, tmp_path: Path) -> None:
    """Of the document."""
    (tmp_path / "a.json").write_text('{"resourceType":"Patient",\n "id" 1}')
    assert "a.json, line 2, column " in run("validate", tmp_path / "a.json").out


def test_a_cut_file_is_a_problem(run: Run, tmp_path: Path) -> None:
    """Not a stack trace."""
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(GOOD.encode() * 100)[:-9])
    done = run("validate", tmp_path / "a.ndjson.gz")
    assert done.code == 1
    assert "cannot be read to its end" in done.out


def test_what_cannot_be_checked_is_refused(run: Run, tmp_path: Path) -> None:
    """Missing files and other kinds of files, with exit code 2."""
    (tmp_path / "a.txt").write_text("")
    done = run("validate", tmp_path / "a.txt", tmp_path / "none.json")
    assert done.code == 2
    assert len(done.err.splitlines()) == 2


def test_reports_hold_everything(run: Run, tmp_path: Path) -> None:
    """Arrays, several processes, both reports; what is printed begins at the severity asked for."""
    (tmp_path / "a.json").write_text(f"[{GOOD}, {BAD}]")
    done = run(
        "validate", tmp_path / "a.json", "--jobs", 2, "--json", tmp_path / "r.json", "--html", tmp_path / "r.html"
    )
    assert done.code == 1
    assert "a.json, [1]: error: Patient.gender:" in done.out
    assert "dom-6" not in done.out
    report = json.loads((tmp_path / "r.json").read_text())
    assert [row["place"] for row in report["results"]] == ["[0]", "[1]"]
    assert report["summary"]["checked"] == 2
    assert {"severity": "warning", "rule": "dom-6", "count": 2} in report["summary"]["rules"]
    assert "Patient.birthday" in (tmp_path / "r.html").read_text()
    assert "dom-6" in run("validate", tmp_path / "a.json", "--least", "warning").out


def test_profiles_are_asked_for(run: Run, tmp_path: Path) -> None:
    """One that is known is checked; one that is not is an error."""
    (tmp_path / "a.json").write_text(GOOD)
    done = run("validate", tmp_path / "a.json", "--profile", "http://hl7.org/fhir/StructureDefinition/vitalsigns")
    assert "is for Observation" in done.out
    assert "is not known here" in run("validate", tmp_path / "a.json", "--profile", "http://x.example/p").out
