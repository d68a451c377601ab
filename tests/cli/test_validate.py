"""Files are checked against the definitions, each problem in one line with its place."""

from __future__ import annotations

import gzip
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
    assert done.err == "5 checked, 0 with errors\n"


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
