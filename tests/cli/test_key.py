"""API keys are made, listed without their secrets, and revoked."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def made(run: Run, *more: str) -> tuple[str, str]:
    """A new key: its secret and its id."""
    done = run("key", "create", "lis-centre", "--organization", "lis", "--scope", "system/Observation.cu", *more)
    assert done.code == 0, done.err
    return done.out.strip(), done.err.split()[1]


def test_the_secret_is_shown_once(run: Run, tmp_path: Path) -> None:
    """The list and the store's file do not hold it."""
    secret, key_id = made(run, "--role", "system", "--expires", "30d")
    listed = run("key", "list").out
    assert key_id in listed
    assert secret not in listed
    assert not any(secret.encode() in file.read_bytes() for file in tmp_path.iterdir())


def test_a_revoked_key_stays_in_the_list(run: Run) -> None:
    """As revoked; revoking what is not there says so."""
    _, key_id = made(run)
    assert run("key", "revoke", key_id).code == 0
    assert "revoked" in run("key", "list").out
    assert run("key", "revoke", "none").code == 1


def test_useless_keys_are_refused(run: Run) -> None:
    """A scope that is none, an expiry that is past or none: one line each."""
    create = ("key", "create", "x", "--organization", "o")
    for wrong in (
        ("--scope", "everything"),
        ("--scope", "system/*.rs", "--expires", "2001-01-01"),
        ("--scope", "system/*.rs", "--expires", "soon"),
    ):
        done = run(*create, *wrong)
        assert done.code == 2
        assert len(done.err.splitlines()) == 1


def test_an_expiry_day_ends_in_the_county(run: Run) -> None:
    """A day given without a zone lasts until its end in the county's time zone."""
    from countyfhir.cli.key import instant
    from countyfhir.settings import load

    assert instant("2027-01-31", load()) == 1801411200 * 1_000_000
    assert instant("2027-01-31T12:00:00Z", load()) == 1801396800 * 1_000_000
