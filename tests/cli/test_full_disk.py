"""A server whose disk is full, or whose store it may not write, says so, loses nothing and goes on when it can."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Run
from tests.cli.served import free_port, served


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB, where this system lets us make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def basic(name: str) -> dict[str, Any]:
    """A resource of 400 kB."""
    return {"resourceType": "Basic", "id": name, "code": {"text": "x" * 400_000}}


def bundle() -> dict[str, Any]:
    """A transaction of 12 MB."""
    entries = [
        {"resource": basic(f"t{number}"), "request": {"method": "PUT", "url": f"Basic/t{number}"}}
        for number in range(30)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def test_a_full_disk_is_507_and_with_room_again_all_goes_on(tmp_path: Path, small_disk: Path) -> None:
    """Reads and searches are answered meanwhile; of a refused transaction nothing is there."""
    with (
        served(tmp_path, "--store", f"sqlite:{small_disk / 'a.sqlite'}") as server,
        httpx.Client(base_url=server.base, trust_env=False, timeout=60) as client,
    ):
        kept, status = [], 201
        for number in range(40):
            answer = client.put(f"/Basic/b{number}", json=basic(f"b{number}"))
            status = answer.status_code
            if status != 201:
                break
            kept.append(number)
        assert status == 507
        assert answer.json()["issue"][0]["code"] == "no-store"
        assert client.post("", json=bundle()).status_code == 507
        assert client.get("/Basic/b0").status_code == 200
        assert client.get("/Basic?_summary=count").json()["total"] == len(kept)
        subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
        assert client.get("/Basic/t0").status_code == 404
        assert client.post("", json=bundle()).status_code == 200
        assert client.get("/Basic?_summary=count").json()["total"] == len(kept) + 30


def test_a_store_that_cannot_be_made_is_one_line(run: Run, tmp_path: Path) -> None:
    """Told before the server starts, with status 2."""
    (tmp_path / "file").touch()
    done = run("serve", "--store", "sqlite:file/a.sqlite", "--port", free_port())
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "file" in done.err


def test_a_read_only_disk_is_told_in_one_line(run: Run, small_disk: Path) -> None:
    """By the server and by the doctor."""
    assert run("reindex", "--store", f"sqlite:{small_disk / 'a.sqlite'}").code == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = run("serve", "--store", f"sqlite:{small_disk / 'a.sqlite'}", "--port", free_port())
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert run("doctor", "--store", f"sqlite:{small_disk / 'a.sqlite'}").code == 1
