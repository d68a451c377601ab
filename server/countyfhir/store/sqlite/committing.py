"""One plan inside the write transaction: its conditions, then its writes, versions, index rows and audit records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from countyfhir.exchange import AuditRecord, Criteria, Plan, Stored, Write, changed
from countyfhir.store import instant
from countyfhir.store.ports import ConditionFailed, ReferencedStill
from countyfhir.store.sqlite import audit_rows
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.names import LITERAL
from countyfhir.store.sqlite.rows import DELETE, INSERT, Row, Shaped, literal_rows, numbered, shape, stored_rows
from countyfhir.store.sqlite.writing import Prepare, Step, Transaction

HOLDERS_NAMED = 20

Finds = Callable[[Transaction, Criteria], frozenset[str]]
"""The logical ids a criteria finds now (at least one more than expected when there are more)."""


@dataclass(slots=True)
class Target:
    """A resource's row and its new index rows (names already numbers; references still name their target)."""

    type_id: int
    tables: dict[str, list[Row]]
    rid: int = 0
    version_id: int = 0
    there: bool = False  # has a current, undeleted version


@dataclass(slots=True)
class _IndexChanges:
    """Index rows to delete and to insert, by table; written in one go for the whole plan."""

    delete: dict[str, list[Row]] = field(default_factory=dict)
    insert: dict[str, list[Row]] = field(default_factory=dict)


def prepared(plan: Plan, definitions: int, finds: Finds) -> Prepare[tuple[Stored, ...]]:
    """The plan in the stages of the writer. ``definitions`` is the version its index entries were made with."""

    def prepare() -> Callable[[Transaction], Step[tuple[Stored, ...]]]:
        _refuse_repeats(plan)
        shapes = [shape(write.entries) for write in plan.writes]

        def number(transaction: Transaction) -> Step[tuple[Stored, ...]]:
            targets = [_target(transaction, write, shaped) for write, shaped in zip(plan.writes, shapes, strict=True)]
            return lambda transaction: _apply(transaction, plan, targets, definitions, finds)

        return number

    return prepare


def _refuse_repeats(plan: Plan) -> None:
    counted = Counter((write.resource_type, write.logical_id) for write in plan.writes)
    repeated = [f"{kind}/{logical_id}" for (kind, logical_id), times in counted.items() if times > 1]
    if repeated:
        raise ValueError(f"a plan writes {repeated[0]} more than once")


def _target(transaction: Transaction, write: Write, shaped: Shaped) -> Target:
    type_id = transaction.names.type_id(write.resource_type)
    tables = numbered(shaped, type_id, transaction.names)
    if write.references:
        tables.setdefault("reference", []).extend(literal_rows(write.references, transaction.names))
    return Target(type_id, tables)


def _apply(
    transaction: Transaction, plan: Plan, targets: list[Target], definitions: int, finds: Finds
) -> tuple[Stored, ...]:
    if plan.writes and transaction.definitions != definitions:
        raise ConditionFailed("definitions", str(transaction.definitions))
    for write, target in zip(plan.writes, targets, strict=True):
        _find(transaction, write, target)
    for criteria in plan.criteria:
        if finds(transaction, criteria) != criteria.logical_ids:
            raise ConditionFailed("criteria", ",".join(criteria.query.resource_types))
    stored = _write_all(transaction, plan, targets)
    for write, target in zip(plan.writes, targets, strict=True):
        if write.unreferenced and target.there:
            _refuse_while_referenced(transaction, write, target)
    audit_rows.insert(transaction.connection, [_with_version(record, stored) for record in plan.audit])
    return stored


def _find(transaction: Transaction, write: Write, target: Target) -> None:
    rows = fetch(
        transaction.connection,
        "SELECT rid, version_id, deleted FROM resource WHERE type_id = ? AND logical_id = ?",
        (target.type_id, write.logical_id),
    )
    if rows:
        target.rid, target.version_id, deleted = rows[0]
        target.there = not deleted
    if write.expected_version is not None and write.expected_version != target.version_id:
        raise ConditionFailed("version", f"{write.resource_type}/{write.logical_id}")


def _write_all(transaction: Transaction, plan: Plan, targets: list[Target]) -> tuple[Stored, ...]:
    rids: dict[tuple[int, str], int] = {}
    stamped = transaction.clock.instant()
    pairs = zip(plan.writes, targets, strict=True)
    stored = tuple(_write_version(transaction, write, target, stamped, rids) for write, target in pairs)
    replace_index(transaction, targets, rids)
    return stored


def replace_index(
    transaction: Transaction, targets: list[Target], rids: dict[tuple[int, str], int] | None = None
) -> int:
    """Make the index rows of the targets those they bring; returns how many targets had others. ``rids``: rows
    known."""
    changes = _IndexChanges()
    changed = sum(
        _change_index(transaction, target, {} if rids is None else rids, changes) for target in targets if target.rid
    )
    connection = transaction.connection
    for table, rows in changes.delete.items():
        connection.executemany(DELETE[table], rows)
    for table, rows in changes.insert.items():
        connection.executemany(INSERT[table], rows)
    return changed


def _write_version(
    transaction: Transaction, write: Write, target: Target, stamped: int, rids: dict[tuple[int, str], int]
) -> Stored:
    connection = transaction.connection
    if write.body is None and not target.there:
        return Stored(write.resource_type, write.logical_id, target.version_id, stamped, None, write.method)
    version_id, sequence = target.version_id + 1, transaction.clock.sequence()
    body = _stamped_body(write, version_id, stamped)
    state = (version_id, sequence, stamped, body is None, write.patient)
    if target.rid:
        connection.execute(
            "UPDATE resource SET version_id = ?, seq = ?, last_updated = ?, deleted = ?, patient = ? WHERE rid = ?",
            (*state, target.rid),
        )
    else:
        connection.execute(
            "INSERT INTO resource(version_id, seq, last_updated, deleted, patient, type_id,"
            " logical_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*state, target.type_id, write.logical_id),
        )
        target.rid = connection.last_insert_rowid()
    rids[target.type_id, write.logical_id] = target.rid
    connection.execute(
        "INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?)",
        (sequence, target.rid, version_id, target.type_id, stamped, write.method, body),
    )
    return Stored(
        write.resource_type, write.logical_id, version_id, stamped, body, write.method, sequence, write.patient
    )


def _stamped_body(write: Write, version_id: int, stamped: int) -> bytes | None:
    if write.body is None:
        return None
    stamp = f'"versionId":"{version_id}","lastUpdated":"{instant.text(stamped)}"'
    return write.body.head + stamp.encode() + write.body.tail


def _change_index(
    transaction: Transaction, target: Target, rids: dict[tuple[int, str], int], changes: _IndexChanges
) -> bool:
    rid = target.rid
    if target.tables.get("reference"):
        rows = [(row[0], _rid(transaction, row[1], rids), row[2]) for row in target.tables["reference"]]
        target.tables["reference"] = list(dict.fromkeys(rows))
    if not target.there:
        for table, rows in target.tables.items():
            changes.insert.setdefault(table, []).extend([(rid, *row) for row in rows])
        return True
    different = False
    for table, before in stored_rows(transaction.connection, rid).items():
        new = {(rid, *row) for row in target.tables.get(table, ())}
        if new != before:
            different = True
            changes.delete.setdefault(table, []).extend(before - new)
            changes.insert.setdefault(table, []).extend(new - before)
    return different


def _rid(transaction: Transaction, key: tuple[int, str], rids: dict[tuple[int, str], int]) -> int:
    """The row of a reference's target; one that was never written gets an empty row (version 0)."""
    known = rids.get(key)
    if known is None:
        connection = transaction.connection
        rows = fetch(connection, "SELECT rid FROM resource WHERE type_id = ? AND logical_id = ?", key)
        if not rows:
            connection.execute(
                "INSERT INTO resource(type_id, logical_id, version_id, deleted) VALUES (?, ?, 0, 1)", key
            )
        known = rids[key] = rows[0][0] if rows else connection.last_insert_rowid()
    return known


def _refuse_while_referenced(transaction: Transaction, write: Write, target: Target) -> None:
    rows = fetch(
        transaction.connection,
        "SELECT t.name || '/' || r.logical_id FROM reference f JOIN resource r ON r.rid = f.rid"
        " JOIN resource_type t ON t.type_id = r.type_id"
        f" WHERE f.parameter_id = {LITERAL} AND f.target_rid = ? AND f.rid <> ? LIMIT {HOLDERS_NAMED}",
        (target.rid, target.rid),
    )
    if rows:
        subject = f"{write.resource_type}/{write.logical_id}"
        raise ReferencedStill(subject, tuple(sorted(holder for (holder,) in rows)))


def _with_version(record: AuditRecord, stored: tuple[Stored, ...]) -> AuditRecord:
    """The record of a write names the version it made, which only the commit knows."""
    if record.version_id is None and record.logical_id is not None:
        for version in stored:
            if (version.resource_type, version.logical_id) == (record.resource_type, record.logical_id):
                return changed(record, version_id=str(version.version_id))
    return record
