"""The ledger counts what is done without a gap and forgets files that changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from countyfhir.cli.loading.ledger import Ledger


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file to load."""
    path = tmp_path / "a.ndjson"
    path.write_text("{}\n")
    return path


def test_only_what_is_done_without_a_gap_is_skipped(tmp_path: Path, file: Path) -> None:
    """Groups end in any order; what follows a gap is sent again."""
    ledger = Ledger(tmp_path / "l", "here")
    ledger.mark(file, 100, 200)
    ledger.mark(file, 300, 400)
    ledger.mark(file, 0, 100)
    ledger.close()
    again = Ledger(tmp_path / "l", "here")
    assert again.done(file) == 200
    assert not again.finished(file)
    again.mark(file, 200, 300)
    again.mark(file, 300, 400)
    again.finish(file)
    again.close()
    assert Ledger(tmp_path / "l", "here").finished(file)


def test_other_destinations_changed_files_and_again_start_anew(tmp_path: Path, file: Path) -> None:
    """What was loaded elsewhere, or was another content, is not loaded."""
    ledger = Ledger(tmp_path / "l", "here")
    ledger.mark(file, 0, 5)
    ledger.finish(file)
    ledger.close()
    assert Ledger(tmp_path / "l", "there").done(file) == 0
    assert Ledger(tmp_path / "l", "here", again=True).done(file) == 0
    os.utime(file, ns=(1, 1))
    changed = Ledger(tmp_path / "l", "here")
    assert changed.done(file) == 0
    assert not changed.finished(file)


def test_a_line_that_was_cut_off_is_ignored(tmp_path: Path, file: Path) -> None:
    """The end of the process may cut the last line."""
    ledger = Ledger(tmp_path / "l", "here")
    ledger.mark(file, 0, 5)
    ledger.close()
    with (tmp_path / "l").open("a") as out:
        out.write('{"to": "here", "fi')
    assert Ledger(tmp_path / "l", "here").done(file) == 5
