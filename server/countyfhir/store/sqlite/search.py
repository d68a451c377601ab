"""A search page: matches of each type merged in order, totals, includes, all on one snapshot (R4 section 3.1.1)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter

import apsw

from countyfhir.exchange import Grant, Stored
from countyfhir.search.query import Query
from countyfhir.store import page_order
from countyfhir.store.ports import Page
from countyfhir.store.sqlite import sorting
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.includes import included
from countyfhir.store.sqlite.names import Names, all_types
from countyfhir.store.sqlite.selecting import granted, rids, select, terms_of
from countyfhir.store.sqlite.sql import Looked, Scope, Sql, Term, all_of

LOAD = (
    "SELECT t.name, r.logical_id, r.version_id, r.last_updated, v.body, v.method, r.seq, r.patient FROM json_each(?) s"
    " CROSS JOIN resource r ON r.rid = s.value"
    " CROSS JOIN resource_type t ON t.type_id = r.type_id CROSS JOIN version v ON v.seq = r.seq"
)
"""Rows in the order of the list: CROSS JOIN keeps SQLite from taking another table first."""

COUNTED_EXACTLY = 10_000
"""``_total=estimate`` counts so many; beyond, it reckons from how much of the type they took."""


def page(connection: apsw.Connection, names: Names, query: Query, grant: Grant, include_limit: int) -> Page:
    """One page of what the grant lets the caller see. No resource type named: all that occur."""
    if query.in_turn:
        return _page(connection, names, query, grant, include_limit, _in_turn(connection, names, query, grant))
    searched = list(searched_types(connection, names, query, grant))
    total = _total(searched, query.total) if query.total != "none" or query.count <= 0 else None
    if query.count <= 0:
        return Page((), total=total)
    rows = [
        row
        for scope, terms in searched
        for row in sorting.page(scope, terms, query.sort, query.cursor, query.count + 1)
    ]
    if len(searched) > 1:
        rows.sort(key=page_order.before(query.sort))
    return _page(connection, names, query, grant, include_limit, rows, total)


def _page(
    connection: apsw.Connection,
    names: Names,
    query: Query,
    grant: Grant,
    include_limit: int,
    rows: list[sorting.Row],
    total: int | None = None,
) -> Page:
    """The page of these rows (one more than it shows, where there are more), and what it brings along."""
    shown = rows[: query.count]
    matches = [row[-1] for row in shown]
    also = (
        included(connection, names, matches, query.includes, grant, include_limit)
        if query.includes and matches
        else None
    )
    return Page(
        matches=_load(connection, matches),
        included=_load(connection, also.rids) if also else (),
        total=total,
        cursor=tuple(shown[-1]) if len(rows) > query.count else None,
        truncated=tuple(also.truncated) if also else (),
    )


def _in_turn(connection: apsw.Connection, names: Names, query: Query, grant: Grant) -> list[sorting.Row]:
    """Rows of one type after another, the place of the type in front; no further than the page goes."""
    number, *keys = query.cursor or (0,)
    assert isinstance(number, int)
    rows: list[sorting.Row] = []
    for scope, terms in searched_types(
        connection, names, replace(query, resource_types=query.resource_types[number:]), grant
    ):
        place = query.resource_types.index(scope.type_name)
        after = tuple(keys) if keys and place == number else None
        room = query.count + 1 - len(rows)
        rows += [(place, *row) for row in sorting.page(scope, terms, query.sort, after, room)]
        if len(rows) > query.count:
            break
    return rows


def searched_types(
    connection: apsw.Connection, names: Names, query: Query, grant: Grant
) -> Iterator[tuple[Scope, list[Term]]]:
    """The types of which anything may match, each with the query's and the grant's clauses."""
    looked = Looked()
    for type_name, type_id in names.types_of(connection, query.resource_types or all_types(connection)):
        scope = Scope(connection, names, type_name, type_id, looked=looked)
        narrowing = granted(scope, grant)
        if narrowing is not None:
            yield scope, [*terms_of(scope, query.where), *narrowing]


def _total(searched: Sequence[tuple[Scope, list[Term]]], wanted: str) -> int:
    return sum(_count(scope, terms, exactly=wanted != "estimate") for scope, terms in searched)


def _count(scope: Scope, terms: list[Term], *, exactly: bool) -> int:
    if not terms:
        return int(
            fetch(scope.connection, "SELECT current FROM resource_type WHERE type_id = ?", (scope.type_id,))[0][0]
        )
    selection = select(scope, terms, whole=exactly)
    if selection is None:
        return 0
    text, bindings = rids(selection)
    if selection.once and exactly:
        return int(fetch(scope.connection, f"SELECT count(*) FROM ({text})", bindings)[0][0])
    if exactly or selection.few:
        return int(fetch(scope.connection, f"SELECT count(*) FROM (SELECT DISTINCT rid FROM ({text}))", bindings)[0][0])
    sql = (
        f"SELECT count(*), min(rid), max(rid) FROM (SELECT DISTINCT rid FROM ({text}) ORDER BY rid"
        f" DESC LIMIT {COUNTED_EXACTLY})"
    )
    counted, lowest, highest = fetch(scope.connection, sql, bindings)[0]
    if counted < COUNTED_EXACTLY:
        return int(counted)
    return int(counted * highest / max(1, highest - lowest))


def _load(connection: apsw.Connection, numbers: Iterable[int]) -> tuple[Stored, ...]:
    listed = f"[{', '.join(map(str, numbers))}]"
    return tuple(itertools.starmap(Stored, fetch(connection, LOAD, (listed,))))


def matching_ids(connection: apsw.Connection, names: Names, query: Query, limit: int) -> frozenset[str]:
    """Logical ids of matches, at most ``limit``: what a plan's criteria are checked by, whoever asks."""
    found: set[str] = set()
    for type_name in query.resource_types:
        type_id = names.type_id(connection, type_name)
        looked = Looked(committed=False)
        scope = Scope(connection, names, type_name, type_id, looked=looked) if type_id is not None else None
        selection = select(scope, terms_of(scope, query.where)) if scope else None
        if selection is None:
            continue
        text, bindings = rids(selection)
        sql = f"SELECT logical_id FROM resource WHERE rid IN (SELECT DISTINCT rid FROM ({text}) LIMIT ?)"
        found.update(logical_id for (logical_id,) in fetch(connection, sql, (*bindings, limit)))
    return frozenset(found)


def visible_keys(
    connection: apsw.Connection, names: Names, keys: list[tuple[str, str]], grant: Grant
) -> set[tuple[str, str]]:
    """Those (type, id) that are current, not deleted, and visible."""
    found: set[tuple[str, str]] = set()
    for type_name, its in itertools.groupby(sorted(keys), key=itemgetter(0)):
        type_id = names.type_id(connection, type_name)
        scope = Scope(connection, names, type_name, type_id) if type_id is not None else None
        terms = granted(scope, grant) if scope else None
        if terms is None:
            continue
        own = Sql(f"r.type_id = {type_id} AND r.deleted = 0 AND r.logical_id = ?")
        where = all_of([own, *(term.probe("r.rid") for term in terms)])
        sql = f"SELECT 1 FROM resource r WHERE {where.text}"
        found.update(key for key in its if fetch(connection, sql, (key[1], *where.bindings)))
    return found
