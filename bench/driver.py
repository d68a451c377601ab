"""The Python driver, a process of its own: ``python -m bench.driver TASK`` (JSON) prints what it saw (JSON).

A workload is a coroutine that plays one client: it sends a request, waits for the answer, goes on (a closed loop).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import uvloop

from bench.connection import Connection, connect
from bench.mixed import MIXED


@dataclass(slots=True)
class Client:
    """One client of a workload and all that it sees."""

    number: int
    connection: Connection
    until: float
    argument: str
    clients: int
    least: int = 0
    latencies: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)

    @property
    def going(self) -> bool:
        """Whether there is time left, or fewer than the least number of requests were answered."""
        return time.perf_counter() < self.until or len(self.latencies) < self.least

    async def ask(self, method: str, path: str, body: Any = None, expected: tuple[int, ...] = (200, 201)) -> Any:
        """A request that is measured; its parsed answer, or None when it was not as expected."""
        begun = time.perf_counter()
        status, answer = await self.connection.ask(method, path, body)
        self.latencies.append((time.perf_counter() - begun) * 1000)
        if status not in expected:
            self.wrong[f"{method} {path.partition('?')[0].split('/')[1]} {status} {answer[:300].decode()}"] += 1
            return None
        return orjson.loads(answer) if answer else {}

    async def ask_raw(self, raw: bytes) -> None:
        """A prepared request that is measured."""
        begun = time.perf_counter()
        status, head, body = await self.connection.send(raw)
        self.latencies.append((time.perf_counter() - begun) * 1000)
        if not 200 <= status < 300:
            self.wrong[f"{head[:12].decode()} {body[:300].decode()}"] += 1


async def prepared(client: Client) -> None:
    """The requests of a file in turn."""
    requests = _prepared(client.argument)
    place = client.number * len(requests) // client.clients
    while client.going:
        await client.ask_raw(requests[place % len(requests)])
        place += 1


def _prepared(file: str) -> list[bytes]:
    requests, content = [], Path(file).read_bytes()
    place = 0
    while place < len(content):
        end = content.index(b"\n", place)
        length = int(content[place:end])
        requests.append(content[end + 1 : end + 1 + length])
        place = end + 1 + length
    return requests


WORKLOADS = {"prepared": prepared} | MIXED


async def run(task: dict[str, Any]) -> dict[str, Any]:
    """All clients at once until the time is over, and what they began is answered."""
    play, begun = WORKLOADS[task["workload"]], time.perf_counter()
    clients, least = [], -(-task.get("least", 0) // task["clients"])
    for number in range(task["clients"]):
        connection = await connect(task["port"], task["headers"], task["prefix"])
        clients.append(Client(number, connection, begun + task["seconds"], task["argument"], task["clients"], least))
    await asyncio.gather(*(play(client) for client in clients))
    return _summary(clients, time.perf_counter() - begun)


def _summary(clients: list[Client], seconds: float) -> dict[str, Any]:
    latencies = sorted(latency for client in clients for latency in client.latencies)
    wrong, counted = Counter[str](), Counter[str]()
    for client in clients:
        wrong += client.wrong
        counted += client.counted
        client.connection.close()
    return {
        "requests": len(latencies),
        "seconds": seconds,
        "errors": wrong.total(),
        "p50": _percentile(latencies, 0.50),
        "p95": _percentile(latencies, 0.95),
        "p99": _percentile(latencies, 0.99),
        "wrong": dict(wrong.most_common(5)),
        "counted": dict(counted),
    }


def _percentile(latencies: list[float], part: float) -> float:
    return latencies[min(len(latencies) - 1, int(len(latencies) * part))] if latencies else 0.0


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(json.loads(sys.argv[1])))))
