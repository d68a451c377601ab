"""Figures of rungs that were asked in turn: growth is told round by round, and what is above a limit is named."""

from __future__ import annotations

from dataclasses import replace

from bench.figures import Run
from bench.searches.measuring import Measured
from bench.searches.shape import FIRST_PAGE, SELECTIVE
from bench.searches.shown import growth, verdict

SMALL = Measured("ours", SELECTIVE, "/Patient?x", 1000, 8, Run(300, 1.5, 0, 2.0, 9.0, 8.0), (2.0, 40.0, 2.0))
LARGE = replace(SMALL, residents=16000, medians=(2.2, 46.0, 60.0))


def test_growth_is_the_median_of_rounds() -> None:
    """A round that was slow for all rungs, and one that was slow for one, do not change it."""
    assert growth([SMALL, LARGE]) == {SMALL.name: 1.15}


def test_what_is_above_a_limit_is_named() -> None:
    """Errors anywhere, selective shapes that grow, and slow first pages on the last rung."""
    assert verdict([SMALL, LARGE]) == []
    assert verdict([SMALL, replace(LARGE, medians=(2.6, 52.0, 2.6))], "mongodb") == []
    assert verdict([SMALL, replace(LARGE, medians=(2.6, 52.0, 2.6))]) == ["p50 grew x1.30 with 8 clients: /Patient?x"]
    slow = Run(300, 1.5, 2, 40.0, 70.0, 51.0)
    assert verdict([replace(SMALL, kind=FIRST_PAGE), replace(LARGE, kind=FIRST_PAGE, run=slow)]) == [
        "2 errors: /Patient?x",
        "p95 51 ms with 8 clients: /Patient?x",
    ]
