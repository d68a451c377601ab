"""Server processes for a bench: ours and the bare one, each pinned, on a port and a store of its own."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.place import Cores, cut, pinned
from tests import stores
from tests.stores import store_at

SCOPE = "system/*.cruds"
QUICK_CHECK = 0.005


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers. ``headers`` are what every request must carry (the key)."""

    port: int
    process: subprocess.Popen[bytes]
    store: Path | None
    headers: Mapping[str, str] = field(default_factory=dict)
    prefix: str = "/fhir"

    def workers(self) -> list[int]:
        """Process ids of its children."""
        return _children(self.process.pid)

    def memory(self) -> list[float]:
        """Resident megabytes of each worker, largest first."""
        pids = [self.process.pid, *_children(self.process.pid)]
        sizes = sorted((_resident(pid) for pid in pids), reverse=True)
        return [size for size in sizes if size > 40] or sizes[:1]  # resource trackers and the like are small

    def computed(self) -> float:
        """Seconds that all its processes have computed so far."""
        return sum(_computed(pid) for pid in (self.process.pid, *_children(self.process.pid)))

    def request(self, method: str, path: str, body: bytes | None = None, **more: str) -> tuple[int, bytes]:
        """One request by the standard library: for preparing and checking, not for measuring."""
        status, _, answer = self.exchange(method, path, body, **more)
        return status, answer

    def exchange(
        self, method: str, path: str, body: bytes | None = None, **more: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        headers = dict(self.headers) | {"content-type": "application/fhir+json"} | more
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, self.prefix + path, body, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@contextmanager
def ours(
    folder: Path, *, key: bool = True, audit: bool = True, workers: int = 1, store: Path | None = None, **settings: str
) -> Iterator[Server]:
    """``countyfhir serve``, with a key and with audit unless told otherwise; fresh store unless one is given."""
    place = store or folder / f"bench-{time.monotonic_ns()}.sqlite"
    headers = {"authorization": f"Bearer {api_key(place)}"} if key else {}
    with process_of(place, key=key, audit=audit, workers=workers, **settings) as (port, process):
        yield Server(port, process, place, headers)


@contextmanager
def process_of(
    store: Path, *, key: bool = False, audit: bool = True, workers: int = 1, port: int | None = None, **settings: str
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The process of the server, ready; terminated at the end unless it is gone already."""
    port = port or free_port()
    process = start(store, port, key=key, audit=audit, workers=workers, **settings)
    try:
        wait_until_ready(port, process, "/ready", log_of(store.parent))
        yield port, process
    finally:
        stop(process)


def start(
    store: Path, port: int, *, key: bool = False, audit: bool = True, workers: int = 1, **settings: str
) -> subprocess.Popen[bytes]:
    """Start the server and return at once."""
    chosen = {
        "store": store_at(store),
        "port": str(port),
        "workers": str(workers),
        "auth": "keys" if key else "none",
        "audit": "grouped" if audit else "off",
        "log-level": "warning",
        "load-definitions": "off",  # a background task of a store's first minute
    } | settings
    if stores.chosen != "sqlite":  # SecantusDB counts a county's observations for a minute
        chosen |= {"search-time-limit": "110"}
    flags = [text for name, value in chosen.items() for text in (f"--{name.replace('_', '-')}", value)]
    return spawn([sys.executable, "-m", "countyfhir", "serve", *flags], cut(workers).server, log_of(store.parent))


def log_of(folder: Path) -> Path:
    """Where the servers of a bench say what they say."""
    return folder / "server.log"


@contextmanager
def bare(answer: Path) -> Iterator[Server]:
    """The bare ASGI application that gives one answer (see ``ceilings.application``)."""
    port = free_port()
    process = spawn(
        [sys.executable, "-m", "bench.ceilings.application", str(port), str(answer)],
        cut().server,
        log_of(answer.parent),
    )
    try:
        wait_until_ready(port, process, "/", log_of(answer.parent))
        yield Server(port, process, None)
    finally:
        stop(process)


def api_key(store: Path) -> str:
    """A fresh key that may do everything, of the data office: it sees the records of the whole county."""
    command = ["key", "create", "bench", "--organization", "bench", "--role", "data-office", "--scope", SCOPE,
               "--store", store_at(store)]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "countyfhir", *command], capture_output=True, text=True, check=False, cwd=store.parent
    )
    if done.returncode:
        raise RuntimeError(f"no key: {done.stderr[-2000:]}")
    return done.stdout.split()[0]


def spawn(command: list[str], cores: Cores, log: Path) -> subprocess.Popen[bytes]:
    """A process on the given cores; what it says goes to the log."""
    with pinned(cores), log.open("ab") as file:
        return subprocess.Popen(command, cwd=log.parent, stdout=file, stderr=file)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it in its own way, and by force when it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(
    port: int, process: subprocess.Popen[bytes], path: str, log: Path | None = None, seconds: float = 60
) -> float:
    """Wait for the first 200; returns when it came (time.perf_counter). RuntimeError, with the end of the log, when it
    does not come."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return time.perf_counter()
        except OSError:
            time.sleep(QUICK_CHECK)
        finally:
            connection.close()
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:] if log and log.exists() else ""
    raise RuntimeError(f"the server on port {port} did not come up (exit code {process.poll()}) {said}")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(text) for text in listed.read_text().split()] if listed.exists() else []


def _resident(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def _computed(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime
