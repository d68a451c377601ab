"""Index entries as rows of the index tables; the smallest and largest of each parameter flagged for sorting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import apsw

from countyfhir.search.entries import DATE, NUMBER, QUANTITY, REFERENCE, STRING, TOKEN, URI
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.names import LITERAL, NewNames

Row = tuple[Any, ...]
"""One row of an index table without its leading ``rid``."""
Shaped = dict[tuple[Any, ...], list[Row]]
"""Rows by (kind, parameter), their values still names."""

SMALLEST, LARGEST = 1, 2

TABLE_OF_KIND = {
    TOKEN: "token",
    STRING: "string",
    REFERENCE: "reference",
    DATE: "date",
    NUMBER: "number",
    QUANTITY: "number",
    URI: "uri",
}
COLUMNS: dict[str, tuple[str, ...]] = {
    "token": ("parameter_id", "system_id", "code", "part", "flag"),
    "reference": ("parameter_id", "target_rid", "part"),
    "date": ("parameter_id", "low", "high", "part", "flag"),
    "string": ("parameter_id", "norm", "original", "part", "flag"),
    "number": ("parameter_id", "unit", "key", "part", "flag"),
    "uri": ("parameter_id", "value", "part", "flag"),
}
INSERT = {
    table: f"INSERT INTO {table}(rid, {', '.join(columns)}) VALUES (?{', ?' * len(columns)})"
    for table, columns in COLUMNS.items()
}
DELETE = {
    table: f"DELETE FROM {table} WHERE rid = ? AND " + " AND ".join(f"{column} = ?" for column in columns)
    for table, columns in COLUMNS.items()
}
SELECT = {table: f"SELECT rid, {', '.join(columns)} FROM {table} WHERE rid = ?" for table, columns in COLUMNS.items()}

_LOW_KEY: dict[str, Callable[[Row], Any]] = {
    "token": lambda row: (row[1], row[0]),
    "date": lambda row: row,
    "string": lambda row: row,
    "number": lambda row: row[1],
    "uri": lambda row: row,
}
_SORTS: dict[str, Callable[[Row], bool]] = {
    "token": lambda row: row[1] != "",
    "date": lambda row: True,
    "string": lambda row: row[1] != "",  # pinyin and what is there without a text has no original
    "number": lambda row: row[0] == "",
    "uri": lambda row: row[0] != "",
}
"""Whether a row may be a sort key: an element that is there without a value sorts as a missing one."""
_HIGH_KEY = {**_LOW_KEY, "date": lambda row: (row[1], row[0])}


def kind_kept(kind: int) -> int:
    """The kind under which the parameter's number is kept: numbers and quantities share one table and one number."""
    return QUANTITY if kind == NUMBER else kind


def shape(entries: Iterable[tuple[Any, ...]]) -> Shaped:
    """Group entries by kind and parameter, drop repeats. Pure: done before the turn to write is taken."""
    shaped: dict[tuple[Any, ...], dict[Row, None]] = {}
    key: tuple[Any, ...]
    row: Row
    for entry in entries:
        kind = entry[0]
        if kind == REFERENCE and entry[3] == "":
            key, row = (URI, entry[1]), (entry[4], entry[2])
        elif kind == NUMBER:
            key, row = (QUANTITY, entry[1]), ("", entry[3], entry[2])
        else:
            key, row = entry[:2], (*entry[3:], entry[2])
        rows = shaped.get(key)
        if rows is None:
            shaped[key] = {row: None}
        else:
            rows[row] = None
    return {key: _flagged(TABLE_OF_KIND[key[0]], list(rows)) for key, rows in shaped.items()}


def _flagged(table: str, rows: list[Row]) -> list[Row]:
    if table == "reference":
        return rows
    if len(rows) == 1:
        return [(*rows[0], SMALLEST | LARGEST if _SORTS[table](rows[0]) else 0)]
    sortable = [row for row in rows if _SORTS[table](row)]
    smallest = min(sortable, key=_LOW_KEY[table], default=None)
    largest = max(sortable, key=_HIGH_KEY[table], default=None)
    return [(*row, (SMALLEST if row is smallest else 0) | (LARGEST if row is largest else 0)) for row in rows]


def numbered(shaped: Shaped, type_id: int, names: NewNames) -> dict[str, list[Row]]:
    """Rows by table with names replaced by numbers; reference rows still hold (type number, id) as their target."""
    tables: dict[str, list[Row]] = {}
    for (kind, parameter), rows in shaped.items():
        table = TABLE_OF_KIND[kind]
        parameter_id = names.parameter_id(type_id, parameter, kind)
        out = tables.setdefault(table, [])
        if table == "token":
            out += [(parameter_id, names.system_id(parameter_id, row[0]), *row[1:]) for row in rows]
        elif table == "reference":
            out += [(parameter_id, (names.type_id(row[0]), row[1]), row[2]) for row in rows]
        else:
            out += [(parameter_id, *row) for row in rows]
    return tables


def literal_rows(references: Iterable[tuple[str, str]], names: NewNames) -> list[Row]:
    """Rows of every literal reference, under the reserved parameter."""
    return [(LITERAL, (names.type_id(kind), logical_id), 0) for kind, logical_id in dict.fromkeys(references)]


def stored_rows(connection: apsw.Connection, rid: int) -> dict[str, set[Row]]:
    """All index rows of a resource, by table, each with its ``rid``."""
    return {table: set(fetch(connection, sql, (rid,))) for table, sql in SELECT.items()}
