"""Servers forked from a process that has loaded what they need: what is killed and started again five hundred times
need not be imported and compiled five hundred times. A forked server knows nothing of the one before it.

``python -m tests.faults.forking`` reads lines of JSON, ``{"arguments": [...], "folder": path, "log": path}``, starts
``countyfhir`` with the arguments for each and answers with its process id. It ends, and they with it, with its input.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Forked:
    """A forked server, as ``subprocess.Popen`` would show it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs."""
        return None if Path(f"/proc/{self.pid}").exists() else -1

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self) -> None:
        """Until it is gone."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        select.select([descriptor], [], [])
        os.close(descriptor)


class Forge:
    """The process that forks them."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'server'}:{ROOT}", "no_proxy": "*"}
        command = [sys.executable, "-W", "ignore", "-m", "tests.faults.forking"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def server(self, arguments: Sequence[str], folder: Path, log: Path) -> Forked:
        """A server with these arguments of the command line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        task = {"arguments": list(arguments), "folder": str(folder), "log": str(log)}
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()))

    def close(self) -> None:
        """No more."""
        self._process.kill()
        with self._process:  # waits, and closes the pipes
            pass


def _warm(folder: Path) -> None:
    """Load and compile what a server and the clients of a fault run need."""
    import pymongo  # noqa: F401 - loaded for the servers
    import uvicorn.lifespan.on
    import uvicorn.protocols.http.httptools_impl
    import uvicorn.protocols.websockets.auto  # noqa: F401 - loaded for the servers
    from starlette.testclient import TestClient

    import countyfhir.cli.serve
    import countyfhir.http.pages  # noqa: F401 - loaded for the servers
    from countyfhir.app import create_app
    from countyfhir.settings import load

    body: dict[str, Any] = {"resourceType": "Basic", "id": "a", "code": {"text": "a"}}
    request = {"method": "PUT", "url": "Basic/a", "ifMatch": 'W/"1"'}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": body, "request": request}]}
    settings = load({"store": f"sqlite:{folder / 'warm.sqlite'}", "load_definitions": "off"})
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        answers = [
            client.get("/ready"),
            client.put("/fhir/Basic/a", json=body),
            client.post("/fhir", json=bundle),
            client.get("/fhir/Basic?_id=a&identifier=a|b"),
            client.get("/fhir/Basic/a/_history"),
            client.delete("/fhir/Basic/a"),
        ]
    assert all(answer.is_success for answer in answers), answers


def _serve(task: dict[str, Any]) -> None:
    """In the child: the command line, with its output in the log."""
    from countyfhir.cli import main

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(task["folder"])
    log = os.open(task["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(log, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    main(task["arguments"])


def fork_each() -> None:
    """Fork a server for each line."""
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        _warm(Path(folder))
    assert threading.active_count() == 1, threading.enumerate()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ends is not waited for
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                _serve(json.loads(line))
            finally:
                os._exit(0)
        print(pid, flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    fork_each()
