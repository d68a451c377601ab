"""read against a bare ASGI application that answers the same bytes with the same headers; with key and audit, and
without, so that their price shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from bench import bodies
from bench.asked import Asked
from bench.driving import drive
from bench.figures import Ceiling, Figure, of_run
from bench.loading import put_all
from bench.serving import Server, bare, ours

RESIDENTS = 200
CLIENTS = (1, 8, 32)
VARIANTS = (("key, audit", True, True), ("key, no audit", True, False), ("no key, no audit", False, False))


def read(asked: Asked) -> Iterator[Figure]:
    """Reads of ``RESIDENTS`` patients in turn."""
    ceilings: dict[int, Ceiling] = {}
    for name, key, audit in VARIANTS:
        with ours(asked.folder, key=key, audit=audit) as server:
            requests = [("GET", f"/Patient/{name}", None) for name in _filled(server)]
            if not ceilings:
                ceilings = measured_ceilings(asked, server, requests[0][1], CLIENTS)
            for clients in CLIENTS if key and audit else CLIENTS[1:2]:
                run = drive(server, requests, clients=clients, seconds=asked.seconds)
                yield of_run("read", f"{name}, {clients} clients", run, ceiling=ceilings[clients])


def measured_ceilings(asked: Asked, server: Server, path: str, clients: tuple[int, ...]) -> dict[int, Ceiling]:
    """Answers a second of the bare application that gives what ``server`` answers to ``path``, for each number of
    clients."""
    file = answer_file(server, path, asked.folder)
    with bare(file) as ceiling:
        requests = [("GET", path, None)]
        same = {
            count: drive(_like(ceiling, server), requests, clients=count, seconds=asked.seconds) for count in clients
        }
    return {count: Ceiling(run.rate, run.cpu_each) for count, run in same.items()}


def _like(ceiling: Server, server: Server) -> Server:
    """The bare server, asked with the same headers."""
    return Server(ceiling.port, ceiling.process, None, server.headers)


def answer_file(server: Server, path: str, folder: Path) -> Path:
    """What the server answers, for the bare application to repeat."""
    status, headers, body = server.exchange("GET", path)
    file = folder / "answer.json"
    file.write_text(json.dumps({"status": status, "headers": headers, "body": body.decode()}), encoding="utf-8")
    return file


def _filled(server: Server) -> list[str]:
    names = [f"r{number}" for number in range(RESIDENTS)]
    put_all(server, (bodies.patient(number) | {"id": name} for number, name in enumerate(names)))
    return names
