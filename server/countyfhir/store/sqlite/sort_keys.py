"""What resources are sorted by, as SQL: one key of a resource, and the rows of an index table that hold it (R4 section
3.1.1.5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from countyfhir.search import entries as kinds
from countyfhir.search.query import Sort
from countyfhir.search.unions import entry_names
from countyfhir.store.sqlite.rows import LARGEST, SMALLEST
from countyfhir.store.sqlite.sql import Scope, Sql, all_of, any_of

Cursor = tuple[Any, ...]
"""The sort keys of the last row of a page, None for a missing one, and its ``rid``."""

_KIND = {
    "token": kinds.TOKEN,
    "string": kinds.STRING,
    "date": kinds.DATE,
    "number": kinds.QUANTITY,
    "quantity": kinds.QUANTITY,
    "uri": kinds.URI,
}
_COLUMN = {"token": "code", "string": "norm", "number": "key", "quantity": "key", "uri": "value"}
TABLES = {"token": "token", "string": "string", "date": "date", "number": "number", "quantity": "number", "uri": "uri"}
OWN = {"_id": "logical_id", "_lastUpdated": "last_updated"}


def numbers_of(scope: Scope, sort: Sort) -> list[int]:
    """The parameters whose entries are meant, as far as there are any."""
    found = (scope.parameter(name, _KIND[sort.kind]) for name in entry_names(scope.type_name, sort.parameter))
    return [number for number in found if number is not None]


def holds_key(sort: Sort, alias: str = "") -> str:
    """Rows that hold the key of their resource and parameter."""
    unit = f" AND {alias}unit = ''" if TABLES[sort.kind] == "number" else ""
    return f"{alias}flag & {LARGEST if sort.descending else SMALLEST}{unit}"


def column_of(sort: Sort) -> str:
    """The column of the key: the side of a range that comes first in the order."""
    if sort.kind == "date":
        return "high" if sort.descending else "low"
    return _COLUMN[sort.kind]


def key_of(scope: Scope, sort: Sort, rid: str) -> Sql:
    """The sort key of the resource ``rid``: NULL when it has none."""
    if sort.parameter in OWN:
        return Sql(f"(SELECT {OWN[sort.parameter]} FROM resource WHERE rid = {rid})")
    if sort.kind == "reference":
        return _reference_key(scope, sort, rid)
    numbers = numbers_of(scope, sort)
    if not numbers:
        return Sql("(SELECT NULL)")
    column, among = column_of(sort), f"IN ({', '.join(map(str, numbers))})"
    if len(numbers) == 1:
        among = f"= {numbers[0]}"
    else:
        column = f"{'max' if sort.descending else 'min'}({column})"
    return Sql(
        f"(SELECT {column} FROM {TABLES[sort.kind]} WHERE rid = {rid} AND parameter_id {among} AND {holds_key(sort)})"
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


def after(keys: list[Sql], sort: Sequence[Sort], cursor: Cursor, rid: str, descending: bool) -> Sql:
    """Rows that come after the cursor, key by key, at last by ``rid``."""
    if not keys:
        return Sql(f"{rid} {'<' if descending else '>'} ?", (cursor[-1],))
    rest = after(keys[1:], sort[1:], cursor[1:], rid, descending)
    key, value = keys[0], cursor[0]
    if value is None:
        return all_of([Sql(f"{key.text} IS NULL", key.bindings), rest])
    beyond = Sql(f"{key.text} {'<' if sort[0].descending else '>'} ?", (*key.bindings, value))
    missing = Sql(f"{key.text} IS NULL", key.bindings)
    equal = Sql(f"({key.text} = ? AND {rest.text})", (*key.bindings, value, *rest.bindings))
    return any_of([beyond, missing, equal])
