"""A backup is installed only when it is sound and nobody uses the store."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.cli.served import served


def load_patient(run: Run, tmp_path: Path, name: str) -> None:
    """Put a patient into the store."""
    (tmp_path / f"{name}.ndjson").write_text(f'{{"resourceType":"Patient","id":"{name}"}}')
    assert run("load", f"{name}.ndjson").code == 0


def test_the_state_of_the_backup_comes_back(run: Run, tmp_path: Path) -> None:
    """What came later is gone from the store, and kept beside it."""
    load_patient(run, tmp_path, "before")
    assert run("backup", "copy.sqlite").code == 0
    load_patient(run, tmp_path, "later")
    assert run("restore", "copy.sqlite").code == 0
    assert run("export", "out").out.split() == ["1", "Patient"]
    assert run("export", "old", "--store", "sqlite:countyfhir.sqlite.replaced").out.split() == ["2", "Patient"]


def test_a_damaged_backup_changes_nothing(run: Run, tmp_path: Path) -> None:
    """Nor does a file of another kind, nor one that is not there."""
    load_patient(run, tmp_path, "before")
    assert run("backup", "copy.sqlite").code == 0
    damaged = bytearray((tmp_path / "copy.sqlite").read_bytes())
    damaged[20_000:60_000] = b"x" * 40_000
    (tmp_path / "copy.sqlite").write_bytes(damaged)
    (tmp_path / "text.sqlite").write_text("not a database")
    for name in ("copy.sqlite", "text.sqlite", "none.sqlite"):
        done = run("restore", name)
        assert done.code == 2
        assert done.err.startswith(f"{name} cannot be restored")
    assert run("export", "out").out.split() == ["1", "Patient"]


def test_a_store_in_use_is_not_replaced(run: Run, tmp_path: Path) -> None:
    """While a server has it open."""
    load_patient(run, tmp_path, "before")
    assert run("backup", "copy.sqlite").code == 0
    with served(tmp_path):
        done = run("restore", "copy.sqlite")
    assert done.code == 2
    assert "stop it first" in done.err


def test_the_concept_index_comes_back_with_the_store(run: Run, tmp_path: Path) -> None:
    """What was imported into it lies nowhere else."""
    load_patient(run, tmp_path, "before")
    concepts = tmp_path / "countyfhir.sqlite.terminology"
    table = "code,display\nA1,first\n"
    (tmp_path / "codes.csv").write_text(table)
    imported = run(
        "terminology", "import", "codes.csv", "--as", "table", "--system", "https://x.example/cs", "--version", "1"
    )
    assert imported.code == 0, imported.err
    assert concepts.exists()
    assert run("backup", "copy.sqlite").code == 0
    assert run("terminology", "list").out.count("https://x.example/cs") == 1
    assert run("terminology", "remove", "https://x.example/cs").code == 0
    assert run("terminology", "list").out.count("https://x.example/cs") == 0
    done = run("restore", "copy.sqlite")
    assert done.code == 0, done.err
    assert run("terminology", "list").out.count("https://x.example/cs") == 1
    assert run("backup", "copy.sqlite").err.startswith("copy.sqlite is there already")
