"""One type's matches in the order asked for, from a cursor on: by walking an index in that order, or by sorting the
few.

A page is continued by key (DESIGN decision 6): the cursor holds the sort keys of the last row, None for a missing one,
and its ``rid`` as the last tie-break. Missing values come last both ways. Without ``_sort`` the latest registered comes
first.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import apsw

from countyfhir.search.query import Sort
from countyfhir.store.sqlite import leading
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.selecting import Selection, select, walk_instead
from countyfhir.store.sqlite.sort_keys import Cursor, after, key_of
from countyfhir.store.sqlite.sort_walks import Arm, arm_select, arms_of
from countyfhir.store.sqlite.sql import ALWAYS, Scope, Sql, Term, all_of, joined

Row = tuple[Any, ...]
"""The sort keys of a match, then its ``rid``."""

STEPS_A_ROW, STEPS_BETWEEN_LOOKS = 24, 1_000
"""Instructions of SQLite: what a row costs that is read, probed and sorted; between two looks at a walk."""
WORTH_SORTING = 4
"""Rows are sorted before they are probed where there are so many for each place of the page."""


def page(scope: Scope, terms: Sequence[Term], sort: tuple[Sort, ...], cursor: Cursor | None, limit: int) -> list[Row]:
    """At most ``limit`` rows after the cursor."""
    selection = select(scope, terms, by_rid=not sort)
    if selection is None:
        return []
    tried = is_thick(selection, limit)
    if not sort:
        walk = walk_instead(scope, terms) if tried else None
        rows = _within(scope, selection, lambda: _by_rid(scope, walk, cursor, limit)) if walk else None
        return _by_rid(scope, selection, cursor, limit) if rows is None else rows
    arms = arms_of(scope, sort[0]) if tried or not selection.rows else None
    if arms is None:
        return _sorted(scope, selection, sort, cursor, limit)
    if not tried:
        return _in_order(scope, terms, arms, sort, cursor, limit)
    rows = _within(scope, selection, lambda: _in_order(scope, terms, arms, sort, cursor, limit))
    return _sorted(scope, selection, sort, cursor, limit) if rows is None else rows


def is_thick(selection: Selection, limit: int) -> bool:
    """Whether matches probably lie so thick that a walk meets enough of them before the selection would be read."""
    return 2 * limit * selection.apart < selection.rows


def _within(scope: Scope, selection: Selection, walk: Callable[[], list[Row]]) -> list[Row] | None:
    """What a walk finds, None when it takes longer than the selection would."""
    left = selection.rows * STEPS_A_ROW // STEPS_BETWEEN_LOOKS
    looks = itertools.count()
    scope.connection.set_progress_handler(lambda: next(looks) >= left, STEPS_BETWEEN_LOOKS, id=_within)
    try:
        return walk()
    except apsw.InterruptError:
        if next(looks) <= left:
            raise  # the time limit of the whole search
        return None
    finally:
        scope.connection.set_progress_handler(None, id=_within)


def _in_order(
    scope: Scope, terms: Sequence[Term], arms: list[Arm], sort: tuple[Sort, ...], cursor: Cursor | None, limit: int
) -> list[Row]:
    """By a walk in the order of the first key, then those that lack it."""
    rows = [] if cursor and cursor[0] is None else _walked(scope, terms, arms, sort, cursor, limit)
    if len(rows) < limit:
        rows += _without_first(scope, terms, sort, cursor, limit - len(rows))
    return rows


def _run(scope: Scope, *pieces: Sql) -> list[Row]:
    whole = joined(" ", pieces)
    return fetch(scope.connection, whole.text, whole.bindings)


def _by_rid(scope: Scope, selection: Selection, cursor: Cursor | None, limit: int) -> list[Row]:
    if not selection.arms and is_sorted_first(scope, selection, limit):
        return _sorted_first(scope, selection, cursor, limit)
    rid = f"{selection.alias}.rid"
    where = all_of([*_behind(rid, cursor), selection.where])
    chosen = f"SELECT {'' if selection.once or len(selection.arms) > 1 else 'DISTINCT '}{rid} FROM"
    selects = [
        joined(" ", [Sql(chosen), source, Sql(f"WHERE {where.text}", where.bindings)])
        for source in selection.arms or (selection.source,)
    ]
    return _run(scope, joined(" UNION ", selects), Sql("ORDER BY 1 DESC LIMIT ?", (limit,)))


def is_sorted_first(scope: Scope, selection: Selection, limit: int) -> bool:
    """Whether the page is probably full soon enough: before half of what the leading term finds is probed by one other
    term, somewhat later by several."""
    if selection.where == ALWAYS or selection.rows < WORTH_SORTING * limit:
        return False
    soon = 1 + 1 / max(1, len(selection.others))
    return leading.part(scope, selection.others) * selection.rows > soon * limit


def _sorted_first(scope: Scope, selection: Selection, cursor: Cursor | None, limit: int) -> list[Row]:
    """What the leading term finds is put in order, then probed until the page is full. The inner LIMIT keeps SQLite
    from merging the two selects, so that the outer one takes over the order of the inner one."""
    rid, source, where = f"{selection.alias}.rid", selection.source, selection.where
    behind = all_of(_behind(rid, cursor))
    return _run(
        scope,
        Sql(f"SELECT {rid} FROM (SELECT {'' if selection.once else 'DISTINCT '}{rid} AS rid FROM"),
        source,
        Sql(f"WHERE {behind.text} ORDER BY 1 DESC LIMIT -1) {selection.alias}", behind.bindings),
        Sql(f"WHERE {where.text} ORDER BY 1 DESC LIMIT ?", (*where.bindings, limit)),
    )


def _behind(rid: str, cursor: Cursor | None) -> list[Sql]:
    return [Sql(f"{rid} < ?", (cursor[-1],))] if cursor else []


def _sorted(scope: Scope, selection: Selection, sort: tuple[Sort, ...], cursor: Cursor | None, limit: int) -> list[Row]:
    """Compute the keys of every match, sort, cut."""
    rid = f"{selection.alias}.rid"
    return _ordered(
        scope, selection.source, selection.where, rid, [key_of(scope, key, rid) for key in sort], sort, cursor, limit
    )


def _without_first(
    scope: Scope, terms: Sequence[Term], sort: tuple[Sort, ...], cursor: Cursor | None, limit: int
) -> list[Row]:
    """The tail of a walk: matches that lack the first key, by the other keys."""
    alias = scope.alias()
    rid = f"{alias}.rid"
    keys = [key_of(scope, key, rid) for key in sort]
    lacking = Sql(f"{keys[0].text} IS NULL", keys[0].bindings)
    own = Sql(f"{alias}.type_id = {scope.type_id} AND {alias}.deleted = 0")
    where = all_of([own, lacking, *(term.probe(rid) for term in terms)])
    source = Sql(f"resource {alias} INDEXED BY resource_of_type")
    rest = cursor if cursor and cursor[0] is None else None
    behind = after(keys[1:], sort[1:], rest[1:], rid, sort[0].descending) if rest else None
    chosen = joined(", ", [Sql("NULL"), *keys[1:], Sql(rid)])
    order = ", ".join([*_order(sort, first=1), _rid_order(rid, sort)])
    return _run(
        scope,
        Sql(f"SELECT {chosen.text} FROM", chosen.bindings),
        source,
        Sql(f"WHERE {where.text}", where.bindings),
        Sql(f"AND {behind.text}", behind.bindings) if behind else Sql(""),
        Sql(f"ORDER BY {order} LIMIT ?", (limit,)),
    )


def _ordered(
    scope: Scope,
    source: Sql,
    where: Sql,
    rid: str,
    keys: list[Sql],
    sort: tuple[Sort, ...],
    cursor: Cursor | None,
    limit: int,
) -> list[Row]:
    behind = after(keys, sort, cursor, rid, sort[0].descending) if cursor else None
    chosen = joined(", ", [*keys, Sql(rid)])
    order = ", ".join([*_order(sort, first=0), _rid_order(str(len(keys) + 1), sort)])
    return _run(
        scope,
        Sql(f"SELECT DISTINCT {chosen.text} FROM", chosen.bindings),
        source,
        Sql(f"WHERE {where.text}", where.bindings),
        Sql(f"AND {behind.text}", behind.bindings) if behind else Sql(""),
        Sql(f"ORDER BY {order} LIMIT ?", (limit,)),
    )


def _walked(
    scope: Scope, terms: Sequence[Term], arms: list[Arm], sort: tuple[Sort, ...], cursor: Cursor | None, limit: int
) -> list[Row]:
    """Merge the arms, each already in the order of the first key and then ``rid``."""
    selects = [arm_select(scope, terms, arm, sort, cursor) for arm in arms]
    if not selects:
        return []
    order = ", ".join([*_order(sort, first=0, present=True), _rid_order(str(len(sort) + 1), sort)])
    return _run(scope, joined(" UNION ALL ", selects), Sql(f"ORDER BY {order} LIMIT ?", (limit,)))


def _order(sort: tuple[Sort, ...], *, first: int, present: bool = False) -> list[str]:
    """ORDER BY terms by column number; missing values last both ways. ``present``: the first key is never missing."""
    ways = [
        "DESC" if key.descending else "ASC" if present and not place else "ASC NULLS LAST"
        for place, key in enumerate(sort)
    ]
    return [f"{place + 1} {way}" for place, way in enumerate(ways) if place >= first]


def _rid_order(rid: str, sort: tuple[Sort, ...]) -> str:
    return f"{rid} {'DESC' if sort[0].descending else 'ASC'}"
