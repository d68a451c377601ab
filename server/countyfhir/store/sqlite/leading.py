"""Which of several ways to find matches finds least: looked at in steps, no further than the choice needs (DESIGN
decision 6)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.sql import Scope, Sql, Term, all_of

SELECTIVE = 2_000
"""What finds fewer rows is read whole rather than met on a walk, however few resources of the type there are."""
STEPS = (32, 256)
FURTHER = 8
"""Of several clauses that all find much, one may lead that finds up to so many times more."""
LOOKED_AT = 256
"""How thick a select lies among all resources is told from so many of its latest rows."""
SAMPLED = 128
"""What part of a type some terms hold of is told from so many of its latest resources."""

Finds = tuple[Sql, ...]
"""Selects whose union is what a clause finds."""


class Least(NamedTuple):
    """The place of the choice that finds least: about ``rows``, fewer than ``below``."""

    place: int
    rows: int
    below: int


def few(scope: Scope) -> int:
    """Fewer rows than this are read whole and sorted. To meet twenty of ``m`` matches on a walk through the ``n``
    resources of the type takes ``20 n / m`` probes, to read them all ``m``: alike near the root of ``20 n``."""
    return max(SELECTIVE, math.isqrt(32 * _size(scope)))


def least(scope: Scope, choices: Sequence[Finds]) -> Least | None:
    """The choice that finds least; None when all find much."""
    if not choices:
        return None
    limit, before = few(scope), 0
    for step in (*STEPS, limit):
        below = [place for place, finds in enumerate(choices) if not _reaches(scope, finds, step)]
        if len(below) == 1:
            return Least(below[0], _between(scope, choices[below[0]], before, step), step)
        if below:
            rows, place = min((_count(scope, choices[place], step), place) for place in below)
            return Least(place, rows, step)
        before = step
    return None


def least_of_many(scope: Scope, choices: Sequence[Finds]) -> Least | None:
    """Of several that all find much, one that finds little enough to be read rather than met on a walk."""
    limit = few(scope)
    if len(choices) < 2 or 2 * FURTHER * limit > _size(scope):
        return None
    among = (place for place, finds in enumerate(choices) if not _reaches(scope, finds, FURTHER * limit))
    return next((Least(place, math.isqrt(FURTHER) * limit, FURTHER * limit) for place in among), None)


def _between(scope: Scope, finds: Finds, least: int, below: int) -> int:
    """A number of rows between these: theirs, where they were counted, else in the middle."""
    counted = scope.names.sizes.counted(finds)
    return math.isqrt(least * below) if counted is None else counted


def apart(scope: Scope, others: Iterable[Term], rows: int) -> float:
    """How many resources of the type a walk would probe for each match, where the leading term finds ``rows``, if what
    the terms say had nothing to do with each other."""
    size = max(1, _size(scope))
    found = float(rows)
    for term in others:
        if term.finds:
            found *= min(1.0, reckoned(scope, term) / size)
    return size / found if found else math.inf


def part(scope: Scope, terms: Iterable[Term]) -> float:
    """What part of the type all the terms probably hold of: as of its latest resources."""
    holds, sizes = all_of(term.probe("s.rid") for term in terms), scope.names.sizes
    found = sizes.reckoned((holds,))
    if found is None:
        latest = (
            f"SELECT rid FROM resource INDEXED BY resource_of_type WHERE type_id = {scope.type_id} AND deleted = 0"
            f" ORDER BY rid DESC LIMIT {SAMPLED}"
        )
        sql = f"SELECT count(*) FROM ({latest}) s WHERE {holds.text}"
        found = int(fetch(scope.connection, sql, holds.bindings)[0][0])
        sizes.reckon((holds,), found)
    return found / SAMPLED


def reckoned(scope: Scope, term: Term) -> int:
    """About how many rows a term finds: by how thick the latest lie, or what it was seen to find at least."""
    sizes = scope.names.sizes
    if not term.walks:
        return sizes.known(term.finds or ())
    found = sizes.reckoned(term.walks)
    if found is None:
        found = sum(_thickness(scope, walk) for walk in term.walks)
        sizes.reckon(term.walks, found)
    return found


def _thickness(scope: Scope, walk: Sql) -> int:
    """Rows of a select in the order of ``rid`` if all of it lies as thick as its latest rows."""
    sql = (
        "SELECT (SELECT max(rid) FROM resource), rid FROM"
        f" (SELECT rid FROM ({walk.text}) ORDER BY rid DESC LIMIT 1 OFFSET {LOOKED_AT - 1})"
    )
    rows = fetch(scope.connection, sql, walk.bindings)
    if not rows:
        return LOOKED_AT
    last, seen = rows[0]
    return int(LOOKED_AT * last // max(1, last - seen))


def _size(scope: Scope) -> int:
    return scope.names.sizes.of_type(scope.connection, scope.type_id)


def _reaches(scope: Scope, finds: Finds, rows: int) -> bool:
    """Whether the selects together find so many rows; looks no further, and remembers the answer (of few rows, how many
    there are)."""
    sizes = scope.names.sizes
    reaches = sizes.reaches(finds, rows)
    if reaches is None:
        if len(finds) == 1 and rows > STEPS[-1]:
            text, bindings = finds[0]
            reaches = bool(fetch(scope.connection, f"SELECT 1 FROM ({text}) LIMIT 1 OFFSET {rows - 1}", bindings))
        else:
            reaches = _count(scope, finds, rows) >= rows
        sizes.remember(finds, rows, reaches=reaches)
    return reaches


def _count(scope: Scope, finds: Finds, limit: int) -> int:
    """Rows the selects find, counted no further than the limit."""
    sizes = scope.names.sizes
    counted = sizes.counted(finds)
    if counted is not None:
        return min(counted, limit)
    found = 0
    for text, bindings in finds:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM ({text}) LIMIT {limit - found})"
        found += fetch(scope.connection, sql, bindings)[0][0]
        if found >= limit:
            return limit
    sizes.count(finds, found)
    return found
