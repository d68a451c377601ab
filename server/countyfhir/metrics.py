"""Counters and histograms of this process, and of all worker processes together, as Prometheus text
(prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4).

Counting is an entry in a dict. Where several workers share a port, each writes its figures to a file of a folder every
second, and the one that is asked adds them up; figures of a worker that died stay, so that no counter goes back.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the histograms' buckets, in seconds."""
EVERY = 1.0
"""Seconds between two times that a worker tells its figures to the others."""
FOLDER_VARIABLE = "WORKERS_OF_COUNTYFHIR"
"""Environment variable: the folder where workers tell each other their figures; unset with one worker."""

Labels = tuple[str | int, ...]


@dataclass(slots=True)
class Times:
    """A histogram of seconds for each combination of labels."""

    name: str
    text: str
    labels: tuple[str, ...]
    series: dict[Labels, list[float]] = field(default_factory=dict)  # a count for each bucket, then the sum

    def observe(self, labels: Labels, seconds: float) -> None:
        """Count one."""
        found = self.series.get(labels)
        if found is None:
            found = self.series[labels] = [0] * (len(BOUNDS) + 1) + [0.0]
        found[bisect_left(BOUNDS, seconds)] += 1
        found[-1] += seconds


@dataclass(slots=True)
class Counts:
    """A counter for each combination of labels; ``gauge``: a present value that may fall."""

    name: str
    text: str
    labels: tuple[str, ...]
    gauge: bool = False
    series: dict[Labels, list[float]] = field(default_factory=dict)

    def add(self, labels: Labels, count: float = 1) -> None:
        """Count up."""
        self.series.setdefault(labels, [0.0])[0] += count

    def put(self, labels: Labels, value: float) -> None:
        """The present value."""
        self.series[labels] = [value]


@dataclass(slots=True)
class Metrics:
    """What one process counts."""

    requests: Times = field(
        default_factory=lambda: Times(
            "countyfhir_request_seconds", "Time to answer FHIR requests.", ("interaction", "status")
        )
    )
    store: Times = field(
        default_factory=lambda: Times("countyfhir_store_seconds", "Time that the store took.", ("call",))
    )
    failures: Counts = field(
        default_factory=lambda: Counts("countyfhir_store_failures_total", "Calls that the store refused.", ("call",))
    )
    intake: Counts = field(
        default_factory=lambda: Counts(
            "countyfhir_intake_records_total", "Legacy records taken in by the server.", ("source", "outcome")
        )
    )
    waiting: Counts = field(
        default_factory=lambda: Counts("countyfhir_waiting", "What waits in queues.", ("queue",), gauge=True)
    )
    pool: Counts = field(
        default_factory=lambda: Counts(
            "countyfhir_pool", "Connections to MongoDB, or threads for searches in SQLite.", ("state",), gauge=True
        )
    )
    memory: Counts = field(
        default_factory=lambda: Counts(
            "countyfhir_resident_bytes", "Memory of each server process.", ("process",), gauge=True
        )
    )
    reindex: Counts = field(
        default_factory=lambda: Counts("countyfhir_reindex_jobs", "Reindex jobs of the store.", ("state",), gauge=True)
    )

    outbox: Counts = field(
        default_factory=lambda: Counts(
            "countyfhir_notifications", "Notifications that wait or were given up.", ("state",), gauge=True
        )
    )
    deliveries: Counts = field(
        default_factory=lambda: Counts(
            "countyfhir_notification_attempts_total", "How attempts to notify ended.", ("outcome",)
        )
    )

    @property
    def all(self) -> tuple[Times | Counts, ...]:
        """Every one of them."""
        return (
            *(self.requests, self.store, self.failures, self.intake),
            *(self.waiting, self.pool, self.memory, self.reindex),
            *(self.outbox, self.deliveries),
        )

    @property
    def fleeting(self) -> dict[str, list[Any]]:
        """The names of present values, with nothing under them."""
        return {one.name: [] for one in self.all if isinstance(one, Counts) and one.gauge}

    def figures(self) -> dict[str, list[list[Any]]]:
        """Everything as plain data: name -> rows of labels and numbers."""
        return {one.name: [[list(labels), numbers] for labels, numbers in one.series.items()] for one in self.all}


def timed(call: Callable[..., Awaitable[Any]], name: str, metrics: Metrics) -> Callable[..., Awaitable[Any]]:
    """The call, its time counted under the name."""
    series, labels = metrics.store, (name,)

    async def measured(*arguments: Any, **more: Any) -> Any:
        started = perf_counter()
        try:
            answer = await call(*arguments, **more)
        except Exception:
            metrics.failures.add(labels)
            raise
        finally:
            series.observe(labels, perf_counter() - started)
        return answer

    return measured


Added = dict[str, dict[Labels, list[float]]]


def together(figures: Iterable[Mapping[str, Any]]) -> Added:
    """The figures of several processes, added up."""
    total: Added = {}
    for one in figures:
        for name, rows in one.items():
            series = total.setdefault(name, {})
            for labels, numbers in rows:
                before = series.get(tuple(labels), [0.0] * len(numbers))
                series[tuple(labels)] = [a + b for a, b in zip(before, numbers, strict=True)]
    return total


def text(metrics: Metrics, total: Added) -> str:
    """The exposition; ``metrics`` says what the names mean."""
    lines: list[str] = []
    for one in metrics.all:
        kind = "histogram" if isinstance(one, Times) else "gauge" if one.gauge else "counter"
        lines += [f"# HELP {one.name} {one.text}", f"# TYPE {one.name} {kind}"]
        for labels, numbers in sorted(total.get(one.name, {}).items(), key=lambda each: tuple(map(str, each[0]))):
            shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(one.labels, labels, strict=True))
            lines += (
                _buckets(one.name, shown, numbers) if kind == "histogram" else [f"{one.name}{{{shown}}} {numbers[0]:g}"]
            )
    return "\n".join(lines) + "\n"


def _buckets(name: str, labels: str, numbers: list[float]) -> list[str]:
    lines, count = [], 0.0
    for bound, number in zip((*map(str, BOUNDS), "+Inf"), numbers, strict=False):
        count += number
        lines.append(f'{name}_bucket{{{labels},le="{bound}"}} {count:.0f}')
    return [*lines, f"{name}_sum{{{labels}}} {numbers[-1]:.6f}", f"{name}_count{{{labels}}} {count:.0f}"]


def _escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Shared:
    """The folder in which the workers of one server tell each other their figures."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / f"{os.getpid()}-{secrets.token_hex(4)}.json"

    def tell(self, metrics: Metrics) -> None:
        """Write this process's figures, whole."""
        fresh = self._file.with_suffix(".fresh")
        fresh.write_text(json.dumps(metrics.figures()), encoding="utf-8")
        fresh.replace(self._file)

    def others(self, fleeting: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the other processes told; of those that are gone without the ``fleeting`` values."""
        found = []
        for path in self._folder.glob("*.json"):
            if path != self._file:
                with suppress(OSError, ValueError):
                    told = json.loads(path.read_text(encoding="utf-8"))
                    found.append(told if _lives(int(path.name.partition("-")[0])) else {**told, **fleeting})
        return found


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def shared() -> Shared | None:
    """The folder that the environment names; None for a server of one process."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return Shared(Path(folder)) if folder and Path(folder).is_dir() else None


async def tell_forever(metrics: Metrics, place: Shared, collect: Callable[[], None]) -> None:
    """Tell the others again and again, until cancelled; ``collect`` brings the present values up to date."""
    while True:
        with suppress(OSError):
            collect()
            place.tell(metrics)
        await asyncio.sleep(EVERY)
