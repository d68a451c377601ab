"""Search predicates as SQL terms: one function a predicate, one table to look it up (DESIGN decision 6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from countyfhir.search import entries as kinds
from countyfhir.search.normalise import normalise
from countyfhir.search.query import (
    CodeStarts,
    CompositeIs,
    DateIs,
    FullText,
    IdIs,
    InCompartment,
    LastUpdatedIs,
    Missing,
    Near,
    NumberIs,
    OfType,
    OwnBy,
    ReferenceIs,
    ReferenceWithin,
    SeenBy,
    StringIs,
    TokenIn,
    TokenIs,
    Unlabelled,
    UriIs,
)
from countyfhir.store.sqlite import leading
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.full_text import full_text
from countyfhir.store.sqlite.ranged import date, last_updated, near, number
from countyfhir.store.sqlite.references import in_compartment, reference, uri, within
from countyfhir.store.sqlite.rows import TABLE_OF_KIND
from countyfhir.store.sqlite.seen import own_by, seen_by
from countyfhir.store.sqlite.sql import (
    CERTAIN,
    IMPOSSIBLE,
    MERGED,
    Scope,
    Sql,
    Term,
    either,
    indexed,
    joined,
    negated,
    unfindable,
)

Compile = Callable[[Scope, Any], Term]

Rows = tuple[str, Sql, Sql]
"""Rows of one index table: its name, the condition to find them by and to probe by."""

LAST = "\U0010ffff"
"""Sorts after every continuation of a prefix."""


def _token(scope: Scope, predicate: TokenIs) -> Term:
    parameter = scope.parameter(predicate.parameter, kinds.TOKEN)
    if parameter is None:
        return IMPOSSIBLE
    if predicate.system is None:
        return _token_of_any_system(scope, parameter, predicate.code)
    system = scope.names.system_id(scope.connection, predicate.system)
    if system is None:
        return IMPOSSIBLE
    if predicate.code is None:
        return indexed(scope, "token", Sql("parameter_id = ? AND system_id = ?", (parameter, system)))
    where = Sql("parameter_id = ? AND system_id = ? AND code = ?", (parameter, system, predicate.code))
    return indexed(scope, "token", where, ordered=True)


def _token_of_any_system(scope: Scope, parameter: int, code: str | None) -> Term:
    if code is None:
        return indexed(scope, "token", Sql("parameter_id = ?", (parameter,)))
    systems = systems_of(scope, parameter)
    if len(systems) == 1:
        return indexed(
            scope,
            "token",
            Sql("parameter_id = ? AND system_id = ? AND code = ?", (parameter, systems[0], code)),
            ordered=True,
        )
    listed = ", ".join(map(str, systems))
    whole = indexed(
        scope, "token", Sql(f"parameter_id = ? AND system_id IN ({listed}) AND code = ?", (parameter, code))
    )
    if len(systems) > MERGED:
        return whole
    one = "SELECT rid FROM token WHERE parameter_id = ? AND system_id = ? AND code = ?"
    each = tuple(Sql(one, (parameter, system, code)) for system in systems)
    return Term(whole.probe, each, each, rows=whole.rows)


def _token_in(scope: Scope, predicate: TokenIn) -> Term:
    """One look-up a code system, however many codes: they travel as one JSON array."""
    parameter = scope.parameter(predicate.parameter, kinds.TOKEN)
    if parameter is None:
        return IMPOSSIBLE
    occurring = frozenset(systems_of(scope, parameter))
    numbers = {url: _number(scope, url) for url in {*predicate.systems, *(url for url, _ in predicate.pairs)}}
    whole = {numbers[url] for url in predicate.systems} & occurring
    codes: dict[int, list[str]] = {}
    for url, code in predicate.pairs:
        if numbers[url] in occurring and numbers[url] not in whole:
            codes.setdefault(numbers[url], []).append(code)
    terms = [indexed(scope, "token", Sql("parameter_id = ? AND system_id = ?", (parameter, each))) for each in whole]
    return either(terms + [_codes(scope, parameter, system, listed) for system, listed in codes.items()])


def _number(scope: Scope, system: str) -> int:
    """The number of a token system; -1 when it never occurred."""
    found = scope.names.system_id(scope.connection, system)
    return -1 if found is None else found


def _codes(scope: Scope, parameter: int, system: int, codes: list[str]) -> Term:
    """Found by a look-up for each code; probed by a look at the resource's own (the plus keeps SQLite from trying
    each code on each resource)."""
    listed, own = json.dumps(codes), (parameter, system)
    where = Sql("parameter_id = ? AND system_id = ? AND +code IN (SELECT value FROM json_each(?))", (*own, listed))
    found = Sql(
        "SELECT k.rid FROM json_each(?) j CROSS JOIN token k"
        " ON k.parameter_id = ? AND k.system_id = ? AND k.code = j.value",
        (listed, *own),
    )
    probed = indexed(scope, "token", where)
    return Term(probed.probe, (found,), rows=probed.rows)


def _code_starts(scope: Scope, predicate: CodeStarts) -> Term:
    """Ranges of the index that begin with the first letter in either case, folded and compared."""
    parameter = scope.parameter(predicate.parameter, kinds.TOKEN)
    if parameter is None:
        return IMPOSSIBLE
    listed, value = ", ".join(map(str, systems_of(scope, parameter))), predicate.value
    where = f"parameter_id = ? AND system_id IN ({listed}) AND code >= ? AND code < ? AND lower(substr(code, 1, ?)) = ?"
    firsts = dict.fromkeys((value[:1], value[:1].upper() if value[:1].isascii() else value[:1]))
    return either(
        [indexed(scope, "token", Sql(where, (parameter, each, each + LAST, len(value), value))) for each in firsts]
    )


def systems_of(scope: Scope, parameter: int) -> list[int]:
    """The token systems that occur (or occurred) under a parameter."""
    rows = fetch(scope.connection, "SELECT system_id FROM parameter_system WHERE parameter_id = ?", (parameter,))
    return [int(system) for (system,) in rows]


def _string(scope: Scope, predicate: StringIs) -> Term:
    parameter = scope.parameter(predicate.parameter, kinds.STRING)
    if parameter is None:
        return IMPOSSIBLE
    value = predicate.value
    if predicate.match == "exact":
        where = Sql("parameter_id = ? AND norm = ? AND original = ?", (parameter, normalise(value), value))
        return indexed(scope, "string", where)
    if predicate.match == "equals":
        return indexed(scope, "string", Sql("parameter_id = ? AND norm = ?", (parameter, value)))
    if predicate.match == "ends":
        where = Sql("parameter_id = ? AND substr(norm, ?) = ?", (parameter, -len(value), value))
        return indexed(scope, "string", where, scans=True)
    if predicate.match == "contains":
        return indexed(scope, "string", Sql("parameter_id = ? AND instr(norm, ?)", (parameter, value)), scans=True)
    return indexed(
        scope, "string", Sql("parameter_id = ? AND norm >= ? AND norm < ?", (parameter, value, value + LAST))
    )


def _composite(scope: Scope, predicate: CompositeIs) -> Term:
    """Component entries of one element: the rows of all parts share their resource and their part number. The part with
    the fewest rows leads, unless all have many and one of them comes in order."""
    terms = [SIMPLE[type(part)](scope, part) for part in predicate.parts]
    rows = [term.rows for term in terms if term.rows is not None]
    if not rows or len(rows) < len(terms):
        return IMPOSSIBLE
    choices = [
        (Sql(f"SELECT rid FROM {table} WHERE {found_by.text}", found_by.bindings),) for table, found_by, _ in rows
    ]
    in_order = next((place for place, term in enumerate(terms) if term.once), None)
    least = leading.least(scope, choices)
    lead = least.place if least else in_order or 0
    table, _, probed_by = rows[lead]
    probed = joined(" AND ", [probed_by, *_same_part(rows, lead)])

    def probe(rid: str) -> Sql:
        return Sql(f"EXISTS (SELECT 1 FROM {table} AS c WHERE c.rid = {rid} AND {probed.text})", probed.bindings)

    walks = () if in_order is None else (_led_by(rows, in_order),)
    return Term(probe, walks if lead == in_order else (_led_by(rows, lead),), walks)


def _led_by(rows: list[Rows], lead: int) -> Sql:
    """The resources with rows of all parts for one element, found by those of one part."""
    table, found_by, _ = rows[lead]
    found = joined(" AND ", [found_by, *_same_part(rows, lead)])
    return Sql(f"SELECT rid FROM {table} AS c WHERE {found.text}", found.bindings)


def _same_part(rows: list[Rows], lead: int) -> list[Sql]:
    """That the element of the leading row has rows of the other parts, too."""
    return [
        Sql(f"EXISTS (SELECT 1 FROM {other} WHERE rid = c.rid AND part = c.part AND {where.text})", where.bindings)
        for place, (other, _, where) in enumerate(rows)
        if place != lead
    ]


def _missing(scope: Scope, predicate: Missing) -> Term:
    """Present when any table has a row of the parameter; there is no list of those that lack it."""
    found = [
        _present(scope, kind, number)
        for kind in _KINDS_KEPT
        if (number := scope.parameter(predicate.parameter, kind)) is not None
    ]
    if not predicate.missing:
        return either(found)
    return negated(either(found))


def _present(scope: Scope, kind: int, parameter: int) -> Term:
    """Any row of the parameter. References are indexed by their target, so none lists those of one parameter."""
    term = indexed(scope, TABLE_OF_KIND[kind], Sql("parameter_id = ?", (parameter,)))
    return unfindable(term) if kind == kinds.REFERENCE else term


def _id(scope: Scope, predicate: IdIs) -> Term:
    marks = ", ".join("?" * len(predicate.logical_ids))
    own = f"type_id = {scope.type_id} AND +deleted = 0"  # else SQLite walks the type by an index that ends in rid
    where = Sql(f"{own} AND logical_id IN ({marks})", tuple(predicate.logical_ids))
    return indexed(scope, "resource", where)


_KINDS_KEPT = (kinds.TOKEN, kinds.STRING, kinds.REFERENCE, kinds.DATE, kinds.QUANTITY, kinds.URI)

SIMPLE: dict[type[Any], Compile] = {
    TokenIs: _token,
    TokenIn: _token_in,
    CodeStarts: _code_starts,
    StringIs: _string,
    ReferenceIs: reference,
    ReferenceWithin: within,
    DateIs: date,
    NumberIs: number,
    UriIs: uri,
    FullText: full_text,
    Near: near,
    CompositeIs: _composite,
    Missing: _missing,
    IdIs: _id,
    LastUpdatedIs: last_updated,
    InCompartment: in_compartment,
    SeenBy: seen_by,
    OwnBy: own_by,
    Unlabelled: lambda scope, asked: negated(_token_in(scope, TokenIn("_security", frozenset(), asked.codes))),
    OfType: lambda scope, predicate: CERTAIN if scope.type_name == predicate.resource_type else IMPOSSIBLE,
}
"""Predicates about one resource; those that lead to others stand in ``selecting``."""
