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

Find = tuple[str, tuple[Any, ...]]
"""The text of a select and its bindings."""


class Sizes:
    """Shared by all threads of a process."""

    def __init__(self) -> None:
        self._least: dict[Find, tuple[int, float]] = {}
        self._types: dict[int, tuple[int, float]] = {}

    def at_least(self, connection: apsw.Connection, find: Find, rows: int) -> bool:
        """Whether the select finds so many rows or more. Looks no further; that it does is remembered."""
        known, until = self._least.get(find, (0, 0.0))
        now = time.monotonic()
        if known >= rows and now < until:
            return True
        text, bindings = find
        if not fetch(connection, f"SELECT 1 FROM ({text}) LIMIT 1 OFFSET {rows - 1}", bindings):
            return False
        if len(self._least) >= REMEMBERED:
            self._least.clear()
        self._least[find] = (rows, now + SECONDS)
        return True

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
