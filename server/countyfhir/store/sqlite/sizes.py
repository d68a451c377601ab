"""What a process learned of how much there is: between how many and how many rows selects find, how many resources a
type has. It only steers plans, so that what is out of date costs time and nothing else."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import apsw

from countyfhir.store.sqlite.connecting import fetch

REMEMBERED, SECONDS = 10_000, 300.0
"""So many facts are kept, each for so long: what there is much of seldom becomes little."""
UNTIL_MORE = 20.0
"""Seconds for which it is kept that there is no more: what there is little of may become much."""
SMALL = 1_000
"""A type with fewer resources is counted again each time: it may grow fast."""

Finds = tuple[tuple[str, tuple[Any, ...]], ...]
"""Selects, each with its text and its bindings."""


@dataclass(slots=True)
class _Known:
    """That there are ``least`` rows or more, for a while, and fewer than ``below``, for a shorter one; and about how
    many (``reckoned``)."""

    least: int = 0
    until: float = 0.0
    below: int = sys.maxsize
    below_until: float = 0.0
    reckoned: int | None = None
    reckoned_until: float = 0.0


class Sizes:
    """Shared by all threads of a process."""

    def __init__(self) -> None:
        self._known: dict[Finds, _Known] = {}
        self._types: dict[int, tuple[int, float]] = {}

    def reaches(self, finds: Finds, rows: int) -> bool | None:
        """Whether the selects find so many rows or more; None when that is not known."""
        known, now = self._known.get(finds), time.monotonic()
        if known is None:
            return None
        if known.least >= rows and now < known.until:
            return True
        return False if known.below <= rows and now < known.below_until else None

    def known(self, finds: Finds) -> int:
        """How many rows the selects were seen to find, at least."""
        known = self._known.get(finds)
        return known.least if known is not None and time.monotonic() < known.until else 1

    def counted(self, finds: Finds) -> int | None:
        """How many rows the selects find, where they were counted a short while ago."""
        known = self._known.get(finds)
        if known is None or known.below - 1 != known.least or time.monotonic() >= known.below_until:
            return None
        return known.least

    def reckoned(self, finds: Finds) -> int | None:
        """About how many rows the selects find, None when that is not known."""
        known = self._known.get(finds)
        return known.reckoned if known is not None and time.monotonic() < known.reckoned_until else None

    def remember(self, finds: Finds, rows: int, *, reaches: bool) -> None:
        """That the selects find so many rows, or that they do not."""
        if self.reaches(finds, rows) is not None:
            return  # more is known already
        known, now = self._of(finds), time.monotonic()
        if reaches:
            known.least, known.until = rows, now + SECONDS
        else:
            known.below, known.below_until = rows, now + UNTIL_MORE

    def count(self, finds: Finds, rows: int) -> None:
        """That the selects find just so many rows."""
        known, now = self._of(finds), time.monotonic()
        known.least, known.until = rows, now + SECONDS
        known.below, known.below_until = rows + 1, now + UNTIL_MORE

    def reckon(self, finds: Finds, rows: int) -> None:
        """That the selects find about so many rows."""
        known = self._of(finds)
        known.reckoned, known.reckoned_until = rows, time.monotonic() + SECONDS

    def _of(self, finds: Finds) -> _Known:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        return self._known.setdefault(finds, _Known())

    def of_type(self, connection: apsw.Connection, type_id: int) -> int:
        """Current resources of the type, about."""
        known, until = self._types.get(type_id, (0, 0.0))
        now = time.monotonic()
        if now < until:
            return known
        rows = fetch(connection, "SELECT current FROM resource_type WHERE type_id = ?", (type_id,))
        known = int(rows[0][0]) if rows else 0
        self._types[type_id] = (known, now + SECONDS if known > SMALL else now)
        return known
