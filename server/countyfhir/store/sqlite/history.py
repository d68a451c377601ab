"""History of an instance, a type or everything, newest first, paged by sequence (R4 section 3.1.0.12)."""

from __future__ import annotations

from typing import Any

import apsw

from countyfhir.exchange import Stored
from countyfhir.store.ports import HistoryPage, HistoryQuery
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.names import Names

COLUMNS = "v.seq, v.version_id, v.last_updated, v.method, v.body, v.type_id, r.logical_id, r.patient"


def page(connection: apsw.Connection, names: Names, query: HistoryQuery) -> HistoryPage:
    """The versions that match; ``total`` counts them all, not only from the cursor on."""
    if query.resource_types is not None and query.resource_type and query.resource_type not in query.resource_types:
        return HistoryPage((), None, 0)
    where, bindings = _where(connection, names, query)
    total = _total(connection, query, where, bindings)
    if query.count <= 0:
        return HistoryPage((), None, total)
    after, bound = ("v.seq < ?", [query.cursor]) if query.cursor is not None else ("1", [])
    rows = fetch(
        connection,
        f"SELECT {COLUMNS} FROM version v JOIN resource r ON r.rid = v.rid WHERE {where} AND {after}"
        " ORDER BY v.seq DESC LIMIT ?",
        (*bindings, *bound, query.count + 1),
    )
    versions = tuple(_stored(connection, names, row) for row in rows[: query.count])
    return HistoryPage(versions, versions[-1].sequence if len(rows) > query.count else None, total)


def _total(connection: apsw.Connection, query: HistoryQuery, where: str, bindings: list[Any]) -> int:
    """Counted as versions are written; only a part of the time or one resource has to be counted now."""
    if query.logical_id is not None or query.since is not None or query.at is not None:
        return int(fetch(connection, f"SELECT count(*) FROM version v WHERE {where}", bindings)[0][0])
    counted = {name: int(versions) for name, versions in fetch(connection, "SELECT name, versions FROM resource_type")}
    if query.resource_type is not None:
        return counted.get(query.resource_type, 0)
    return sum(counted[name] for name in counted if query.resource_types is None or name in query.resource_types)


def _stored(connection: apsw.Connection, names: Names, row: tuple[Any, ...]) -> Stored:
    sequence, version_id, last_updated, method, body, type_id, logical_id, patient = row
    kind = names.type_name(connection, type_id)
    return Stored(kind, logical_id, version_id, last_updated, body, method, sequence, patient)


def _where(connection: apsw.Connection, names: Names, query: HistoryQuery) -> tuple[str, list[Any]]:
    terms, bindings = ["1"], list[Any]()

    def term(sql: str, *values: Any) -> None:
        terms.append(sql)
        bindings.extend(values)

    if query.logical_id is not None and query.resource_type is not None:
        type_id = names.type_id(connection, query.resource_type)
        key = (type_id, query.logical_id)
        term("v.rid = (SELECT rid FROM resource WHERE type_id = ? AND logical_id = ?)", *key)
    elif query.resource_type is not None:
        term("v.type_id = ?", names.type_id(connection, query.resource_type))
    elif query.resource_types is not None:
        numbers = [names.type_id(connection, name) for name in sorted(query.resource_types)]
        known = [str(number) for number in numbers if number is not None]
        term(f"+v.type_id IN ({', '.join(known)})")
    if query.since is not None:
        term("v.seq >= ?", first_sequence(connection, query.since))
    if query.at is not None:
        low, high = query.at
        term("v.seq < ?", first_sequence(connection, high))
        term(
            "NOT EXISTS (SELECT 1 FROM version n WHERE n.rid = v.rid AND n.version_id > v.version_id"
            " AND n.last_updated <= ?)",
            low,
        )
    return " AND ".join(terms), bindings


def first_sequence(connection: apsw.Connection, instant: int) -> int:
    """The first sequence whose instant is not before ``instant``: both grow together, so halving finds it."""
    low, high = fetch(connection, "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) + 1 FROM version")[0]
    while low < high:
        middle = (low + high) // 2
        rows = fetch(connection, "SELECT seq, last_updated FROM version WHERE seq >= ? ORDER BY seq LIMIT 1", (middle,))
        if not rows or rows[0][1] >= instant:
            high = middle
        else:
            low = int(rows[0][0]) + 1
    return int(low)
