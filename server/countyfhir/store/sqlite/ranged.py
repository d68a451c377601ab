"""Dates, numbers, quantities and instants of versions: ranges compared as the prefix says (R4 section 3.1.1.4.4
ff.)."""

from __future__ import annotations

from typing import Any

from countyfhir.search import entries as kinds
from countyfhir.search.query import DateIs, LastUpdatedIs, Near, NumberIs
from countyfhir.search.ranges import DATE_RULES, NUMBER_RULES, Comparison, Rule
from countyfhir.store.sqlite.rows import given, is_given
from countyfhir.store.sqlite.sql import IMPOSSIBLE, Scope, Sql, Term, any_of, either, indexed, joined

_SIDES = {"low": 0, "high": 1000}
"""An instant is kept in whole milliseconds: as a range it ends a millisecond later."""


def date(scope: Scope, predicate: DateIs) -> Term:
    parameter = scope.parameter(predicate.parameter, kinds.DATE)
    if parameter is None:
        return IMPOSSIBLE
    values = {"LOW": predicate.low, "HIGH": predicate.high}
    return _ranged(scope, "date", Sql("parameter_id = ?", (parameter,)), DATE_RULES[predicate.prefix], values)


def number(scope: Scope, predicate: NumberIs) -> Term:
    parameter = scope.parameter(predicate.parameter, kinds.QUANTITY)
    if parameter is None:
        return IMPOSSIBLE
    values = {"LOW": predicate.low, "EXACT": predicate.exact, "HIGH": predicate.high}
    unit = predicate.unit or ""
    if is_given(unit):
        fixed = Sql("parameter_id = ? AND unit = '' AND instr(given, ?)", (parameter, given([unit])))
    else:
        fixed = Sql("parameter_id = ? AND unit = ?", (parameter, unit))
    return _ranged(scope, "number", fixed, NUMBER_RULES[predicate.prefix], values)


def near(scope: Scope, predicate: Near) -> Term:
    """Latitudes of the box lead, longitudes are probed, and what lies in it is measured."""
    sides = [scope.parameter(predicate.parameter + side, kinds.QUANTITY) for side in ("$latitude", "$longitude")]
    if None in sides:
        return IMPOSSIBLE
    between = Sql("parameter_id = ? AND unit = '' AND key BETWEEN ? AND ?", (sides[0], *predicate.latitudes))
    within = " OR ".join(["o.key BETWEEN ? AND ?"] * len(predicate.longitudes))
    bounds = tuple(bound for each in predicate.longitudes for bound in each)
    other = Sql(
        "EXISTS (SELECT 1 FROM number o WHERE o.rid = number.rid AND o.parameter_id = ? AND o.unit = ''"
        f" AND ({within}) AND is_within(number.key, o.key, ?, ?, ?))",
        (sides[1], *bounds, predicate.latitude, predicate.longitude, predicate.metres),
    )
    return indexed(scope, "number", joined(" AND ", [between, other]))


def _ranged(scope: Scope, table: str, fixed: Sql, rule: Rule, values: dict[str, Any]) -> Term:
    """Rows whose sides compare as the rule says: a disjunction, one select each."""
    compared = [_compared(conjunction, values) for conjunction in rule]
    probed = [_compared(conjunction, values, "+") for conjunction in rule]
    found_by, probed_by = (joined(" AND ", [fixed, any_of(map(_bracketed, each))]) for each in (compared, probed))
    wheres = [joined(" AND ", [fixed, condition]) for condition in compared]
    return Term(
        indexed(scope, table, probed_by).probe,
        tuple(Sql(f"SELECT rid FROM {table} WHERE {where.text}", where.bindings) for where in wheres),
        rows=(table, found_by, probed_by),
    )


def _compared(conjunction: tuple[Comparison, ...], values: dict[str, Any], plus: str = "") -> Sql:
    """The comparisons. ``plus`` "+" keeps SQLite from looking up by them: a probe is looked up by its resource, where
    SQLite would rather walk through all that lies on the right side of one bound, for every resource anew."""
    pieces = [Sql(f"{plus}{side} {sign} ?", (values[value],)) for side, sign, value in conjunction]
    if [(side, sign) for side, sign, _ in conjunction] == [("low", ">="), ("high", "<=")]:
        pieces.append(Sql(f"{plus}low < ?", (values["HIGH"],)))  # follows from both: bounds the walk of the index
    return joined(" AND ", pieces)


def _bracketed(condition: Sql) -> Sql:
    return Sql(f"({condition.text})", condition.bindings)


def last_updated(scope: Scope, predicate: LastUpdatedIs) -> Term:
    """Resources last changed in, before or after a period."""
    fixed = Sql(f"type_id = {scope.type_id} AND deleted = 0")
    values = {"LOW": predicate.low, "HIGH": predicate.high}
    alternatives = []
    for conjunction in DATE_RULES[predicate.prefix]:
        compared = [Sql(f"last_updated {sign} ?", (values[value] - _SIDES[side],)) for side, sign, value in conjunction]
        alternatives.append(indexed(scope, "resource", joined(" AND ", [fixed, *compared])))
    return either(alternatives)
