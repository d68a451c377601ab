"""Drives a server with prepared requests from another process: Debian's wrk where it is, else the Python driver."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.figures import Run
from bench.place import cut, pinned
from bench.serving import Server
from tests import stores

Request = tuple[str, str, Any]
"""Method, path under the prefix, body (a resource, or None)."""
LUA = Path(__file__).with_name("requests.lua")
CHECKED = 10
LEAST = 24
"""Answers that a figure of a slow store stands on, however long they take."""


class Refused(Exception):
    """A request of a bench was not answered as it should be: the figure would be of nothing."""


def tool() -> str:
    """What drives. wrk stops when the time is over, whatever is not answered by then: nothing for a slow store."""
    return "wrk" if shutil.which("wrk") and stores.chosen == "sqlite" else "the Python driver"


def drive(
    server: Server, requests: Iterable[Request], *, clients: int, seconds: float, more: dict[str, str] | None = None
) -> Run:
    """Send the requests in turn, again and again, from that many connections at once. Refused when one of the first
    ones is not answered with 2xx."""
    asked = list(requests)
    headers = dict(server.headers) | (more or {})
    for method, path, body in asked[:CHECKED]:
        check(server, method, path, body, headers)
    with tempfile.NamedTemporaryFile(suffix=".requests") as file:
        for request in asked:
            text = raw(server, request, headers)
            file.write(b"%d\n" % len(text) + text)
        file.flush()
        with pinned(cut().driver):
            if tool() == "wrk":
                _wrk(server, file.name, clients, 0.5)  # warm up
                before = server.computed()
                run = _wrk(server, file.name, clients, seconds)
                return replace(run, cpu=server.computed() - before)
            return run_of(told(server, "prepared", clients, seconds, file.name, least=least()))


def check(server: Server, method: str, path: str, body: Any, headers: dict[str, str]) -> None:
    """One request; Refused with what the server said when it is not 2xx."""
    status, answer = server.request(method, path, None if body is None else json.dumps(body).encode(), **headers)
    if not 200 <= status < 300:
        raise Refused(f"{method} {path}: {status} {answer[:500].decode(errors='replace')}")


def raw(server: Server, request: Request, headers: dict[str, str]) -> bytes:
    """A request as it goes over the wire."""
    method, path, body = request
    content = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    lines = [f"{method} {server.prefix}{path} HTTP/1.1", f"host: 127.0.0.1:{server.port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/fhir+json"
        lines += [f"content-type: {kind}", f"content-length: {len(content)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def _wrk(server: Server, file: str, clients: int, seconds: float) -> Run:
    # wrk takes whole seconds only
    command = ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--timeout", "60s", "-s", str(LUA)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{server.port}", "--", file], capture_output=True, text=True, check=True
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    return Run(**json.loads(line.removeprefix("RESULT ")))


def run_of(seen: dict[str, Any]) -> Run:
    """What the Python driver says, as a run."""
    return Run(**{name: value for name, value in seen.items() if name in Run.__dataclass_fields__})


def least() -> int:
    """How many answers a measurement waits for after its time is over."""
    return 0 if stores.chosen == "sqlite" else LEAST


def told(
    server: Server, workload: str, clients: int, seconds: float, argument: str = "", *, least: int = 0
) -> dict[str, Any]:
    """All that the Python driver says of its run."""
    task = {"port": server.port, "headers": dict(server.headers), "prefix": server.prefix, "workload": workload,
            "clients": clients, "seconds": seconds, "argument": argument, "least": least}  # fmt: skip
    before = server.computed()
    with pinned(cut().driver):
        done = subprocess.run(
            [sys.executable, "-m", "bench.driver", json.dumps(task)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise Refused(done.stderr[-2000:])
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen | {"cpu": server.computed() - before}


def cycled(requests: Sequence[Request], count: int) -> list[Request]:
    """The first ``count`` of the requests, from the beginning again when there are fewer."""
    return list(itertools.islice(itertools.cycle(requests), count))
