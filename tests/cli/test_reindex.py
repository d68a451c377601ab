"""Index entries are made anew from what is stored."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def test_fresh_entries_are_those_of_the_write(run: Run, tmp_path: Path) -> None:
    """Nothing differs after a load; another time zone changes the entries of dates; a type can be chosen."""
    (tmp_path / "a.ndjson").write_text(
        '{"resourceType":"Patient","id":"a","birthDate":"1960-01-02","name":[{"text":"张三"}]}\n'
        '{"resourceType":"Organization","id":"o","name":"村卫生室","meta":{"tag":[{"code":"t"}]}}\n'
    )
    assert run("load", "a.ndjson").code == 0
    assert run("reindex").out == "2 resources looked at, 0 had other entries than before\n"
    assert run("reindex", "--time-zone", "UTC").out == "2 resources looked at, 1 had other entries than before\n"
    assert run("reindex", "--type", "Organization").out.startswith("1 resources looked at, 0")


def test_unknown_types_are_refused(run: Run) -> None:
    """With exit code 2."""
    assert run("reindex", "--type", "Patients").code == 2
