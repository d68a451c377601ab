"""What the steps of a request cost in this process, without a network and, for writes, without a store.

``PYTHONPATH=server python -m bench.hot_path [--rounds 9]``: microseconds of process CPU time a call, the median of
several rounds, so that figures before and after a change can be compared while others use the machine. The resources
are official R4 examples: a Patient, an Observation, a blood pressure with components.

bare        msgspec alone reading the text, as a measure of the machine
parse       ``model.json.parse``
check       the structural check
extract     index entries with their compartments
references  every literal reference, without a text at hand
body_of     the text to store
prepared    check to body_of, for a parsed resource
read        GET [type]/[id] through the endpoint, with access check, audit and the embedded store
create      POST [type] through the endpoint, with everything but the commit
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tarfile
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from countyfhir import app
from countyfhir.exchange import Interaction, Plan, Stored, Write
from countyfhir.http.endpoint import Endpoint
from countyfhir.interactions.prepare import body_of, prepared
from countyfhir.model import json
from countyfhir.search.references import references
from countyfhir.settings import load

ARCHIVE = Path(__file__).parents[1] / "tests" / "data" / "r4-examples.tar.xz"
EXAMPLES = ("Patient-example.json", "Observation-example.json", "Observation-blood-pressure.json")
BASE = "http://127.0.0.1:8080/fhir"
HEADERS = [
    (b"host", b"127.0.0.1:8080"),
    (b"user-agent", b"bench"),
    (b"accept", b"application/fhir+json"),
    (b"content-type", b"application/fhir+json"),
]
ROUND = 0.05  # seconds of CPU that a round takes, about


def main() -> None:
    """A line a step, a column a resource."""
    asked = argparse.ArgumentParser(description="Measure the steps of a request.")
    asked.add_argument("--rounds", type=int, default=9)
    rounds: int = asked.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        measured = asyncio.run(all_figures(Path(folder), rounds))
    print(f"{'µs':12}" + "".join(f"{name.removesuffix('.json'):>28}" for name in EXAMPLES))
    for step in next(iter(measured.values())):
        print(f"{step:12}" + "".join(f"{measured[name][step]:28.1f}" for name in EXAMPLES))


async def all_figures(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Example -> step -> microseconds."""
    settings = load({"store": f"sqlite:{folder / 'bench.sqlite'}", "load_definitions": "off"})
    measured = {}
    async with app.open_world(settings) as opened:
        endpoint = app.endpoint_of(opened)
        for name, sent in texts().items():
            figures = {step: median(call, rounds) for step, call in steps(sent, opened).items()}
            resource = json.parse(sent)
            place = f"/fhir/{resource['resourceType']}"
            await answered(endpoint, "PUT", f"{place}/{resource['id']}", sent, 201)
            figures["read"] = await awaited(
                lambda: answered(endpoint, "GET", f"{place}/{resource['id']}", b"", 200),  # noqa: B023 - called here
                rounds,
            )
            real, opened.store.resources = opened.store.resources, Uncommitted(opened.store.resources)
            figures["create"] = await awaited(lambda: answered(endpoint, "POST", place, sent, 201), rounds)  # noqa: B023
            opened.store.resources = real
            measured[name] = figures
    return measured


def texts() -> dict[str, bytes]:
    """The examples, compact as programs send them, without the references that a server would look for."""
    with tarfile.open(ARCHIVE) as archive:
        return {name: json.dumps(json.parse(archive.extractfile(name).read())) for name in EXAMPLES}  # type: ignore[union-attr]


class Uncommitted:
    """A store of resources whose commits are answered and forgotten."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def commit(self, plan: Plan) -> tuple[Stored, ...]:
        """As if stored."""
        return tuple(
            Stored(one.resource_type, one.logical_id, 1, 0, one.body.head + one.body.tail if one.body else None)
            for one in plan.writes
        )


def steps(sent: bytes, opened: app.Opened) -> dict[str, Callable[[], object]]:
    """The steps before the store, each ready to be called."""
    world, resource, bare = opened.world, json.parse(sent), msgspec.json.Decoder()
    indexer = world.search.indexer(BASE)
    write = Write("POST", resource["resourceType"], resource["id"], resource, expected_version=0)
    asked = Interaction("create", resource["resourceType"], base=BASE)
    return {
        "bare": lambda: bare.decode(sent),
        "parse": lambda: json.parse(sent),
        "check": lambda: world.check_resource(resource),
        "extract": lambda: indexer.entries(resource),
        "references": lambda: references(resource, (BASE,)),
        "body_of": lambda: body_of(resource),
        "prepared": lambda: prepared(write, asked, world),
    }


async def answered(endpoint: Endpoint, method: str, path: str, body: bytes, status: int) -> None:
    """One request through the endpoint; RuntimeError for another status."""
    said = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "query_string": b"", "headers": HEADERS,
        "scheme": "http", "client": ("127.0.0.1", 50000),
    }  # fmt: skip
    await endpoint(scope, receive, send)
    if said[0]["status"] != status:
        raise RuntimeError(f"{method} {path} answered {said[0]['status']}: {said[1]['body'][:500]!r}")


def median(call: Callable[[], object], rounds: int) -> float:
    """Microseconds of CPU a call."""
    begun, calls = time.process_time(), 0
    while time.process_time() - begun < ROUND:
        call()
        calls += 1
    measured = []
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(calls):
            call()
        measured.append((time.process_time() - begun) / calls)
    return statistics.median(measured) * 1e6


async def awaited(call: Callable[[], Awaitable[None]], rounds: int) -> float:
    """The same of what is awaited; what runs in the background in between counts."""
    measured = []
    for _ in range(rounds + 1):
        begun, calls = time.process_time(), 0
        while time.process_time() - begun < ROUND:
            for _ in range(20):
                await call()
            calls += 20
        measured.append((time.process_time() - begun) / calls)
        await asyncio.sleep(0)
    return statistics.median(measured[1:]) * 1e6


if __name__ == "__main__":
    main()
