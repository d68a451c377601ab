"""Where a read and a create spend their time, room by room, in microseconds that this process computed (not waited).

Everything runs in this process without a network: what uvicorn adds is in the ceiling of ``bench/run --only read``.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import functools
import pstats
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import bodies
from bench.ceilings import store as bare_store
from bench.workloads.writing import CREATE, mixed_body
from countyfhir.app import Opened, endpoint_of, open_world
from countyfhir.exchange import Interaction
from countyfhir.interactions import prepare
from countyfhir.model import json
from countyfhir.search import extract
from countyfhir.settings import load

BASE = "http://127.0.0.1:8080/fhir"
WRITER = "countyfhir-writer"
HEADERS = [(b"host", b"127.0.0.1:8080"), (b"user-agent", b"bench"), (b"accept", b"*/*")]
Rows = list[tuple[str, float]]


def main() -> None:
    """Print the tables; with ``--calls`` also the functions that take most."""
    asked = argparse.ArgumentParser(prog="bench/profile", description=__doc__)
    asked.add_argument("--count", type=int, default=1000, help="interactions to average over [default: 1000]")
    asked.add_argument("--calls", choices=("read", "create"), help="also show where cProfile sees the time of these")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(_text("read", asyncio.run(_read(Path(folder), options.count))))
        print(_text("create, steps before the commit", _steps(options.count)))
        for clients in (1, 8, 32):
            rows = asyncio.run(_create(Path(folder), options.count, clients))
            print(_text(f"create, whole, {clients} at once", rows))
        print(_text("create, bare store", list(_bare(Path(folder), min(options.count, 500)))))
        if options.calls:
            asyncio.run(_calls(Path(folder), options.calls, options.count))


def _text(heading: str, rows: Rows) -> str:
    lines = [f"{heading} (us of computing each)", *(f"  {name:<44}{value:>9.1f}" for name, value in rows)]
    return "\n".join(lines) + "\n"


def timed(function: Callable[[Any], Any], values: Sequence[Any]) -> float:
    """Microseconds that this thread computes for one value."""
    for value in values[:50]:
        function(value)
    begun = time.thread_time()
    for value in values:
        function(value)
    return (time.thread_time() - begun) / len(values) * 1e6


async def timed_awaiting(function: Callable[[], Awaitable[Any]], count: int) -> float:
    """Microseconds that this thread computes for one call."""
    for _ in range(50):
        await function()
    begun = time.thread_time()
    for _ in range(count):
        await function()
    return (time.thread_time() - begun) / count * 1e6


def _opened(folder: Path, **settings: str) -> Any:
    chosen = {"store": f"sqlite:{folder / 'profile.sqlite'}", "load_definitions": "off"}
    return open_world(load(chosen | settings))


async def _reader(opened: Opened) -> Callable[[], Awaitable[None]]:
    """Calls the endpoint as uvicorn would."""
    body = bodies.patient(1) | {"id": "x"}
    await opened.perform(Interaction("update", "Patient", "x", body=body, http_method="PUT"))
    endpoint = endpoint_of(opened)
    scope = {"type": "http", "method": "GET", "path": "/fhir/Patient/x", "query_string": b"", "headers": HEADERS,
             "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8080), "scheme": "http"}  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(_: Any) -> None: ...

    return lambda: endpoint(scope, receive, send)


async def _read(folder: Path, count: int) -> Rows:
    rows: Rows = []
    for audit in ("off", "grouped"):
        async with _opened(folder, audit=audit) as opened:
            ask = await _reader(opened)
            rows.append((f"endpoint, audit {audit}", await timed_awaiting(ask, count)))
            if audit == "off":
                look_up = functools.partial(opened.store.resources.read, "Patient", "x")
                rows.append(("of it the store's look-up", await timed_awaiting(look_up, count)))
    return rows


def _steps(count: int) -> Rows:
    return asyncio.run(_steps_in(count))


async def _steps_in(count: int) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        async with _opened(Path(folder)) as opened:
            world = opened.world
            resources = [mixed_body(number) | {"id": f"x{number}"} for number in range(count)]
            texts = [json.dumps(resource) for resource in resources]

            def index(resource: bodies.Resource) -> object:
                return extract.index(resource, world.search, BASE)

            return [
                ("model.json.parse", timed(json.parse, texts)),
                ("validation.check", timed(world.check_resource, resources)),
                ("search.extract.index", timed(index, resources)),
                *((f"  {made['resourceType']}", timed(index, [made] * 200)) for made in resources[:4]),
                ("interactions.prepare.body_of", timed(prepare.body_of, resources)),
            ]


def _writer_time() -> float:
    for thread in threading.enumerate():
        if thread.name == WRITER and thread.ident is not None:
            return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
    return 0.0


async def _create(folder: Path, count: int, clients: int) -> Rows:
    async with _opened(folder) as opened:
        interactions = iter([CREATE.interaction(number) for number in range(count)])

        async def client() -> None:
            for interaction in interactions:
                await opened.perform(interaction)

        begun, loop, writer = time.perf_counter(), time.thread_time(), _writer_time()
        await asyncio.gather(*(client() for _ in range(clients)))
        taken = [time.thread_time() - loop, _writer_time() - writer, time.perf_counter() - begun]
    names = ("event loop", "writer thread", "passed on the clock")
    return [(name, seconds / count * 1e6) for name, seconds in zip(names, taken, strict=True)]


def _bare(folder: Path, count: int) -> Iterator[tuple[str, float]]:
    async def perform(opened: Opened) -> None:
        for number in range(count):
            await opened.perform(CREATE.interaction(number))

    before, operations = bare_store.record(folder / "bare.sqlite", perform)
    rows = sum(map(len, operations)) / len(operations)
    yield "statements of one create", rows
    for group in (1, 8, 32):
        yield f"the same rows, {group} a commit", bare_store.rate(before, operations, group).cpu_each or 0.0


async def _calls(folder: Path, kind: str, count: int) -> None:
    async with _opened(folder) as opened:
        ask = await _reader(opened)
        interactions = [CREATE.interaction(number) for number in range(count)]
        profile = cProfile.Profile()
        profile.enable()
        for interaction in interactions:
            await (ask() if kind == "read" else opened.perform(interaction))
        profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    main()
