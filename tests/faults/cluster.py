"""Server processes on one store, and the store's own process where it has one: started, killed, started again.

They are forked from one that has loaded the program (``forking``), or, when asked for, started as a user starts them.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import mongodb_server
from tests.faults.forking import Forge, Forked

ROOT = Path(__file__).resolve().parents[2]
UP_WITHIN = 120.0


class Cluster:
    """``servers`` processes of ``countyfhir serve`` on one store. ``kind`` is sqlite or mongodb; of MongoDB the server
    that MONGODB_URI names (which is not killed), else SecantusDB, told to sync each commit. ``kills`` counts the
    processes that were killed."""

    def __init__(
        self, folder: Path, kind: str, servers: int, *, synchronous: bool = True, spawned: bool = False
    ) -> None:
        self._folder, self._kind = folder, kind
        self.ports = [mongodb_server._free_port() for _ in range(servers)]
        self._processes: dict[int, subprocess.Popen[bytes] | Forked] = {}
        self._forge = None if spawned else Forge()
        self._durable = ("--sync-on-commit",) if synchronous else ()
        self.kills = 0
        self._place = ""
        self._store_port = 0
        self.store = self._opened()

    def _opened(self) -> str:
        if self._kind == "sqlite":
            return f"sqlite:{self._folder / 'faults.sqlite'}"
        if os.environ.get("MONGODB_URI"):
            return mongodb_server.database_uri()
        self._store_port = mongodb_server._free_port()
        self._start_store()
        return f"{self._place}/faults"

    def _start_store(self) -> None:
        home = self._folder / "mongodb"
        home.mkdir(exist_ok=True)
        self._place = mongodb_server.started("--port", str(self._store_port), *self._durable, folder=home)

    def start(self) -> None:
        """Start what does not run, and wait until it answers."""
        if self._place and mongodb_server.processes[self._place].poll() is not None:
            self._start_store()
        for port in self.ports:
            if port not in self._processes:
                self._processes[port] = self._started(port)
        for port in self.ports:
            self._wait(port)

    def _started(self, port: int) -> subprocess.Popen[bytes] | Forked:
        arguments = ["serve", "--store", self.store, "--port", str(port)]
        arguments += ["--load-definitions", "off", "--log-level", "warning", "--shutdown-grace-seconds", "1"]
        if self._place:  # SecantusDB is slow where the machine has other work
            arguments += ["--search-time-limit", "60"]
        if self._forge is not None:
            return self._forge.server(arguments, self._folder, self._folder / "server.log")
        command = [sys.executable, "-m", "countyfhir", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "server"), "no_proxy": "*"}
        with (self._folder / "server.log").open("ab") as log:
            return subprocess.Popen(command, cwd=self._folder, env=environment, stdout=log, stderr=log)

    def _wait(self, port: int) -> None:
        until = time.monotonic() + UP_WITHIN
        while time.monotonic() < until and self._processes[port].poll() is None:
            try:
                if self.asked(port, "/ready")[0] == 200:
                    return
            except (OSError, ValueError):
                pass
            time.sleep(0.05)
        said = (self._folder / "server.log").read_text(errors="replace")[-2000:]
        raise AssertionError(f"a server did not come back: {said}")

    def kill(self, chance: random.Random) -> str:
        """Kill something, by chance, without warning; says what."""
        acts: list[tuple[str, Callable[[], None]]] = [
            ("one server", lambda: self._kill_server(chance.choice(self.ports))),
            ("all servers", self._kill_servers),
        ]
        if self._place:
            acts += [("the store", self._kill_store)] * 2 + [("everything", self._kill_all)]
        name, act = chance.choice(acts)
        living = self._living()
        act()
        self.kills += living - self._living()
        return name

    def _living(self) -> int:
        store = bool(self._place) and mongodb_server.processes[self._place].poll() is None
        return len(self._processes) + store

    def _kill_server(self, port: int) -> None:
        process = self._processes.pop(port)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def _kill_servers(self) -> None:
        for port in list(self._processes):
            self._kill_server(port)

    def _kill_store(self) -> None:
        process = mongodb_server.processes[self._place]
        process.send_signal(signal.SIGKILL)
        process.wait()

    def _kill_all(self) -> None:
        self._kill_store()
        self._kill_servers()

    def stop(self) -> None:
        """End everything."""
        self._kill_servers()
        if self._place:
            self._kill_store()
        if self._forge is not None:
            self._forge.close()

    def asked(self, port: int, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        """One request outside the histories."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"content-type": "application/fhir+json"})
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            connection.close()
