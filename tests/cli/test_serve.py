"""The server starts only where it may, tells what is wrong, and lets requests in flight finish when it stops."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Run
from tests.cli.served import free_port, served


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_other_addresses_are_refused_without_authentication(run: Run, host: str) -> None:
    """One line, and no server."""
    done = run("serve", "--host", host)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "without authentication" in done.err


def test_a_taken_port_is_one_line(run: Run) -> None:
    """It names the port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run("serve", "--port", port)
    assert done.code == 2
    assert done.err.startswith(f"Cannot listen on 127.0.0.1 port {port}")


def test_a_store_of_another_program_is_one_line(run: Run, tmp_path: Path) -> None:
    """Before any worker starts."""
    (tmp_path / "x.sqlite").write_text("not a database, but long enough to look like a file with something in it")
    done = run("serve", "--store", f"sqlite:{tmp_path / 'x.sqlite'}", "--port", free_port())
    assert done.code == 2
    assert "x.sqlite" in done.err
    assert "Traceback" not in done.err


def test_requests_in_flight_finish_when_the_server_stops(tmp_path: Path) -> None:
    """A transaction that was being worked on when the server was told to stop is answered and is stored."""
    entries = [
        {
            "resource": {"resourceType": "Basic", "id": f"b{number}", "code": {"text": "x"}},
            "request": {"method": "PUT", "url": f"Basic/b{number}"},
        }
        for number in range(3000)
    ]
    bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    headers = {"content-type": "application/fhir+json"}
    with served(tmp_path) as server, ThreadPoolExecutor() as threads:
        answer = threads.submit(httpx.post, server.base, content=bundle, headers=headers, timeout=60, trust_env=False)
        time.sleep(0.3)
        server.process.terminate()
        assert answer.result().status_code == 200
        assert server.process.wait(30) == 0
    with served(tmp_path) as server:
        assert httpx.get(f"{server.base}/Basic/b2999", trust_env=False).status_code == 200


def test_workers_share_the_store(tmp_path: Path) -> None:
    """What one worker wrote, every worker reads."""
    with served(tmp_path, "--workers", "2") as server:
        for number in range(8):
            with httpx.Client(trust_env=False) as client:
                patient = {"resourceType": "Patient", "id": f"p{number}"}
                assert client.put(f"{server.base}/Patient/p{number}", json=patient).status_code == 201
        for number in range(8):
            assert httpx.get(f"{server.base}/Patient/p{number}", trust_env=False).status_code == 200


def test_several_workers_stop_with_status_0_and_log_lines_for_machines(tmp_path: Path) -> None:
    """Every line is JSON; what was asked is told by interaction and type, never by address, query or body."""
    with served(tmp_path, "--workers", "2", "--log-format", "json", "--log-level", "debug") as server:
        headers = {"x-request-id": "asked-1"}
        assert httpx.get(f"{server.base}/Patient?name=Geheim", headers=headers, trust_env=False).status_code == 200
        body = {"resourceType": "Patient", "name": [{"text": "Geheim"}]}
        assert httpx.post(f"{server.base}/Patient", json=body, trust_env=False).status_code == 201
        server.process.terminate()
        assert server.process.wait(30) == 0
    first, *rest = (tmp_path / "serve.log").read_text().splitlines()
    assert first.startswith("CountyFHIR at ")
    lines = [json.loads(line) for line in rest]
    asked = next(line for line in lines if line.get("request") == "asked-1")
    assert asked["message"].startswith("search-type Patient 200 ")
    assert "Geheim" not in "".join(rest)
