"""Kills the server (SIGKILL) under concurrent HTTP writes, round after round on one store, and looks for what was lost.

Clients create residents, update one of theirs and send transaction bundles. Every 201 or 200 that came back is kept;
after the restart each acknowledged version must be there, every bundle that is there must be whole, and the index must
find what is stored. A bundle whose answer did not come may be there or not, but never by half.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

from bench import bodies
from bench.connection import Connection, connect
from bench.serving import Server, free_port, start, stop, wait_until_ready

BUNDLE = 6
SYSTEM = "urn:bench:bundle"
TYPES = "Patient,Observation,Encounter,Condition,MedicationRequest"
SAMPLE = 400
"""How much of all rounds is looked at in the end, after many rounds."""


@dataclass(slots=True)
class Acknowledged:
    """What the server said it has: versions by reference ("Patient/1" -> 3), bundles by name -> references."""

    versions: dict[str, int] = field(default_factory=dict)
    bundles: dict[str, list[str]] = field(default_factory=dict)
    sent_bundles: set[str] = field(default_factory=set)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, location: str) -> str:
        """Note the version that a Location names; its reference."""
        reference, _, version = location.rpartition("/_history/")
        reference = "/".join(reference.split("/")[-2:])
        self.versions[reference] = max(int(version), self.versions.get(reference, 0))
        self.begun.set()
        return reference


def tagged(name: str) -> bodies.Resource:
    """A transaction whose every resource carries the bundle's name as a tag."""
    bundle = bodies.transaction(crc32(name.encode()), BUNDLE)
    for entry in bundle["entry"]:
        entry["resource"]["meta"] = {"tag": [{"system": SYSTEM, "code": name}]}
    return bundle


async def client(port: int, name: str, noted: Acknowledged) -> None:
    """Create, update and send bundles until the server is gone."""
    connection = await connect(port, {})
    mine: list[str] = []
    chance = random.Random(name)
    try:
        for number in range(10**9):
            await _write(connection, chance.choice(("create", "update", "bundle")), f"{name}-{number}", mine, noted)
    except (ConnectionError, OSError):
        return
    finally:
        connection.close()


async def _write(connection: Connection, act: str, name: str, mine: list[str], noted: Acknowledged) -> None:
    if act == "bundle":
        noted.sent_bundles.add(name)
        answer = await _asked(connection, "POST", "/", tagged(name))
        noted.bundles[name] = [noted.take(entry["response"]["location"]) for entry in answer["entry"]]
    elif act == "create" or not mine:
        answer = await _asked(connection, "POST", "/Patient", bodies.patient(crc32(name.encode())))
        mine.append(_took(noted, answer))
    else:
        reference = mine[-1]
        body = bodies.patient(crc32(name.encode())) | {"id": reference.partition("/")[2]}
        _took(noted, await _asked(connection, "PUT", f"/{reference}", body))


def _took(noted: Acknowledged, resource: dict[str, Any]) -> str:
    return noted.take(f"{resource['resourceType']}/{resource['id']}/_history/{resource['meta']['versionId']}")


async def _asked(connection: Connection, method: str, path: str, body: Any) -> dict[str, Any]:
    status, answer = await connection.ask(method, path, body)
    if status not in (200, 201):
        raise AssertionError(f"{method} {path}: {status} {answer[:300]!r}")
    result: dict[str, Any] = json.loads(answer)
    return result


async def _round(store: Path, number: int, clients: int, workers: int, seconds: float, noted: Acknowledged) -> None:
    port = free_port()
    process = start(store, port, workers=workers)
    try:
        wait_until_ready(port, process, "/ready")
        tasks = [asyncio.create_task(client(port, f"r{number}c{place}", noted)) for place in range(clients)]
        await _first_answer(noted)
        await asyncio.sleep(seconds)
        for pid in (*Server(port, process, store).workers(), process.pid):
            kill(pid)
        await asyncio.wait_for(asyncio.gather(*tasks), 60)
    finally:
        stop(process)


async def _first_answer(noted: Acknowledged) -> None:
    """A server that has just started compiles what it needs with the first writes; the round begins after them."""
    async with asyncio.timeout(120):
        await noted.begun.wait()


def kill(pid: int) -> None:
    """SIGKILL to a process that we started."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def problems(server: Server, noted: Acknowledged, chance: random.Random, deep: bool) -> Iterator[str]:
    """Acknowledged versions that are not there, bundles by half, and what the index does not find."""
    asked = list(noted.versions) if deep else chance.sample(list(noted.versions), min(SAMPLE, len(noted.versions)))
    for reference in asked:
        status, answer = server.request("GET", f"/{reference}")
        version = int(json.loads(answer)["meta"]["versionId"]) if status == 200 else 0
        if version < noted.versions[reference]:
            yield f"{reference}: version {noted.versions[reference]} was acknowledged, {status} {version} is there"
    names = sorted(noted.sent_bundles)
    for name in names if deep else chance.sample(names, min(SAMPLE, len(names))):
        status, answer = server.request("GET", f"/?_type={TYPES}&_tag={SYSTEM}|{name}&_count=100")
        assert status == 200, answer
        found = len(json.loads(answer).get("entry", []))
        if found not in ((BUNDLE,) if name in noted.bundles else (0, BUNDLE)):
            yield f"bundle {name}: {found} of {BUNDLE} are there, acknowledged: {name in noted.bundles}"


def main() -> int:
    """Round after round; 1 when anything was lost."""
    asked = argparse.ArgumentParser(prog="bench/kill-server", description=__doc__)
    asked.add_argument("--rounds", type=int, default=3, help="[default: 3]")
    asked.add_argument("--clients", type=int, default=8)
    asked.add_argument("--workers", type=int, default=1, help="server processes on the store [default: 1]")
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        store, found = Path(folder) / "killed.sqlite", list[str]()
        everything = Acknowledged()
        for number in range(options.rounds):
            noted = Acknowledged()
            asyncio.run(_round(store, number, options.clients, options.workers, chance.uniform(0.1, 1.2), noted))
            found += _examined(store, noted, chance, number, deep=True)
            everything.versions |= noted.versions
            everything.bundles |= noted.bundles
            everything.sent_bundles |= noted.sent_bundles
        found += _examined(store, everything, chance, options.rounds, deep=options.rounds <= 10)
    print("\n".join(found) or f"{options.rounds} rounds, {len(everything.versions):,} resources and "
          f"{len(everything.bundles):,} bundles acknowledged: nothing lost, nothing by half")  # fmt: skip
    return 1 if found else 0


def _examined(store: Path, noted: Acknowledged, chance: random.Random, number: int, *, deep: bool) -> list[str]:
    port = free_port()
    process = start(store, port)
    try:
        begun = time.perf_counter()
        took = wait_until_ready(port, process, "/ready") - begun
        found = list(problems(Server(port, process, store), noted, chance, deep))
    finally:
        stop(process)
    print(f"round {number + 1}: {len(noted.versions)} resources, {len(noted.bundles)} of {len(noted.sent_bundles)} "
          f"bundles acknowledged; back in {took:.1f} s; {len(found)} problems", file=sys.stderr)  # fmt: skip
    return found


if __name__ == "__main__":
    sys.exit(main())
