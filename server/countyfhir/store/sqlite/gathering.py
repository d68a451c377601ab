"""Every match of a query at once, with what counting needs of it: ids and index values in bulk, not resource by
resource."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence

import apsw

from countyfhir.search import entries as kinds
from countyfhir.search.query import Query
from countyfhir.store.ports import Gathered, Gathering, Row
from countyfhir.store.sqlite import sorting
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.names import Names
from countyfhir.store.sqlite.search import searched_types
from countyfhir.store.sqlite.selecting import rids, select
from countyfhir.store.sqlite.sql import Scope, Term

AT_A_TIME = 20_000
"""Matches that one statement reads."""
LAST_COMMIT = "SELECT last_updated FROM version ORDER BY seq DESC LIMIT 1"
PLAIN = (
    "SELECT r.rid, r.logical_id, r.patient FROM json_each(?) s CROSS JOIN resource r ON r.rid = s.value ORDER BY s.key"
)
WITH_BODY = (
    "SELECT r.rid, r.logical_id, r.patient, v.body FROM json_each(?) s CROSS JOIN resource r ON r.rid = s.value"
    " CROSS JOIN version v ON v.seq = r.seq ORDER BY s.key"
)
TARGETS = (
    "SELECT s.value, t.name || '/' || r.logical_id FROM json_each(?) s"
    " CROSS JOIN reference f ON f.rid = s.value AND f.parameter_id = ?"
    " CROSS JOIN resource r ON r.rid = f.target_rid CROSS JOIN resource_type t ON t.type_id = r.type_id"
)


def gathered(connection: apsw.Connection, names: Names, wanted: Sequence[Gathering]) -> Gathered:
    """All answers, from the snapshot of the connection."""
    last = fetch(connection, LAST_COMMIT)
    answers = tuple(_matches(connection, names, one) for one in wanted)
    return Gathered(int(last[0][0]) if last else 0, answers)


def _matches(connection: apsw.Connection, names: Names, wanted: Gathering) -> list[Row]:
    found: list[Row] = []
    for scope, terms in searched_types(connection, names, wanted.query, wanted.grant):
        numbers = _numbers(scope, terms, wanted.query)
        for start in range(0, len(numbers), AT_A_TIME):
            found += _rows(scope, wanted, numbers[start : start + AT_A_TIME])
    return found


def _numbers(scope: Scope, terms: list[Term], query: Query) -> list[int]:
    """The ``rid`` of each match, in the order asked for."""
    if query.sort:
        return [row[-1] for row in sorting.page(scope, terms, query.sort, None, sys.maxsize)]
    selection = select(scope, terms, whole=True)
    if selection is None:
        return []
    text, bindings = rids(selection)
    numbers = [number for (number,) in fetch(scope.connection, text, bindings)]
    return sorted(numbers if selection.once else set(numbers))


def _rows(scope: Scope, wanted: Gathering, numbers: list[int]) -> list[Row]:
    listed = f"[{','.join(map(str, numbers))}]"
    towards = _targets(scope, wanted.towards, listed) if wanted.towards else {}
    shape = wanted.shape
    if shape is None:
        plain = fetch(scope.connection, PLAIN, (listed,))
        return [(logical_id, patient, towards.get(rid, ()), None) for rid, logical_id, patient in plain]
    rows = fetch(scope.connection, WITH_BODY, (listed,))
    return [(logical_id, patient, towards.get(rid, ()), shape(body)) for rid, logical_id, patient, body in rows]


def _targets(scope: Scope, parameter: str, listed: str) -> dict[int, tuple[str, ...]]:
    number = scope.parameter(parameter, kinds.REFERENCE)
    if number is None:
        return {}
    found: dict[int, list[str]] = defaultdict(list)
    for rid, target in fetch(scope.connection, TARGETS, (listed, number)):
        found[rid].append(target)
    return {rid: tuple(targets) for rid, targets in found.items()}
