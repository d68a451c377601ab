"""A store full of residents, by ``countyfhir load``: the ground of read, search and mixed benches."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench import bodies
from bench.place import cut, pinned
from bench.serving import Server
from tests.stores import store_at


@dataclass(frozen=True, slots=True)
class Loaded:
    """How a load went."""

    resources: int
    seconds: float

    @property
    def rate(self) -> float:
        """Resources a second, the start of the program included."""
        return self.resources / self.seconds


def write_ndjson(path: Path, resources: Iterable[bodies.Resource]) -> int:
    """Resources a line; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for resource in resources:
            file.write(json.dumps(resource, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def load_county(store: Path, first: int, behind: int) -> Loaded:
    """Load the residents numbered ``first`` up to ``behind`` (and, with the first, their institutions)."""
    source = store.with_suffix(f".{first}.ndjson")

    def all_resources() -> Iterable[bodies.Resource]:
        if first == 0:
            yield from (bodies.organization(n) | {"id": f"hospital-{n}"} for n in range(5))
            yield from (bodies.practitioner(n) | {"id": f"physician-{n}"} for n in range(5))
        for number in range(first, behind):
            yield from bodies.record(number)

    return load_file(store, source, write_ndjson(source, all_resources()))


def load_file(store: Path, source: Path, count: int) -> Loaded:
    """``countyfhir load`` of one file."""
    begun = time.perf_counter()
    run_command("load", str(source), "--store", store_at(store), "--ledger", f"{source}.ledger", folder=store.parent)
    return Loaded(count, time.perf_counter() - begun)


def put_all(server: Server, resources: Iterable[bodies.Resource]) -> None:
    """Put resources where their ids say, in one transaction. RuntimeError when the server will not."""
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
        for one in resources
    ]
    if not entries:
        return
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    status, answer = server.request("POST", "/", json.dumps(bundle).encode())
    if status != 200:
        raise RuntimeError(f"transaction: {status} {answer[:500]!r}")


def run_command(*arguments: str, folder: Path, good: tuple[int, ...] = (0,)) -> str:
    """A command of ``countyfhir`` on the server's core; what it printed. RuntimeError when it fails."""
    with pinned(cut().server):
        done = subprocess.run(
            [sys.executable, "-m", "countyfhir", *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
    if done.returncode not in good:
        raise RuntimeError(f"countyfhir {arguments[0]}: {done.stderr[-2000:]}{done.stdout[-2000:]}")
    return done.stdout + done.stderr
