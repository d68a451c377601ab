"""What a process learned of how much there is: that a select finds at least so many rows, how many resources a type
has. It only steers plans, so that what is out of date costs time and nothing else."""

from __future__ import annotations

import time
from typing import Any

import apsw

from countyfhir.store.sqlite.connecting import fetch

REMEMBERED, SECONDS = 10_000, 300.0
"""So many facts are kept, each for so long."""
SMALL = 1_000
"""A type with fewer resources is counted again each time: it may grow fast."""

Finds = tuple[tuple[str, tuple[Any, ...]], ...]
"""Selects, each with its text and its bindings."""


class Sizes:
    """Shared by all threads of a process."""

    def __init__(self) -> None:
        self._least: dict[Finds, tuple[int, float]] = {}
        self._types: dict[int, tuple[int, float]] = {}

    def reached(self, finds: Finds, rows: int) -> bool:
        """Whether the selects were seen to find so many rows or more, not long ago."""
        known, until = self._least.get(finds, (0, 0.0))
        return known >= rows and time.monotonic() < until

    def remember(self, finds: Finds, rows: int) -> None:
        """That the selects find so many rows at least."""
        if len(self._least) >= REMEMBERED:
            self._least.clear()
        self._least[finds] = (rows, time.monotonic() + SECONDS)

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
