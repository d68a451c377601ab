"""Dates as ranges: ``[low, high)`` in microseconds of date, dateTime, instant, Period and Timing (R4 section
3.1.1.4.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from countyfhir.model.primitives import interval
from countyfhir.search.entries import DATE
from countyfhir.search.query import FOREVER

Fact = tuple[int, str, tuple[object, ...]]
Range = tuple[int, int]


def moment_readers(zone: Any) -> dict[str, Callable[[Any], Iterable[Fact]]]:
    """The readers of date parameters by element type; ``zone`` is that of values without one."""

    @lru_cache(maxsize=8_192)
    def range_of(text: str) -> Range | None:
        try:
            return interval(text, zone)
        except ValueError:
            return None

    def read(text: str) -> tuple[Fact, ...]:
        found = range_of(text)
        return ((DATE, "", found),) if found else ()

    def read_period(period: Mapping[str, Any]) -> tuple[Fact, ...]:
        found = _period(period, range_of)
        return ((DATE, "", found),) if found else ()

    def read_timing(timing: Mapping[str, Any]) -> tuple[Fact, ...]:
        found = _timing(timing, range_of)
        return ((DATE, "", found),) if found else ()

    simple = dict.fromkeys(("date", "dateTime", "instant", "System.Date", "System.DateTime"), read)
    return {**simple, "Period": read_period, "Timing": read_timing}


def _period(period: Mapping[str, Any], range_of: Callable[[str], Range | None]) -> Range | None:
    """An absent side is open; None when both are absent or a side is no date."""
    start, end = period.get("start"), period.get("end")
    low = range_of(start) if start else (-FOREVER, 0)
    high = range_of(end) if end else (0, FOREVER)
    if low is None or high is None or not (start or end):
        return None
    return low[0], high[1]


def _timing(timing: Mapping[str, Any], range_of: Callable[[str], Range | None]) -> Range | None:
    """The outer range of all events and of the bounds period."""
    ranges = [found for event in timing.get("event") or () if event and (found := range_of(event))]
    bounds = timing.get("repeat", {}).get("boundsPeriod")
    if bounds and (found := _period(bounds, range_of)):
        ranges.append(found)
    if not ranges:
        return None
    return min(low for low, _ in ranges), max(high for _, high in ranges)
