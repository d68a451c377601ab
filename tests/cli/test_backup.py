"""A backup is complete and consistent while the server writes."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.cli.conftest import Run
from tests.cli.served import served


def test_a_backup_of_a_served_store_holds_everything(run: Run, tmp_path: Path) -> None:
    """What was acknowledged before the backup is in it."""
    with served(tmp_path) as server, httpx.Client(trust_env=False) as client:
        for number in range(5):
            patient = {"resourceType": "Patient", "id": f"p{number}"}
            assert client.put(f"{server.base}/Patient/p{number}", json=patient).status_code == 201
        done = run("backup", "copy.sqlite")
        assert done.code == 0, done.err
    assert run("export", "out", "--store", "sqlite:copy.sqlite").out.split() == ["5", "Patient"]


def test_a_backup_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    """And says what is missing."""
    assert run("backup", "copy.sqlite").err == "countyfhir.sqlite: there is no store\n"
    (tmp_path / "a.ndjson").write_text('{"resourceType":"Patient"}')
    assert run("load", "a.ndjson").code == 0
    (tmp_path / "copy.sqlite").write_text("mine")
    assert run("backup", "copy.sqlite").code == 2
    assert (tmp_path / "copy.sqlite").read_text() == "mine"
    assert run("backup", "no/such/copy.sqlite").code == 2
