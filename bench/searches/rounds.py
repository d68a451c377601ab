"""Several servers driven in turn, round by round: what slows the machine for a while slows all of them alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import uvloop

from bench.connection import Connection, connect
from bench.driving import CHECKED, Request, check, raw
from bench.figures import Run
from bench.place import cut, pinned
from bench.serving import Server


@dataclass(slots=True)
class Driven:
    """A server, the requests it is asked in turn, and all that was seen: milliseconds of each answer by round, answers
    other than 2xx, seconds on the wall and of its processor."""

    server: Server
    requests: Sequence[bytes]
    place: int = 0
    rounds: list[list[float]] = field(default_factory=list)
    errors: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    answers: int = 0

    def following(self) -> bytes:
        """The next request."""
        self.place += 1
        return self.requests[self.place % len(self.requests)]

    @property
    def medians(self) -> tuple[float, ...]:
        """The p50 of each round."""
        return tuple(median(latencies) for latencies in self.rounds)

    @property
    def run(self) -> Run:
        """All rounds as one: p50 is the median of theirs, the others are of all answers."""
        latencies = sorted(latency for each in self.rounds for latency in each)
        p95, p99 = (latencies[min(len(latencies) - 1, int(len(latencies) * part))] for part in (0.95, 0.99))
        return Run(self.answers, self.seconds, self.errors, median(self.medians), p99, p95, self.cpu)


def prepared(server: Server, requests: Sequence[Request]) -> Driven:
    """The server with its requests. Refused when one of the first ones is not answered with 2xx."""
    for method, path, body in requests[:CHECKED]:
        check(server, method, path, body, dict(server.headers))
    return Driven(server, [raw(server, each, dict(server.headers)) for each in requests])


def drive_in_turn(driven: Sequence[Driven], *, clients: int, rounds: int, seconds: float) -> None:
    """Each server for ``seconds`` in all, in so many rounds of all servers, every other one in the opposite order. Each
    connection sends its next request when it has the answer; its first one of a round is not counted."""
    with pinned(cut().driver):
        uvloop.run(_in_turn(driven, clients, rounds, seconds / rounds))


async def _in_turn(driven: Sequence[Driven], clients: int, rounds: int, seconds: float) -> None:
    for number in range(rounds):
        for each in driven if number % 2 == 0 else reversed(driven):
            await _round(each, clients, seconds)


async def _round(driven: Driven, clients: int, seconds: float) -> None:
    server = driven.server  # which hangs up on connections that rest for long
    connections = [await connect(server.port, dict(server.headers), server.prefix) for _ in range(clients)]
    driven.rounds.append([])
    begun, computed = time.perf_counter(), server.computed()
    await asyncio.gather(*(_client(driven, connection, begun + seconds) for connection in connections))
    driven.seconds += time.perf_counter() - begun
    driven.cpu += server.computed() - computed
    for connection in connections:
        connection.close()


async def _client(driven: Driven, connection: Connection, until: float) -> None:
    await _asked(driven, connection)
    while True:
        begun = time.perf_counter()
        await _asked(driven, connection)
        driven.rounds[-1].append((time.perf_counter() - begun) * 1000)
        if time.perf_counter() >= until:
            return


async def _asked(driven: Driven, connection: Connection) -> None:
    status, _, _ = await connection.send(driven.following())
    driven.answers += 1
    driven.errors += not 200 <= status < 300
