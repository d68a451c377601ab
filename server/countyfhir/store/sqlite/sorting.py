"""One type's matches in the order asked for, from a cursor on: by walking an index in that order, or by sorting the
few.

A page is continued by key (DESIGN decision 6): the cursor holds the sort keys of the last row, None for a missing
one, and
its ``rid`` as the last tie-break. Missing values come last both ways. Without ``_sort`` the latest registered comes
first.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from countyfhir.search import entries as kinds
from countyfhir.search.query import Sort
from countyfhir.search.unions import entry_names
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.predicates import systems_of
from countyfhir.store.sqlite.rows import LARGEST, SMALLEST
from countyfhir.store.sqlite.selecting import Selection, select, walk_instead
from countyfhir.store.sqlite.sql import Scope, Sql, Term, all_of, any_of, joined

Row = tuple[Any, ...]
"""The sort keys of a match, then its ``rid``."""
Cursor = tuple[Any, ...]

STEPS_A_ROW, STEPS_BETWEEN_LOOKS = 24, 1_000
"""Instructions of SQLite: what a row costs that is read, probed and sorted; between two looks at a walk."""
ARMS_WALKED = 24
"""Token systems whose index ranges are merged; a parameter with more is sorted."""

_KIND = {
    "token": kinds.TOKEN,
    "string": kinds.STRING,
    "date": kinds.DATE,
    "number": kinds.QUANTITY,
    "quantity": kinds.QUANTITY,
    "uri": kinds.URI,
}
_COLUMN = {"token": "code", "string": "norm", "number": "key", "quantity": "key", "uri": "value"}
_TABLE = {"token": "token", "string": "string", "date": "date", "number": "number", "quantity": "number", "uri": "uri"}
_OWN = {"_id": "logical_id", "_lastUpdated": "last_updated"}


@dataclass(frozen=True, slots=True)
class _Arm:
    """One range of an index that yields the first key in order: its table, condition and key column. A resource that
    other arms (by their parameters, ``rivals``) yield, too, is yielded by the first one with the key that counts."""

    table: str
    where: Sql
    column: str
    rivals: Callable[[str], Sql] | None = None


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
    arms = _arms(scope, sort[0]) if tried or not selection.rows else None
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
    scope: Scope, terms: Sequence[Term], arms: list[_Arm], sort: tuple[Sort, ...], cursor: Cursor | None, limit: int
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
    rid = f"{selection.alias}.rid"
    after = [Sql(f"{rid} < ?", (cursor[-1],))] if cursor else []
    where = all_of([*after, selection.where])
    chosen = f"SELECT {'' if selection.once or len(selection.arms) > 1 else 'DISTINCT '}{rid} FROM"
    selects = [
        joined(" ", [Sql(chosen), source, Sql(f"WHERE {where.text}", where.bindings)])
        for source in selection.arms or (selection.source,)
    ]
    return _run(scope, joined(" UNION ", selects), Sql("ORDER BY 1 DESC LIMIT ?", (limit,)))


def _sorted(scope: Scope, selection: Selection, sort: tuple[Sort, ...], cursor: Cursor | None, limit: int) -> list[Row]:
    """Compute the keys of every match, sort, cut."""
    rid = f"{selection.alias}.rid"
    return _ordered(
        scope, selection.source, selection.where, rid, [_key(scope, key, rid) for key in sort], sort, cursor, limit
    )


def _without_first(
    scope: Scope, terms: Sequence[Term], sort: tuple[Sort, ...], cursor: Cursor | None, limit: int
) -> list[Row]:
    """The tail of a walk: matches that lack the first key, by the other keys."""
    alias = scope.alias()
    rid = f"{alias}.rid"
    keys = [_key(scope, key, rid) for key in sort]
    lacking = Sql(f"{keys[0].text} IS NULL", keys[0].bindings)
    own = Sql(f"{alias}.type_id = {scope.type_id} AND {alias}.deleted = 0")
    where = all_of([own, lacking, *(term.probe(rid) for term in terms)])
    source = Sql(f"resource {alias} INDEXED BY resource_of_type")
    rest = cursor if cursor and cursor[0] is None else None
    after = _after(keys[1:], sort[1:], rest[1:], rid, sort[0].descending) if rest else None
    chosen = joined(", ", [Sql("NULL"), *keys[1:], Sql(rid)])
    order = ", ".join([*_order(sort, first=1), _rid_order(rid, sort)])
    return _run(
        scope,
        Sql(f"SELECT {chosen.text} FROM", chosen.bindings),
        source,
        Sql(f"WHERE {where.text}", where.bindings),
        Sql(f"AND {after.text}", after.bindings) if after else Sql(""),
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
    after = _after(keys, sort, cursor, rid, sort[0].descending) if cursor else None
    chosen = joined(", ", [*keys, Sql(rid)])
    order = ", ".join([*_order(sort, first=0), _rid_order(str(len(keys) + 1), sort)])
    return _run(
        scope,
        Sql(f"SELECT DISTINCT {chosen.text} FROM", chosen.bindings),
        source,
        Sql(f"WHERE {where.text}", where.bindings),
        Sql(f"AND {after.text}", after.bindings) if after else Sql(""),
        Sql(f"ORDER BY {order} LIMIT ?", (limit,)),
    )


def _walked(
    scope: Scope, terms: Sequence[Term], arms: list[_Arm], sort: tuple[Sort, ...], cursor: Cursor | None, limit: int
) -> list[Row]:
    """Merge the arms, each already in the order of the first key and then ``rid``."""
    selects = [_arm_select(scope, terms, arm, sort, cursor) for arm in arms]
    if not selects:
        return []
    order = ", ".join([*_order(sort, first=0, present=True), _rid_order(str(len(sort) + 1), sort)])
    return _run(scope, joined(" UNION ALL ", selects), Sql(f"ORDER BY {order} LIMIT ?", (limit,)))


def _arm_select(scope: Scope, terms: Sequence[Term], arm: _Arm, sort: tuple[Sort, ...], cursor: Cursor | None) -> Sql:
    alias = scope.alias()
    rid = f"{alias}.rid"
    first = Sql(f"{alias}.{arm.column}")
    keys = [first, *(_key(scope, key, rid) for key in sort[1:])]
    bounds = []
    if cursor:
        bounds.append(Sql(f"{first.text} {'<=' if sort[0].descending else '>='} ?", (cursor[0],)))
        bounds.append(_after(keys, sort, cursor, rid, sort[0].descending))
    first_of_all = [arm.rivals(alias)] if arm.rivals else []
    where = all_of([arm.where, *first_of_all, *bounds, *(term.probe(rid) for term in terms)])
    chosen = joined(", ", [*keys, Sql(rid)])
    return Sql(f"SELECT {chosen.text} FROM {arm.table} {alias} WHERE {where.text}", chosen.bindings + where.bindings)


def _arms(scope: Scope, sort: Sort) -> list[_Arm] | None:
    """The index ranges that are in the order of the key; None when there is no such order."""
    if sort.parameter in _OWN:
        return [_Arm("resource", Sql(f"type_id = {scope.type_id} AND deleted = 0"), _OWN[sort.parameter])]
    if sort.kind not in _TABLE:
        return None
    numbers = _numbers(scope, sort)
    arms = [arm for place in range(len(numbers)) for arm in _arms_of(scope, sort, numbers, place)]
    return arms if len(arms) <= ARMS_WALKED else None


def _arms_of(scope: Scope, sort: Sort, numbers: list[int], place: int) -> list[_Arm]:
    """The ranges of one of the parameters that are sorted by."""
    fixed = f"parameter_id = {numbers[place]} AND {_sorts(sort)}"
    rivals = _rivals(sort, numbers, place) if len(numbers) > 1 else None
    if sort.kind != "token":
        return [_Arm(_TABLE[sort.kind], Sql(fixed), _column(sort), rivals)]
    systems = systems_of(scope, numbers[place])
    return [_Arm("token", Sql(f"{fixed} AND system_id = {system}"), "code", rivals) for system in systems]


def _rivals(sort: Sort, numbers: list[int], place: int) -> Callable[[str], Sql]:
    """That no other of the parameters has a key of the resource that goes before, nor an earlier one the same key."""
    before, column = ">" if sort.descending else "<", _column(sort)

    def first_of_all(alias: str) -> Sql:
        said = [
            f"NOT EXISTS (SELECT 1 FROM {_TABLE[sort.kind]} o WHERE o.rid = {alias}.rid AND o.parameter_id = {other}"
            f" AND {_sorts(sort, 'o.')} AND +o.{column} {before}{'=' if number < place else ''} {alias}.{column})"
            for number, other in enumerate(numbers)
            if number != place
        ]
        return Sql(" AND ".join(said))

    return first_of_all


def _numbers(scope: Scope, sort: Sort) -> list[int]:
    """The parameters whose entries are meant, as far as there are any."""
    found = (scope.parameter(name, _KIND[sort.kind]) for name in entry_names(scope.type_name, sort.parameter))
    return [number for number in found if number is not None]


def _sorts(sort: Sort, alias: str = "") -> str:
    """Rows that hold the key of their resource and parameter."""
    unit = f" AND {alias}unit = ''" if _TABLE[sort.kind] == "number" else ""
    return f"{alias}flag & {LARGEST if sort.descending else SMALLEST}{unit}"


def _column(sort: Sort) -> str:
    if sort.kind == "date":
        return "high" if sort.descending else "low"
    return _COLUMN[sort.kind]


def _key(scope: Scope, sort: Sort, rid: str) -> Sql:
    """The sort key of the resource ``rid``: NULL when it has none."""
    if sort.parameter in _OWN:
        return Sql(f"(SELECT {_OWN[sort.parameter]} FROM resource WHERE rid = {rid})")
    if sort.kind == "reference":
        return _reference_key(scope, sort, rid)
    numbers = _numbers(scope, sort)
    if not numbers:
        return Sql("(SELECT NULL)")
    column, among = _column(sort), f"IN ({', '.join(map(str, numbers))})"
    if len(numbers) == 1:
        among = f"= {numbers[0]}"
    else:
        column = f"{'max' if sort.descending else 'min'}({column})"
    return Sql(
        f"(SELECT {column} FROM {_TABLE[sort.kind]} WHERE rid = {rid} AND parameter_id {among} AND {_sorts(sort)})"
    )


def _reference_key(scope: Scope, sort: Sort, rid: str) -> Sql:
    """References sort as their text, ``Type/id`` or the URL."""
    function = "max" if sort.descending else "min"
    local, url = scope.parameter(sort.parameter, kinds.REFERENCE), scope.parameter(sort.parameter, kinds.URI)
    return Sql(
        f"(SELECT {function}(k) FROM (SELECT t.name || '/' || r.logical_id AS k FROM reference f JOIN"
        f" resource r ON r.rid = f.target_rid"
        f" JOIN resource_type t ON t.type_id = r.type_id WHERE f.rid = {rid} AND f.parameter_id = ?"
        f" UNION ALL SELECT value FROM uri WHERE rid = {rid} AND parameter_id = ? AND value <> ''))",
        (local, url),
    )


def _order(sort: tuple[Sort, ...], *, first: int, present: bool = False) -> list[str]:
    """ORDER BY terms by column number; missing values last both ways. ``present``: the first key is never missing."""
    ways = [
        "DESC" if key.descending else "ASC" if present and not place else "ASC NULLS LAST"
        for place, key in enumerate(sort)
    ]
    return [f"{place + 1} {way}" for place, way in enumerate(ways) if place >= first]


def _rid_order(rid: str, sort: tuple[Sort, ...]) -> str:
    return f"{rid} {'DESC' if sort[0].descending else 'ASC'}"


def _after(keys: list[Sql], sort: Sequence[Sort], cursor: Cursor, rid: str, descending: bool) -> Sql:
    """Rows that come after the cursor, key by key, at last by ``rid``."""
    if not keys:
        return Sql(f"{rid} {'<' if descending else '>'} ?", (cursor[-1],))
    rest = _after(keys[1:], sort[1:], cursor[1:], rid, descending)
    key, value = keys[0], cursor[0]
    if value is None:
        return all_of([Sql(f"{key.text} IS NULL", key.bindings), rest])
    beyond = Sql(f"{key.text} {'<' if sort[0].descending else '>'} ?", (*key.bindings, value))
    missing = Sql(f"{key.text} IS NULL", key.bindings)
    equal = Sql(f"({key.text} = ? AND {rest.text})", (*key.bindings, value, *rest.bindings))
    return any_of([beyond, missing, equal])
