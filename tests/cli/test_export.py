"""Resources leave as they are stored, one file a type."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from countyfhir.model import library
from tests.cli.conftest import Run

LINES = (
    '{"resourceType":"Patient","id":"a","extension":[{"url":"http://example.org/x","valueDecimal":1.500}]}\n'
    '{"resourceType":"Patient","id":"b","_birthDate":{"extension":[{"url":"http://example.org/y","valueCode":"z"}]}}\n'
    '{"resourceType":"Organization","id":"o","name":"村卫生室"}\n'
)


def test_an_export_can_be_loaded_again(run: Run, tmp_path: Path) -> None:
    """Into another store, from which the same comes out but for the server's own stamps."""
    (tmp_path / "a.ndjson").write_text(LINES)
    assert run("load", "a.ndjson").code == 0
    done = run("export", "out", "--gzip")
    assert done.out.split() == ["1", "Organization", "2", "Patient"]
    assert run("load", "out", "--store", "sqlite:second.sqlite").code == 0
    assert run("export", "again", "--store", "sqlite:second.sqlite").code == 0
    assert '"valueDecimal":1.500' in (tmp_path / "again" / "Patient.ndjson").read_text()
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == ["Organization.ndjson", "Patient.ndjson"]


def test_pages_leave_nothing_out(run: Run, tmp_path: Path) -> None:
    """More resources than a page holds, and only the types asked for."""
    lines = (f'{{"resourceType":"Basic","id":"b{n}","code":{{"text":"x"}}}}\n' for n in range(2100))
    (tmp_path / "a.ndjson").write_text("".join(lines) + LINES)
    assert run("load", "a.ndjson", "--group", 500).code == 0
    assert run("export", "out", "--type", "Basic").code == 0
    written = (tmp_path / "out" / "Basic.ndjson").read_text().splitlines()
    assert len(written) == len(set(written)) == 2100
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["Basic.ndjson"]


def test_nothing_is_overwritten(run: Run, tmp_path: Path) -> None:
    """The folder must be empty, the type must exist."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").touch()
    assert run("export", "out").code == 2
    assert run("export", "new", "--type", "Patients").code == 2


def test_r4s_own_definitions_are_left_out_unless_asked_for(run: Run, tmp_path: Path) -> None:
    """What every server has by itself; one that the county changed, and one of its own, are the county's."""
    library_lines = [json.loads(line) for line in islice(library.base_lines(("CompartmentDefinition",)), 2)]
    changed = library_lines[1] | {"description": "as the county reads it"}
    own = library_lines[0] | {"id": "county"}
    lines = [json.dumps(each, ensure_ascii=False) for each in (library_lines[0], changed, own)]
    (tmp_path / "a.ndjson").write_text("\n".join(lines))
    assert run("load", "a.ndjson").code == 0
    assert run("export", "out").out.split() == ["2", "CompartmentDefinition"]
    written = (tmp_path / "out" / "CompartmentDefinition.ndjson").read_text().splitlines()
    assert {json.loads(line)["id"] for line in written} == {changed["id"], "county"}
    assert run("export", "whole", "--r4-definitions").out.split() == ["3", "CompartmentDefinition"]
