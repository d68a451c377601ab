"""Index ranges that yield the matches of one type in the order of the first sort key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from countyfhir.search.query import Sort
from countyfhir.store.sqlite.predicates import systems_of
from countyfhir.store.sqlite.sort_keys import OWN, TABLES, Cursor, after, column_of, holds_key, key_of, numbers_of
from countyfhir.store.sqlite.sql import Scope, Sql, Term, all_of, joined

ARMS_WALKED = 24
"""Token systems whose index ranges are merged; a parameter with more is sorted."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One range of an index that yields the first key in order: its table, condition and key column. A resource that
    other arms (by their parameters, ``rivals``) yield, too, is yielded by the first one with the key that counts."""

    table: str
    where: Sql
    column: str
    rivals: Callable[[str], Sql] | None = None


def arm_select(scope: Scope, terms: Sequence[Term], arm: Arm, sort: tuple[Sort, ...], cursor: Cursor | None) -> Sql:
    """The matches that one range yields, behind the cursor."""
    alias = scope.alias()
    rid = f"{alias}.rid"
    first = Sql(f"{alias}.{arm.column}")
    keys = [first, *(key_of(scope, key, rid) for key in sort[1:])]
    bounds = []
    if cursor:
        bounds.append(Sql(f"{first.text} {'<=' if sort[0].descending else '>='} ?", (cursor[0],)))
        bounds.append(after(keys, sort, cursor, rid, sort[0].descending))
    first_of_all = [arm.rivals(alias)] if arm.rivals else []
    where = all_of([arm.where, *first_of_all, *bounds, *(term.probe(rid) for term in terms)])
    chosen = joined(", ", [*keys, Sql(rid)])
    return Sql(f"SELECT {chosen.text} FROM {arm.table} {alias} WHERE {where.text}", chosen.bindings + where.bindings)


def arms_of(scope: Scope, sort: Sort) -> list[Arm] | None:
    """The index ranges that are in the order of the key; None when there is no such order."""
    if sort.parameter in OWN:
        return [Arm("resource", Sql(f"type_id = {scope.type_id} AND deleted = 0"), OWN[sort.parameter])]
    if sort.kind not in TABLES:
        return None
    numbers = numbers_of(scope, sort)
    arms = [arm for place in range(len(numbers)) for arm in _arms_by(scope, sort, numbers, place)]
    return arms if len(arms) <= ARMS_WALKED else None


def _arms_by(scope: Scope, sort: Sort, numbers: list[int], place: int) -> list[Arm]:
    """The ranges of one of the parameters that are sorted by."""
    fixed = f"parameter_id = {numbers[place]} AND {holds_key(sort)}"
    rivals = _rivals(sort, numbers, place) if len(numbers) > 1 else None
    if sort.kind != "token":
        return [Arm(TABLES[sort.kind], Sql(fixed), column_of(sort), rivals)]
    systems = systems_of(scope, numbers[place])
    return [Arm("token", Sql(f"{fixed} AND system_id = {system}"), "code", rivals) for system in systems]


def _rivals(sort: Sort, numbers: list[int], place: int) -> Callable[[str], Sql]:
    """That no other of the parameters has a key of the resource that goes before, nor an earlier one the same key."""
    before, column = ">" if sort.descending else "<", column_of(sort)

    def first_of_all(alias: str) -> Sql:
        said = [
            f"NOT EXISTS (SELECT 1 FROM {TABLES[sort.kind]} o WHERE o.rid = {alias}.rid AND o.parameter_id = {other}"
            f" AND {holds_key(sort, 'o.')} AND +o.{column} {before}{'=' if number < place else ''} {alias}.{column})"
            for number, other in enumerate(numbers)
            if number != place
        ]
        return Sql(" AND ".join(said))

    return first_of_all
