"""All rungs at once: every shape and each whole workload at each number of clients, the rungs in turn."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from urllib.parse import quote

from bench.county.making import Scale
from bench.driving import Request
from bench.figures import Run
from bench.searches.drawn import drawn
from bench.searches.rounds import drive_in_turn, prepared
from bench.searches.shape import Shape
from bench.searches.truth import UNQUOTED, answered, next_path
from bench.serving import Server

SPREAD = 200
"""Different requests of a shape."""
PAGES = 10
AT_REST, RESTED, LONGEST_WAIT = 0.05, 3, 3600
"""A server rests that computes less than so many seconds in a second, for so many seconds."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A server over a county of so many residents."""

    residents: int
    server: Server


@dataclass(frozen=True, slots=True)
class Measured:
    """What was seen of a shape (or, with ``path`` "all", of a workload) at a rung. ``run`` is in milliseconds, as are
    the ``medians`` of its rounds."""

    workload: str
    kind: str
    path: str
    residents: int
    clients: int
    run: Run
    medians: tuple[float, ...]

    @property
    def name(self) -> tuple[str, str, str, int]:
        """What stays the same from rung to rung."""
        return self.workload, self.kind, self.path, self.clients


@dataclass(frozen=True, slots=True)
class Effort:
    """The numbers of clients; each is measured at each rung for so many seconds in so many rounds."""

    clients: Sequence[int]
    seconds: float
    rounds: int


def measured(rungs: Sequence[Rung], shapes: Sequence[Shape], scale: Scale, effort: Effort) -> Iterator[Measured]:
    """Each shape, then each workload's shapes drawn uniformly for twice the time, at all rungs."""
    workloads: dict[str, list[list[Request]]] = {}
    for shape in shapes:
        asked = [requests(rung.server, shape, rung.residents, scale) for rung in rungs]
        mixed = workloads.setdefault(shape.workload, [[] for _ in rungs])
        for together, each in zip(mixed, asked, strict=True):
            together += each
        path = f"{shape.path} (pages 2 to {PAGES})" if shape.pages else shape.path
        yield from _at_all_rungs((shape.workload, shape.kind, path), rungs, asked, effort)
    for workload, mixed in workloads.items():
        for together in mixed:
            Random(3).shuffle(together)
        yield from _at_all_rungs((workload, "mix", "all"), rungs, mixed, replace(effort, seconds=2 * effort.seconds))


def _at_all_rungs(
    name: tuple[str, str, str], rungs: Sequence[Rung], asked: Sequence[list[Request]], effort: Effort
) -> Iterator[Measured]:
    for count in effort.clients:
        driven = [prepared(rung.server, each) for rung, each in zip(rungs, asked, strict=True)]
        drive_in_turn(driven, clients=count, rounds=effort.rounds, seconds=effort.seconds)
        for rung, seen in zip(rungs, driven, strict=True):
            yield Measured(*name, rung.residents, count, seen.run, seen.medians)


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
