"""FHIR instants as microseconds since 1970-01-01T00:00Z and as text (R4 section 2.24.0.1, instant)."""

from __future__ import annotations

import time
from functools import lru_cache


def now() -> int:
    """The present instant in microseconds, cut to whole milliseconds."""
    return time.time_ns() // 1_000_000 * 1_000


def text(microseconds: int) -> str:
    """``2026-01-02T03:04:05.678Z``: UTC with milliseconds."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_second(seconds)}.{rest // 1_000:03d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
