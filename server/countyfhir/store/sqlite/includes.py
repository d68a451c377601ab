"""What a search page brings along: _include and _revinclude, each resource once, never a match (R4 section
3.1.1.5.4)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import apsw

from countyfhir.exchange import Grant
from countyfhir.search import entries as kinds
from countyfhir.search.elements import CANONICAL
from countyfhir.search.query import Include
from countyfhir.search.references import CANONICAL_NAME
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.names import Names
from countyfhir.store.sqlite.selecting import granted
from countyfhir.store.sqlite.sql import Looked, Scope, all_of

ROUNDS = 12
"""How deep ``:iterate`` follows; deeper chains do not occur in R4 data, circular ones end by themselves."""


@dataclass(slots=True)
class Included:
    """What was brought along: rows in the order found; ``truncated`` names the includes that were cut."""

    limit: int
    rids: dict[int, None] = field(default_factory=dict)
    truncated: dict[str, None] = field(default_factory=dict)


def included(
    connection: apsw.Connection,
    names: Names,
    matches: Iterable[int],
    includes: tuple[Include, ...],
    grant: Grant,
    limit: int,
) -> Included:
    """Resources that the includes lead to and the grant lets the caller see."""
    found, seen = Included(limit), dict.fromkeys(matches)
    everything = dict(seen)
    frontier = list(seen)
    for round_number in range(ROUNDS):
        active = [include for include in includes if round_number == 0 or include.iterate]
        fresh: dict[int, None] = {}
        for include in active:
            reached = _reached(connection, names, include, frontier)
            unseen = [rid for rid in dict.fromkeys(reached) if rid not in everything and rid not in fresh]
            visible = visible_rids(connection, names, unseen, grant)
            _take(found, include, [rid for rid in unseen if rid in visible], fresh)
        if not fresh:
            break
        everything.update(fresh)
        frontier = list(fresh)
    return found


def _take(found: Included, include: Include, rids: list[int], fresh: dict[int, None]) -> None:
    room = found.limit - len(found.rids)
    if len(rids) > room:
        found.truncated[f"{include.source_type}:{include.parameter}"] = None
    for rid in rids[: max(room, 0)]:
        found.rids[rid] = fresh[rid] = None


BY_REFERENCE = (
    "SELECT f.target_rid FROM json_each(?) s"
    " CROSS JOIN reference f ON f.rid = s.value AND {plus}f.parameter_id IN ({parameters})"
    " CROSS JOIN resource t ON t.rid = f.target_rid AND t.deleted = 0 {typed}"
)
"""``plus`` "+": all references of a resource are read, rather than each of many parameters looked up."""
BY_REFERENCE_BACK = (
    "SELECT f.rid FROM json_each(?) s CROSS JOIN resource t ON t.rid = s.value {typed}"
    " CROSS JOIN reference f ON f.target_rid = t.rid AND f.parameter_id IN ({parameters})"
)
BY_CANONICAL = (
    "SELECT u.rid FROM json_each(?) s"
    " CROSS JOIN uri c ON c.rid = s.value AND c.parameter_id IN ({parameters}) AND c.value <> ''"
    " CROSS JOIN parameter p ON p.name = '{known}' AND p.kind = {uri}"
    " CROSS JOIN uri u ON u.parameter_id = p.parameter_id AND u.value = c.value"
    " CROSS JOIN resource t ON t.rid = u.rid AND t.deleted = 0 {typed}"
)
BY_CANONICAL_BACK = (
    "SELECT c.rid FROM json_each(?) s CROSS JOIN resource t ON t.rid = s.value {typed}"
    " CROSS JOIN parameter p ON p.type_id = t.type_id AND p.name = '{known}' AND p.kind = {uri}"
    " CROSS JOIN uri u ON u.rid = t.rid AND u.parameter_id = p.parameter_id AND u.value <> ''"
    " CROSS JOIN uri c ON c.parameter_id IN ({parameters}) AND c.value = u.value"
)
_WAYS = {
    (kinds.REFERENCE, False): BY_REFERENCE,
    (kinds.REFERENCE, True): BY_REFERENCE_BACK,
    (kinds.URI, False): BY_CANONICAL,
    (kinds.URI, True): BY_CANONICAL_BACK,
}
"""By literal reference, and by canonical: the resource of that url, and of that version where one is named. A
parameter may hold both."""


CURRENT = "SELECT r.rid, r.type_id FROM json_each(?) s CROSS JOIN resource r ON r.rid = s.value WHERE r.deleted = 0"


def _reached(connection: apsw.Connection, names: Names, include: Include, frontier: list[int]) -> list[int]:
    target = names.type_id(connection, include.target_type) if include.target_type else None
    if not frontier or (include.target_type and target is None):
        return []
    listed, typed = json.dumps(frontier), f"AND t.type_id = {target}" if target else ""
    reached: list[int] = []
    for kind in (kinds.REFERENCE, kinds.URI):
        parameters = ", ".join(map(str, _parameters(connection, names, include, kind)))
        if parameters:
            way, plus = _WAYS[kind, include.reverse], "+" if include.parameter == "*" else ""
            sql = way.format(parameters=parameters, typed=typed, uri=kinds.URI, known=CANONICAL_NAME, plus=plus)
            reached += [rid for (rid,) in fetch(connection, sql, (listed,))]
    return reached


def _parameters(connection: apsw.Connection, names: Names, include: Include, kind: int) -> list[int]:
    if include.source_type == "*":
        return _of_every_type(connection, kind)
    type_id = names.type_id(connection, include.source_type)
    if type_id is None:
        return []
    if include.parameter != "*":
        name = include.parameter + (CANONICAL if kind == kinds.URI else "")
        parameter = names.parameter_id(connection, type_id, name, kind)
        return [] if parameter is None else [parameter]
    if kind != kinds.REFERENCE:
        return []
    sql = "SELECT parameter_id FROM parameter WHERE type_id = ? AND kind = ? AND name GLOB '[a-z]*'"
    sql += " AND instr(name, '$') + instr(name, ':') = 0"
    return [int(number) for (number,) in fetch(connection, sql, (type_id, kind))]


def _of_every_type(connection: apsw.Connection, kind: int) -> list[int]:
    """All reference parameters: ``_revinclude=*`` and ``_include:iterate=*`` name no type."""
    if kind != kinds.REFERENCE:
        return []
    sql = "SELECT parameter_id FROM parameter WHERE kind = ? AND name GLOB '[a-z]*'"
    sql += " AND instr(name, '$') + instr(name, ':') = 0"
    return [int(number) for (number,) in fetch(connection, sql, (kind,))]


def visible_rids(connection: apsw.Connection, names: Names, rids: list[int], grant: Grant) -> set[int]:
    """Those of the current, undeleted resources that the grant lets the caller see."""
    if not rids:
        return set()
    by_type: dict[int, list[int]] = {}
    for rid, type_id in fetch(connection, CURRENT, (json.dumps(rids),)):
        by_type.setdefault(type_id, []).append(rid)
    visible: set[int] = set()
    looked = Looked()
    for type_id, current in by_type.items():
        scope = Scope(connection, names, names.type_name(connection, type_id), type_id, looked=looked)
        terms = granted(scope, grant)
        if terms:
            where = all_of(term.probe("s.value") for term in terms)
            sql = f"SELECT s.value FROM json_each(?) s WHERE {where.text}"
            visible.update(rid for (rid,) in fetch(connection, sql, (json.dumps(current), *where.bindings)))
        elif terms is not None:
            visible.update(current)
    return visible
