"""Making index entries anew after search parameters changed: batch by batch beside running writers, resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import apsw

from countyfhir.store.ports import ConditionFailed, Extract, Reindexed
from countyfhir.store.sqlite.committing import Target, replace_index
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.names import Names
from countyfhir.store.sqlite.rows import Group, numbered, shape
from countyfhir.store.sqlite.writing import Step, Transaction

BATCH = (
    "SELECT r.rid, r.seq, r.type_id, v.body FROM resource r JOIN version v ON v.seq = r.seq"
    " WHERE r.rid > ? AND r.deleted = 0 {typed} ORDER BY r.rid LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class _Fresh:
    """New index entries of one resource, and the version they were made from."""

    rid: int
    sequence: int
    type_id: int
    groups: list[Group]


@dataclass(frozen=True, slots=True)
class Batch:
    """The resources of one batch; ``after`` is where the next one begins, None when this was the last."""

    resources: tuple[_Fresh, ...]
    after: int | None


def read_batch(
    connection: apsw.Connection, names: Names, extract: Extract, kinds: Iterable[str] | None, after: int, count: int
) -> Batch:
    """The next resources, their entries made anew."""
    numbers = None if kinds is None else [names.type_id(connection, kind) for kind in kinds]
    listed = "" if numbers is None else ", ".join(str(number) for number in numbers if number is not None)
    typed = "" if numbers is None else f"AND r.type_id IN ({listed})"
    rows = fetch(connection, BATCH.format(typed=typed), (after, count))
    made = []
    for rid, sequence, type_id, body in rows:
        entries, references = extract(names.type_name(connection, type_id), body)
        made.append(_Fresh(rid, sequence, type_id, shape(entries, references)))
    return Batch(tuple(made), rows[-1][0] if len(rows) == count else None)


def writing(batch: Batch, definitions: int) -> Callable[[], Callable[[Transaction], Step[Reindexed]]]:
    """The batch in the stages of the writer. What was written meanwhile has newer entries and is left alone;
    ConditionFailed when the entries were made with other than the present definitions."""

    def number(transaction: Transaction) -> Step[Reindexed]:
        targets = [_target(transaction, fresh) for fresh in batch.resources]
        return lambda transaction: _write(transaction, batch, targets, definitions)

    return lambda: number


def _target(transaction: Transaction, fresh: _Fresh) -> Target:
    tables = numbered(fresh.groups, fresh.rid, fresh.type_id, transaction.names)
    return Target(fresh.type_id, fresh.rid, tables, there=True)


def _write(transaction: Transaction, batch: Batch, targets: list[Target], definitions: int) -> Reindexed:
    if transaction.definitions != definitions:
        raise ConditionFailed("definitions", str(transaction.definitions))
    current = []
    for fresh, target in zip(batch.resources, targets, strict=True):
        rows = fetch(transaction.connection, "SELECT seq FROM resource WHERE rid = ? AND deleted = 0", (fresh.rid,))
        if rows and rows[0][0] == fresh.sequence:
            current.append(target)
    return Reindexed(len(targets), replace_index(transaction, current), batch.after)
