"""The quarantine from the command line: listed without values, shown whole, replayed after a mend, given up with a
reason."""

from __future__ import annotations

import shutil
from pathlib import Path

from countyfhir.intake import demo
from tests.cli.conftest import Run


def test_records_are_listed_shown_replayed_and_discarded(run: Run, tmp_path: Path) -> None:
    """What waits has a number; a discarded record does not come back; the rest waits on."""
    shutil.copytree(demo.folder() / "shanghe-village", tmp_path / "shanghe-village")
    assert run("intake", "shanghe-village").code == 0
    listed = run("quarantine", "list").out.splitlines()
    assert len(listed) == 2
    assert all("shanghe-village/follow-up" in line for line in listed)
    first, second = (line.split()[0] for line in listed)
    shown = run("quarantine", "show", first)
    assert shown.code == 0, shown.err
    assert "file-digest: " in shown.out
    replayed = run("quarantine", "replay", second)
    assert replayed.code == 0, replayed.err
    assert len(run("quarantine", "list").out.splitlines()) == 2
    assert run("quarantine", "discard", first, "--reason", "test row").code == 0
    assert [line.split()[0] for line in run("quarantine", "list").out.splitlines()] == [second]
    again = run("intake", "shanghe-village")
    assert again.code == 0, again.err
    assert [line.split()[0] for line in run("quarantine", "list").out.splitlines()] == [second]


def test_a_number_that_is_not_there_is_one_line(run: Run) -> None:
    """Show and discard say so."""
    for command in (("show", "77"), ("discard", "77", "--reason", "x")):
        done = run("quarantine", *command)
        assert done.code == 2
        assert len(done.err.splitlines()) == 1
