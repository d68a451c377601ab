"""Which of several ways to find matches finds least: looked at in steps, no further than the choice needs (DESIGN
decision 6)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.sql import Scope, Sql

SELECTIVE = 2_000
"""What finds fewer rows is read whole rather than met on a walk, however few resources of the type there are."""
STEPS = (32, 256)
FURTHER = 8
"""Of several clauses that all find much, one may lead that finds up to so many times more."""

Finds = tuple[Sql, ...]
"""Selects whose union is what a clause finds."""


def few(scope: Scope) -> int:
    """Fewer rows than this are read whole and sorted. To meet twenty of ``m`` matches on a walk through the ``n``
    resources of the type takes ``20 n / m`` probes, to read them all ``m``: alike near the root of ``20 n``."""
    return max(SELECTIVE, math.isqrt(32 * scope.names.sizes.of_type(scope.connection, scope.type_id)))


def least(scope: Scope, choices: Sequence[Finds]) -> tuple[int, int] | None:
    """The place of the choice that finds least, and a number of rows that it stays below. None when all find much."""
    if not choices:
        return None
    limit = few(scope)
    for step in (*STEPS, limit) if len(choices) > 1 else (limit,):
        below = [place for place, finds in enumerate(choices) if not _reaches(scope, finds, step)]
        if len(below) == 1:
            return below[0], step
        if below:
            return min(below, key=lambda place: _count(scope, choices[place], step)), step
    size = scope.names.sizes.of_type(scope.connection, scope.type_id)
    if len(choices) < 2 or 2 * FURTHER * limit > size:
        return None
    among = (place for place, finds in enumerate(choices) if not _reaches(scope, finds, FURTHER * limit))
    return next(((place, FURTHER * limit) for place in among), None)


def _reaches(scope: Scope, finds: Finds, rows: int) -> bool:
    """Whether the selects together find so many rows; looks no further, and remembers that they do."""
    sizes = scope.names.sizes
    if sizes.reached(finds, rows):
        return True
    if len(finds) == 1:
        text, bindings = finds[0]
        reaches = bool(fetch(scope.connection, f"SELECT 1 FROM ({text}) LIMIT 1 OFFSET {rows - 1}", bindings))
    else:
        reaches = _count(scope, finds, rows) >= rows
    if reaches:
        sizes.remember(finds, rows)
    return reaches


def _count(scope: Scope, finds: Finds, limit: int) -> int:
    """Rows the selects find, counted no further than the limit."""
    found = 0
    for text, bindings in finds:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM ({text}) LIMIT {limit - found})"
        found += fetch(scope.connection, sql, bindings)[0][0]
        if found >= limit:
            break
    return found
