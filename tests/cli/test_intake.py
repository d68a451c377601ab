"""Legacy files are taken in from the command line, by folder or by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import apsw

from countyfhir.intake import demo
from tests.cli.conftest import Run


def test_a_folder_is_taken_in_by_its_name(run: Run, tmp_path: Path) -> None:
    """A folder named after its source needs no option; --report has a line for each record."""
    shutil.copytree(demo.folder() / "shanghe-village", tmp_path / "shanghe-village")
    done = run("intake", "shanghe-village", "--report", "outcomes.jsonl")
    assert done.code == 0, done.err
    outcomes = [json.loads(line) for line in (tmp_path / "outcomes.jsonl").read_text().splitlines()]
    total = next(line for line in done.out.splitlines() if "total" in line)
    assert str(len(outcomes)) in total
    assert {outcome["outcome"] for outcome in outcomes} <= {"stored", "unchanged", "quarantined", "rejected"}
    assert {tuple(one) for one in outcomes} == {("file", "record", "key", "outcome", "resources", "issues")}
    issues = [issue for one in outcomes for issue in one["issues"]]
    assert {tuple(issue) for issue in issues} <= {("code", "severity", "column", "diagnostics")}


def test_a_folder_of_another_name_needs_its_source(run: Run, tmp_path: Path) -> None:
    """Without --source it belongs to nobody."""
    shutil.copytree(demo.folder() / "shanghe-village", tmp_path / "export-of-may")
    refused = run("intake", "export-of-may")
    assert refused.code == 2
    assert "shanghe-village" in refused.err
    assert run("intake", "--source", "shanghe-village=export-of-may").code == 0


def test_files_without_a_mapping_are_told(run: Run, tmp_path: Path) -> None:
    """And the exit code is 1."""
    shutil.copytree(demo.folder() / "shanghe-village", tmp_path / "shanghe-village")
    (tmp_path / "shanghe-village" / "holiday.doc").write_text("")
    done = run("intake", "shanghe-village")
    assert done.code == 1
    assert "shanghe-village/holiday.doc" in done.out


def test_wrong_names_are_one_line(run: Run, tmp_path: Path) -> None:
    """Missing files, unknown sources, --replay with files."""
    for wrong in (("none",), ("--source", "mars=none"), ("--source", "mars"), ("--replay", "none")):
        done = run("intake", *wrong)
        assert done.code == 2
        assert len(done.err.splitlines()) == 1


def test_quarantined_records_can_be_taken_in_again(run: Run) -> None:
    """On an empty quarantine nothing happens."""
    done = run("intake", "--replay")
    assert done.code == 0, done.err
    assert "total" in done.out


def test_a_replay_that_looks_rows_up_needs_their_folder(run: Run, tmp_path: Path) -> None:
    """Without it the records stay where they are, one line says which folder to name; with it they are taken in."""
    folder = tmp_path / "baishi-referrals"
    shutil.copytree(demo.folder() / "baishi-referrals", folder)
    text = (folder / "referral-out.csv").read_bytes()
    first = text.splitlines()[1].split(b",")[0]
    (folder / "referral-out.csv").write_bytes(text.replace(first + b",", b"  ,", 1))
    assert "quarantined" in run("intake", "baishi-referrals", "--report", "outcomes.jsonl").out
    outcomes = [json.loads(line)["outcome"] for line in (tmp_path / "outcomes.jsonl").read_text().splitlines()]
    assert outcomes.count("quarantined") == 1
    refused = run("intake", "--replay")
    assert refused.code == 1
    assert "--source baishi-referrals=FOLDER" in refused.out
    again = run("intake", "--replay", "baishi-referrals")
    assert again.code == 0
    assert "total" in again.out


def test_a_rehearsal_tells_everything_and_stores_nothing(run: Run, tmp_path: Path) -> None:
    """The same report as the intake itself, beforehand; afterwards the store is as it was."""
    shutil.copytree(demo.folder() / "dongling-township", tmp_path / "dongling-township")
    rehearsed = run("intake", "dongling-township", "--dry-run", "--report", "first.ndjson")
    assert rehearsed.code == 0, rehearsed.err
    assert "nothing was stored" in rehearsed.out
    assert run("intake", "dongling-township", "--report", "second.ndjson").code == 0
    first, second = (json_lines(tmp_path / f"{name}.ndjson") for name in ("first", "second"))
    assert first == second
    assert any(line["outcome"] == "stored" for line in second)
    assert all("!" in line["key"] and "!" not in line["file"] for line in second)


def json_lines(path: Path) -> list[dict[str, object]]:
    """The lines of a report, in order of records."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return sorted(lines, key=lambda line: (line["file"], line["key"], line["record"]))


def test_a_record_is_explained_element_by_element(run: Run) -> None:
    """Value, expression, the named values it leans on, and the cells that were read; nothing is stored."""
    folder = demo.folder() / "baishi-hospital"
    done = run("intake", folder, "--explain", "BRID=20001")
    assert done.code == 0, done.err
    assert '.gender = "female"\n      from {gender}\n        gender: BRXB | code(sex)\n        BRXB = "2"' in done.out
    assert "(constant)" in done.out
    assert run("intake", folder, "--explain", "BRID=0").code == 2


def test_the_quarantine_is_worked_on_from_the_command_line(run: Run, tmp_path: Path) -> None:
    """list, show and discard; each look stands in the audit log."""
    folder = tmp_path / "baishi-referrals"
    shutil.copytree(demo.folder() / "baishi-referrals", folder)
    text = (folder / "referral-out.csv").read_bytes()
    first = text.splitlines()[1].split(b",")[0]
    (folder / "referral-out.csv").write_bytes(text.replace(first + b",", b"  ,", 1))
    run("intake", "baishi-referrals")
    listed = run("quarantine", "list")
    assert listed.code == 0, listed.err
    (line,) = listed.out.splitlines()
    number = line.split()[0]
    assert "baishi-referrals/referral-out" in line
    assert "key-missing" in line
    assert "{" in run("quarantine", "show", number).out
    assert "key-missing" in run("quarantine", "replay", number, "--source", f"baishi-referrals={folder}").out
    assert run("quarantine", "discard", number, "--reason", "a test").code == 0
    assert run("quarantine", "list").out == ""
    assert run("quarantine", "show", number).code == 2
    with apsw.Connection(str(tmp_path / "countyfhir.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM audit").fetchall()[0][0] > 0


def test_several_processes_prepare_the_same_as_one(run: Run, tmp_path: Path) -> None:
    """Resources and index rows are equal, whoever prepared them."""
    folder = demo.folder() / "baishi-hospital"
    assert run("intake", folder, "--store", "sqlite:one.sqlite", "--jobs", "1").code == 0
    assert run("intake", folder, "--store", "sqlite:two.sqlite", "--jobs", "2").code == 0
    kept = []
    for name in ("one", "two"):
        with apsw.Connection(str(tmp_path / f"{name}.sqlite")) as connection:
            sql = "SELECT type_id, logical_id, version_id, deleted, patient FROM resource ORDER BY rid"
            rows = {"resource": connection.execute(sql).fetchall()}
            for table in ("token", "string", "reference", "uri", "number", "relation"):
                rows[table] = sorted(connection.execute(f"SELECT * FROM {table}").fetchall())
        kept.append(rows)
    assert kept[0]["token"]
    assert kept[0]["reference"]
    assert kept[0] == kept[1]


def test_options_that_do_not_go_together_are_one_line(run: Run) -> None:
    """None of them is passed over in silence; an address stands in the environment, never on the command line."""
    for wrong in (("--watch", "--dry-run"), ("--database", "contracts=X", "--replay"), ("--move-to", "done")):
        done = run("intake", *wrong)
        assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "environment variable" in run("intake", "--database", "contracts=sqlite:///x").err
