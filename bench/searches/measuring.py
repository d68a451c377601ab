"""One rung: every shape and each whole workload at each number of clients."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

from bench.county.making import Scale
from bench.driving import Request, drive
from bench.figures import Run
from bench.searches.drawn import drawn
from bench.searches.shape import Shape
from bench.searches.truth import UNQUOTED, answered, next_path
from bench.serving import Server

SPREAD = 200
"""Different requests of a shape."""
PAGES = 10
AT_REST, RESTED, LONGEST_WAIT = 0.05, 3, 3600
"""A server rests that computes less than so many seconds in a second, for so many seconds."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen of a shape (or, with ``path`` "all", of a workload) at a rung. ``run`` is in milliseconds."""

    workload: str
    kind: str
    path: str
    residents: int
    clients: int
    run: Run

    @property
    def name(self) -> tuple[str, str, str, int]:
        """What stays the same from rung to rung."""
        return self.workload, self.kind, self.path, self.clients


def measured(
    server: Server, shapes: Sequence[Shape], residents: int, scale: Scale, clients: Sequence[int], seconds: float
) -> Iterator[Measured]:
    """Each shape for so many seconds, then each workload's shapes drawn uniformly."""
    workloads: dict[str, list[Request]] = {}
    for shape in shapes:
        asked = requests(server, shape, residents, scale)
        workloads.setdefault(shape.workload, []).extend(asked)
        path = f"{shape.path} (pages 2 to {PAGES})" if shape.pages else shape.path
        for count in clients:
            run = drive(server, asked, clients=count, seconds=seconds)
            yield Measured(shape.workload, shape.kind, path, residents, count, run)
    for workload, asked in workloads.items():
        Random(3).shuffle(asked)
        for count in clients:
            run = drive(server, asked, clients=count, seconds=2 * seconds)
            yield Measured(workload, "mix", "all", residents, count, run)


def settled(server: Server) -> float:
    """Wait until the server has nothing to do of its own accord: the first one over a filled store builds the index of
    persons, and makes index entries anew when the program has changed. Seconds that took."""
    begun, rested, computed = time.monotonic(), 0, server.computed()
    while rested < RESTED and time.monotonic() - begun < LONGEST_WAIT:
        time.sleep(1)
        before, computed = computed, server.computed()
        rested = rested + 1 if computed - before < AT_REST else 0
        if rested == RESTED and _is_behind(server):
            rested = 0
    return time.monotonic() - begun


def _is_behind(server: Server) -> bool:
    """Whether searches are answered with the warning that index entries are still made anew."""
    entries = answered(server, "/Patient?_count=1").get("entry", ())
    return any(entry["search"]["mode"] == "outcome" for entry in entries)


def requests(server: Server, shape: Shape, residents: int, scale: Scale) -> list[Request]:
    """``SPREAD`` requests of a shape (the following pages of one for a shape of pages)."""
    if shape.pages:
        return _following(server, shape.path)
    asked = (shape.asked(drawn(Random(f"{number} {shape.path}"), residents, scale)) for number in range(SPREAD))
    distinct = list(dict.fromkeys(asked))
    return [("GET", quote(path, safe=UNQUOTED), None) for path in distinct * (SPREAD // len(distinct))]


def _following(server: Server, path: str) -> list[Request]:
    asked: list[Request] = []
    while path and len(asked) < PAGES - 1:
        path = next_path(server, answered(server, path))
        if path:
            asked.append(("GET", path, None))
    return asked
