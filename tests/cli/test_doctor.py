"""What is wrong with a set-up is said, with how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


def lines(text: str, level: str) -> list[str]:
    """The findings of a level."""
    return [line for line in text.splitlines() if line.startswith(level)]


def test_a_new_installation_is_good(run: Run, tmp_path: Path) -> None:
    """Nothing is bad, and nothing was made by looking."""
    done = run("doctor")
    assert (done.code, lines(done.out, "bad")) == (0, [])
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_use_is_good(run: Run, tmp_path: Path) -> None:
    """It is opened, counted and, when asked, read whole."""
    (tmp_path / "a.ndjson").write_text('{"resourceType":"Patient"}')
    assert run("load", "a.ndjson").code == 0
    done = run("doctor", "--deep")
    assert done.code == 0
    assert "1 versions" in done.out


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--host", "0.0.0.0"), "without authentication"),
        (("--auth", "keys"), "key create"),
        (("--auth", "jwt", "--issuer", "i", "--jwks", "none.json"), "none.json"),
        (("--store", "sqlite:other.sqlite"), "other.sqlite"),
        (("--max-count", "5"), "default_count"),
    ],
)
def test_what_is_wrong_is_said(run: Run, tmp_path: Path, flags: tuple[str, ...], words: str) -> None:
    """One bad finding, what it is about, and exit code 1."""
    (tmp_path / "a.ndjson").write_text('{"resourceType":"Patient"}')
    (tmp_path / "other.sqlite").write_text("something else, long enough to be read as a database file, which it is not")
    assert run("load", "a.ndjson").code == 0
    done = run("doctor", *flags)
    assert done.code == 1
    assert len(lines(done.out, "bad")) == 1
    assert words in done.out


def test_a_newer_schema_is_said(run: Run, tmp_path: Path) -> None:
    """The store of a newer program is not touched."""
    import apsw

    (tmp_path / "a.ndjson").write_text('{"resourceType":"Patient"}')
    assert run("load", "a.ndjson").code == 0
    connection = apsw.Connection(str(tmp_path / "countyfhir.sqlite"))
    connection.pragma("user_version", 999)
    connection.close()
    assert "schema version 999" in run("doctor").out
    assert "schema version 999" in run("export", "out").err
