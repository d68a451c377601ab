"""Cold start (process start to the first 200 on metadata, on a store that is there) and memory of a worker."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from bench.asked import Asked
from bench.driving import drive
from bench.figures import Figure
from bench.loading import load_county
from bench.serving import free_port, ours, start, stop, wait_until_ready
from bench.workloads.searching import KINDS
from bench.workloads.writing import CREATE

TIMES = 3


def cold_start(asked: Asked) -> Iterator[Figure]:
    """The median of a few starts."""
    store = asked.folder / "start.sqlite"
    load_county(store, 0, asked.patients[0])
    taken = []
    for _ in range(TIMES):
        port, begun = free_port(), time.perf_counter()
        process = start(store, port)
        try:
            taken.append(wait_until_ready(port, process, "/fhir/metadata") - begun)
        finally:
            stop(process)
    yield Figure("start", "process to first 200 on metadata", statistics.median(taken), "s", note="less is better")


def memory(asked: Asked) -> Iterator[Figure]:
    """Resident memory after the start, and after reads, searches and creates of every kind."""
    store = asked.folder / "memory.sqlite"
    load_county(store, 0, asked.patients[0])
    with ours(asked.folder, store=store) as server:
        yield Figure("memory", "after start", server.memory()[0], "MB", note="less is better")
        searches = [("GET", path.format(n=1, m=1).replace("欧阳", "smith"), None) for path in KINDS.values()]
        drive(server, searches, clients=8, seconds=asked.seconds)
        drive(server, CREATE.requests(200), clients=8, seconds=asked.seconds)
        yield Figure("memory", "after searches and creates", server.memory()[0], "MB", note="less is better")
