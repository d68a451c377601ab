"""The measurements as a table with the growth from the first rung to the last, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from bench.searches.measuring import Measured
from bench.searches.shape import FIRST_PAGE, LINEAR, SELECTIVE, TOTAL

HEADINGS = {
    SELECTIVE: "Selective shapes: what one value leads to",
    FIRST_PAGE: "First pages of what many match",
    "mix": "Whole workloads, their shapes drawn uniformly",
    TOTAL: "Accurate totals: they count what matches, so they grow with it",
    LINEAR: "Linear by nature: they walk an index",
}
GROWTH = 1.3
"""What p50 of selective shapes may grow by from the first rung to the last."""
FIRST_PAGE_LIMIT = 50.0
"""Milliseconds within which 95 of a hundred first pages come on the last rung."""


def growth(figures: Iterable[Measured]) -> dict[tuple[str, str, str, int], float]:
    """How p50 of each grew from its first rung to its last: the median of its rounds, each of which asked all rungs."""
    seen: dict[tuple[str, str, str, int], list[tuple[float, ...]]] = {}
    for figure in figures:
        seen.setdefault(figure.name, []).append(figure.medians)
    return {
        name: median(last / first for first, last in zip(rungs[0], rungs[-1], strict=True))
        for name, rungs in seen.items()
        if len(rungs) > 1
    }


def table(figures: Sequence[Measured]) -> str:
    """Every shape's rungs below one another, by kind."""
    grown, lines = growth(figures), []
    for kind, heading in HEADINGS.items():
        of_kind = [figure for figure in figures if figure.kind == kind]
        if not of_kind:
            continue
        lines += ["", heading, f"{'residents':>9} {'clients':>7} {'/s':>7} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8}"
                               f" {'cpu us':>8} {'errors':>6} {'growth':>6}"]  # fmt: skip
        for place, figure in enumerate(sorted(of_kind, key=lambda each: (each.workload, each.path, each.clients))):
            lines += _lines(figure, sorted_before(of_kind, place), grown)
    return "\n".join(lines[1:])


def sorted_before(figures: Sequence[Measured], place: int) -> str:
    """The workload and path of the line before, "" at the beginning."""
    ordered = sorted(figures, key=lambda each: (each.workload, each.path, each.clients))
    return f"{ordered[place - 1].workload} {ordered[place - 1].path}" if place else ""


def _lines(figure: Measured, before: str, grown: dict[tuple[str, str, str, int], float]) -> list[str]:
    title, run = f"{figure.workload} {figure.path}", figure.run
    ratio = grown.get(figure.name)
    cells = (
        f"{figure.residents:>9,} {figure.clients:>7} {run.rate:>7,.0f} {run.p50:>8.2f} {run.p95:>8.2f} {run.p99:>8.2f}"
        f" {run.cpu_each or 0:>8,.0f} {run.errors:>6} {'' if ratio is None else format(ratio, '6.2f')}"
    )
    return [cells.rstrip()] if title == before else [title, cells.rstrip()]


def verdict(figures: Sequence[Measured], store: str = "sqlite") -> list[str]:
    """What is not as it should be: errors; on the embedded store, for which there are limits, selective shapes that
    grow, and slow first pages on the last rung."""
    last = max(figure.residents for figure in figures)
    said = [f"{figure.run.errors} errors: {figure.path}" for figure in figures if figure.run.errors]
    if store != "sqlite":
        return said
    for name, ratio in growth(figures).items():
        if name[1] == SELECTIVE and ratio >= GROWTH:
            said.append(f"p50 grew x{ratio:.2f} with {name[3]} clients: {name[2]}")
    for figure in figures:
        quick = figure.kind in (SELECTIVE, FIRST_PAGE) and figure.residents == last
        if quick and figure.run.p95 >= FIRST_PAGE_LIMIT:
            said.append(f"p95 {figure.run.p95:.0f} ms with {figure.clients} clients: {figure.path}")
    return said


def as_json(figures: Sequence[Measured], conditions: dict[str, Any]) -> str:
    """Everything, for comparing later."""
    grown = growth(figures)
    rows = [asdict(figure) | {"rate": figure.run.rate, "growth": grown.get(figure.name)} for figure in figures]
    not_good = verdict(figures, conditions["store"])
    return json.dumps({"conditions": conditions, "figures": rows, "not_good": not_good}, ensure_ascii=False) + "\n"
