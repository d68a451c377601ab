"""Index entries as rows of the index tables; the smallest and largest of each parameter flagged for sorting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import apsw

from countyfhir.search.entries import DATE, FULL_TEXT, NUMBER, QUANTITY, REFERENCE, RELATION, STRING, TOKEN, URI
from countyfhir.store.sqlite import full_text
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.names import LITERAL, NewNames

Row = tuple[Any, ...]
"""One row of an index table."""
Group = tuple[int, str, list[Row]]
"""Kind, parameter and its rows without the numbers they begin with; names in them are still names."""

SMALLEST, LARGEST = 1, 2
BOTH = SMALLEST | LARGEST

TABLE_OF_KIND = {
    TOKEN: "token",
    STRING: "string",
    REFERENCE: "reference",
    DATE: "date",
    NUMBER: "number",
    QUANTITY: "number",
    URI: "uri",
    FULL_TEXT: "full_text",
    RELATION: "relation",
}
COLUMNS: dict[str, tuple[str, ...]] = {
    "token": ("parameter_id", "system_id", "code", "part", "flag"),
    "reference": ("parameter_id", "target_rid", "part", "literal"),
    "date": ("parameter_id", "low", "high", "part", "flag"),
    "string": ("parameter_id", "norm", "original", "part", "flag"),
    "number": ("parameter_id", "unit", "key", "part", "given", "flag"),
    "uri": ("parameter_id", "value", "part", "flag"),
    "full_text_digest": ("digest",),
    "relation": (
        *("rule", "subject_rid", "actor_rid", "indirect", "effect", "reach", "low", "high", "types", "instance_rid"),
    ),
}
INSERT = {
    table: f"INSERT INTO {table}(rid, {', '.join(columns)}) VALUES (?{', ?' * len(columns)})"
    for table, columns in COLUMNS.items()
} | {"full_text": full_text.INSERT}
DELETE = {
    table: f"DELETE FROM {table} WHERE rid = ? AND " + " AND ".join(f"{column} = ?" for column in columns)
    for table, columns in COLUMNS.items()
} | {"full_text": full_text.DELETE}
SELECT = {table: f"SELECT rid, {', '.join(columns)} FROM {table} WHERE rid = ?" for table, columns in COLUMNS.items()}

_SORTED_BY: dict[int, Callable[[Row], Any] | None] = {
    TOKEN: itemgetter(1, 0),
    DATE: None,
    STRING: None,
    QUANTITY: itemgetter(1),
    URI: None,
}
"""What orders the rows of a kind for their smallest; None: the row itself. Periods end with their largest end."""
_LARGEST_BY = {**_SORTED_BY, DATE: itemgetter(1, 0)}
_SORTS: dict[int, Callable[[Row], bool]] = {
    TOKEN: lambda row: row[1] != "",
    DATE: lambda row: True,
    STRING: lambda row: row[1] != "",  # pinyin and what is there without a text has no original
    QUANTITY: lambda row: row[0] == "",
    URI: lambda row: row[0] != "",
}
"""Whether a row may be a sort key: an element that is there without a value sorts as a missing one."""


def shape(entries: Iterable[tuple[Any, ...]], references: Iterable[tuple[str, str]] = ()) -> list[Group]:
    """Rows by kind and parameter, repeats dropped. Pure: done before the turn to write is taken.

    ``references`` are every literal (type, id): a row of a reference parameter is marked as one of them, and those
    without such a row get one under the reserved parameter.
    """
    literal = dict.fromkeys(references)
    shaped: dict[tuple[Any, ...], list[Row]] = {}
    units: dict[tuple[Any, ...], list[str]] = {}
    for entry in entries:
        key: tuple[Any, ...] = entry[:2]
        kind = entry[0]
        if kind == REFERENCE:
            target = entry[3:]
            row: Row = (*target, entry[2], 1 if target in literal else 0)
            if target[0] == "":
                key, row = (URI, entry[1]), (target[1], entry[2])
        elif kind == NUMBER:
            key, row = (QUANTITY, entry[1]), ("", entry[3], entry[2])
        elif kind == QUANTITY and is_given(entry[3]):
            units.setdefault((entry[1], entry[4], entry[2]), []).append(entry[3])
            continue
        else:
            row = (*entry[3:], entry[2])
        rows = shaped.get(key)
        if rows is None:
            shaped[key] = [row]
        else:
            rows.append(row)
    for (kind, name), rows in shaped.items():
        if kind == QUANTITY:
            rows[:] = [(*row, "" if row[0] else given(units.get((name, *row[1:]), ()))) for row in rows]
    covered = {row[:2] for (kind, _), rows in shaped.items() if kind == REFERENCE for row in rows}
    rest = [(*target, 0, 1) for target in literal if target not in covered]
    groups: list[Group] = [(kind, name, _flagged(kind, rows)) for (kind, name), rows in shaped.items()]
    return [*groups, (REFERENCE, "", rest)] if rest else groups


def is_given(unit: str) -> bool:
    """Whether a unit key is a unit as it was given: no row of its own, but told beside the number in any unit."""
    return unit != "" and unit[0] != "="


def given(units: Sequence[str]) -> str:
    """Unit keys as the column ``given`` tells them, each between two line ends."""
    return "".join(f"\n{unit}" for unit in units) + "\n" if units else ""


def _flagged(kind: int, rows: list[Row]) -> list[Row]:
    if kind in (REFERENCE, FULL_TEXT, RELATION):
        return rows
    sorts = _SORTS[kind]
    if len(rows) == 1:
        return [(*rows[0], BOTH if sorts(rows[0]) else 0)]
    rows = list(dict.fromkeys(rows))
    sortable = list(filter(sorts, rows))
    if not sortable:
        return [(*row, 0) for row in rows]
    smallest, largest = min(sortable, key=_SORTED_BY[kind]), max(sortable, key=_LARGEST_BY[kind])
    return [(*row, (SMALLEST if row is smallest else 0) | (LARGEST if row is largest else 0)) for row in rows]


def numbered(groups: list[Group], rid: int, type_id: int, names: NewNames) -> dict[str, list[Row]]:
    """Whole rows by table, names replaced by numbers; those of references still hold (type number, id) as target."""
    tables: dict[str, list[Row]] = {}
    for kind, parameter, rows in groups:
        table = TABLE_OF_KIND[kind]
        if kind == FULL_TEXT:
            made, digest = full_text.rows(rid, type_id, rows[0][:2])
            tables |= {table: [made], "full_text_digest": [digest]}
            continue
        if kind == RELATION:
            tables.setdefault(table, []).extend(_relation(rid, parameter, row, names) for row in rows)
            continue
        number = names.parameter_id(type_id, parameter, kind) if parameter else LITERAL
        if kind == TOKEN:
            new = [(rid, number, names.system_id(number, row[0]), *row[1:]) for row in rows]
        elif kind == REFERENCE:
            new = [(rid, number, (names.type_id(row[0]), row[1]), *row[2:]) for row in rows]
        else:
            new = [(rid, number, *row) for row in rows]
        if table in tables:
            tables[table] += new
        else:
            tables[table] = new
    return tables


def _relation(rid: int, rule: str, row: Row, names: NewNames) -> Row:
    """A row of ``relation``: subject, actor and instance still as (type number, id), None where there is none."""
    keys = [(names.type_id(kind), logical_id) if kind else None for kind, logical_id in (row[:2], row[2:4], row[9:11])]
    return (rid, rule, keys[0], keys[1], int(row[2] != "Organization"), *row[4:9], keys[2])


def stored_rows(connection: apsw.Connection, rid: int) -> dict[str, set[Row]]:
    """All index rows of a resource, by table."""
    return {table: set(fetch(connection, sql, (rid,))) for table, sql in SELECT.items()}
