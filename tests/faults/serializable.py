"""Whether bundles over several resources have a serial order that keeps real time: their dependencies must have no
cycle (Adya, 1999). Versions are numbered, so every dependency is known and the answer is exact."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from tests.faults.events import NEVER, Event, Version

Truth = Mapping[str, Sequence[Version]]
"""All versions of each resource, the first first."""
Graph = dict[int, dict[int, str]]
"""Event -> events that must come later, and why."""


def cycle(events: Sequence[Event], truth: Truth) -> list[str] | None:
    """The events of a cycle, each with why the next must come later; None when there is none."""
    graph = dependencies(events, truth)
    for found in _knots(graph):
        return [f"{name_of(events, place)} -[{graph[place][after]}]->" for place, after in _round(graph, found)]
    return None


def name_of(events: Sequence[Event], place: int) -> str:
    """The event's name; moments between events have none."""
    return events[place].name if place < len(events) else "…"


def dependencies(events: Sequence[Event], truth: Truth) -> Graph:
    """ww: wrote the version before; wr: wrote what the other saw; rw: saw what the other replaced; time: was finished
    before the other began."""
    writers: dict[tuple[str, int], int] = {}
    readers: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for place, event in enumerate(events):
        for key, version in event.made.items():
            writers[key, version.number] = place
        for key, version in event.seen.items():
            readers[key, version.number].append(place)
    graph: Graph = defaultdict(dict)
    for key, versions in truth.items():
        for number in range(len(versions) + 1):
            writer, following = writers.get((key, number)), writers.get((key, number + 1))
            for reader in readers[key, number]:
                _join(graph, writer, reader, f"wr {key}/{number}")
                _join(graph, reader, following, f"rw {key}/{number}")
            _join(graph, writer, following, f"ww {key}/{number}")
    _add_time(graph, events)
    return graph


def _join(graph: Graph, first: int | None, then: int | None, why: str) -> None:
    if first is not None and then is not None and first != then:
        graph[first].setdefault(then, why)


def _add_time(graph: Graph, events: Sequence[Event]) -> None:
    """A moment stands between the ends before it and the starts after it, so that edges stay few."""
    moments = sorted({event.started for event in events})
    first = len(events)
    for place, event in enumerate(events):
        graph[first + bisect_left(moments, event.started)][place] = "time"
        if event.ended != NEVER and (later := bisect_right(moments, event.ended)) < len(moments):
            graph[place].setdefault(first + later, "time")
    for place, _ in enumerate(pairwise(moments)):
        graph[first + place][first + place + 1] = "time"


def _knots(graph: Graph) -> Iterator[set[int]]:
    """Sets of events that all reach each other (Tarjan, 1972)."""
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    held: list[int] = []
    on: set[int] = set()
    for root in list(graph):
        if root in number:
            continue
        work = [(root, iter(graph[root]))]
        number[root] = low[root] = len(number)
        held.append(root)
        on.add(root)
        while work:
            place, others = work[-1]
            for other in others:
                if other not in number:
                    number[other] = low[other] = len(number)
                    held.append(other)
                    on.add(other)
                    work.append((other, iter(graph.get(other, {}))))
                    break
                if other in on:
                    low[place] = min(low[place], number[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[place])
                if low[place] == number[place]:
                    knot = set(held[held.index(place) :])
                    del held[held.index(place) :]
                    on -= knot
                    if len(knot) > 1:
                        yield knot


def _round(graph: Graph, knot: set[int]) -> list[tuple[int, int]]:
    """The shortest way from one event of the knot back to it."""
    start = min(knot)
    came: dict[int, int] = {}
    edge = [start]
    while edge:
        place = edge.pop(0)
        for after in graph[place]:
            if after == start:
                way = [(place, start)]
                while way[0][0] != start:
                    way.insert(0, (came[way[0][0]], way[0][0]))
                return way
            if after in knot and after not in came:
                came[after] = place
                edge.append(after)
    raise AssertionError("a knot has a round")
