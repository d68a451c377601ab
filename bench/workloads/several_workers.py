"""Two worker processes on one store: reads, creates and a mix; what each worker keeps in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from bench.asked import Asked
from bench.driving import drive
from bench.figures import Figure, of_run
from bench.loading import load_county
from bench.place import cut
from bench.serving import ours
from bench.workloads.writing import CREATE

WORKERS = 2


def workers(asked: Asked) -> Iterator[Figure]:
    """With two cores the driver shares them: the figure is what the machine does, not what the server could."""
    store = asked.folder / "workers.sqlite"
    load_county(store, 0, asked.patients[0])
    reads = [("GET", f"/Patient/p{number % asked.patients[0]}", None) for number in range(200)]
    creates = CREATE.requests(200)
    mix = list(itertools.chain.from_iterable(zip(reads, creates, strict=True)))
    note = cut(WORKERS).said
    with ours(asked.folder, store=store, workers=WORKERS) as server:
        for name, requests in (("read", reads), ("create", creates), ("read and create", mix)):
            run = drive(server, requests, clients=16, seconds=asked.seconds)
            yield of_run("2 workers", f"{name}, 16 clients", run, note=note)
        for place, size in enumerate(server.memory()[:WORKERS]):
            yield Figure("2 workers", f"memory of worker {place + 1}", size, "MB", note="less is better")
