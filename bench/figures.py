"""A measured figure with its ceiling, and how figures are shown (text) and kept (JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """What a driver saw: answers in a time, how many of them were errors, latencies in milliseconds; and ``cpu``, what
    the server computed for it in seconds (all its threads and workers)."""

    requests: int
    seconds: float
    errors: int
    p50: float
    p99: float
    p95: float = 0.0
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return (self.requests - self.errors) / self.seconds if self.seconds else 0.0

    @property
    def cpu_each(self) -> float | None:
        """Microseconds that the server computed for an answer."""
        return self.cpu / self.requests * 1e6 if self.requests and self.cpu else None


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What the bare thing does: a rate, and the microseconds it computes each time."""

    rate: float
    cpu_each: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``better`` says whether more or less is good; ``ceiling`` is in the same unit."""

    bench: str
    name: str
    value: float
    unit: str = "/s"
    ceiling: float | None = None
    p50: float | None = None
    p99: float | None = None
    errors: int = 0
    note: str = ""
    cpu_each: float | None = None
    ceiling_cpu_each: float | None = None

    @property
    def cpu_ratio(self) -> float | None:
        """The ceiling's computing as a part of ours: what the ratio would be if nothing else ran on the machine."""
        return self.ceiling_cpu_each / self.cpu_each if self.ceiling_cpu_each and self.cpu_each else None

    @property
    def ratio(self) -> float | None:
        """Our figure as a part of the ceiling."""
        return self.value / self.ceiling if self.ceiling else None


def of_run(bench: str, name: str, run: Run, *, ceiling: Ceiling | None = None, note: str = "") -> Figure:
    """The figure of a driver's run."""
    top = ceiling or Ceiling(0.0)
    return Figure(
        bench, name, run.rate, "/s", top.rate or None, run.p50, run.p99, run.errors, note, run.cpu_each, top.cpu_each
    )


HEADINGS = ("bench", "what", "figure", "ceiling", "ratio", "p50 ms", "p99 ms", "cpu us", "cpu ratio", "errors", "")


def table(figures: Iterable[Figure]) -> str:
    """The figures as aligned text."""
    rows = [HEADINGS, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [cell.ljust(width) if place in (0, 1, 10) else cell.rjust(width)
             for place, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
    return "  ".join(cells).rstrip()


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.bench,
        figure.name,
        f"{_number(figure.value)} {figure.unit}",
        _number(figure.ceiling),
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        "" if figure.p50 is None else f"{figure.p50:.2f}",
        "" if figure.p99 is None else f"{figure.p99:.2f}",
        "" if figure.cpu_each is None else f"{figure.cpu_each:,.0f}",
        "" if figure.cpu_ratio is None else f"{figure.cpu_ratio:.2f}",
        str(figure.errors) if figure.errors else "",
        figure.note,
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def as_json(figures: Iterable[Figure], conditions: dict[str, Any]) -> str:
    """Everything a later run compares itself with."""
    rows = [asdict(figure) | {"ratio": figure.ratio, "cpu_ratio": figure.cpu_ratio} for figure in figures]
    return json.dumps({"conditions": conditions, "figures": rows}, indent=1, ensure_ascii=False) + "\n"
