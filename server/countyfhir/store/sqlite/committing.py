"""One plan inside the write transaction: its conditions, then its writes, versions, index rows and audit records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from countyfhir.exchange import Criteria, Plan, Stored, Write
from countyfhir.search.relations import AUTHOR
from countyfhir.store import instant
from countyfhir.store.audit_groups import with_versions
from countyfhir.store.authors import authored
from countyfhir.store.ports import ConditionFailed, ReferencedStill
from countyfhir.store.sqlite.connecting import fetch
from countyfhir.store.sqlite.intake import remember
from countyfhir.store.sqlite.outbox import register
from countyfhir.store.sqlite.rows import SELECT, Group, Row, numbered, shape, stored_rows
from countyfhir.store.sqlite.writing import Prepare, Step, Transaction

HOLDERS_NAMED = 20

Finds = Callable[[Transaction, Criteria], frozenset[str]]
"""The logical ids a criteria finds now (at least one more than expected when there are more)."""


@dataclass(slots=True)
class Target:
    """A resource's row and its new index rows (names already numbers; references still name their target)."""

    type_id: int
    rid: int
    tables: dict[str, list[Row]]
    version_id: int = 0
    there: bool = False  # has a current, undeleted version
    known: bool = True  # has a row in the table of resources


def prepared(plan: Plan, definitions: int, finds: Finds) -> Prepare[tuple[Stored, ...]]:
    """The plan in the stages of the writer. ``definitions`` is the version its index entries were made with."""

    def prepare() -> Callable[[Transaction], Step[tuple[Stored, ...]]]:
        _refuse_repeats(plan)
        shapes = [_groups(write) for write in plan.writes]

        def number(transaction: Transaction) -> Step[tuple[Stored, ...]]:
            targets = [_target(transaction, write, groups) for write, groups in zip(plan.writes, shapes, strict=True)]
            return lambda transaction: _apply(transaction, plan, targets, definitions, finds)

        return number

    return prepare


def _groups(write: Write) -> list[Group]:
    """The rows of a write by kind and parameter."""
    if write.shape is None:
        return shape((*write.entries, *authored(write)), write.references)
    return [*write.shape, *shape(authored(write))]


def is_checked_first(plan: Plan) -> bool:
    """Whether all conditions of the plan are checked before it writes anything: it then needs no savepoint."""
    return not any(write.unreferenced for write in plan.writes)


def _refuse_repeats(plan: Plan) -> None:
    counted = Counter((write.resource_type, write.logical_id) for write in plan.writes)
    repeated = [f"{kind}/{logical_id}" for (kind, logical_id), times in counted.items() if times > 1]
    if repeated:
        raise ValueError(f"a plan writes {repeated[0]} more than once")


def _target(transaction: Transaction, write: Write, groups: list[Group]) -> Target:
    type_id = transaction.names.type_id(write.resource_type)
    rows = fetch(
        transaction.connection,
        "SELECT rid, version_id, deleted FROM resource WHERE type_id = ? AND logical_id = ?",
        (type_id, write.logical_id),
    )
    rid, version_id, deleted = rows[0] if rows else (transaction.new_rid(), 0, 1)
    tables = numbered(groups, rid, type_id, transaction.names)
    return Target(type_id, rid, tables, version_id, not deleted, bool(rows))


def _apply(
    transaction: Transaction, plan: Plan, targets: list[Target], definitions: int, finds: Finds
) -> tuple[Stored, ...]:
    if plan.writes and transaction.definitions != definitions:
        raise ConditionFailed("definitions", str(transaction.definitions))
    for write, target in zip(plan.writes, targets, strict=True):
        if write.expected_version is not None and write.expected_version != target.version_id:
            raise ConditionFailed("version", f"{write.resource_type}/{write.logical_id}")
    if plan.criteria:
        transaction.pending.write()
    for criteria in plan.criteria:
        if finds(transaction, criteria) != criteria.logical_ids:
            raise ConditionFailed("criteria", ",".join(criteria.query.resource_types))
    stored = _write_all(transaction, plan, targets)
    _refuse_while_referenced(transaction, plan, targets)
    transaction.pending.audit += with_versions(plan.audit, stored)
    if plan.account is not None:
        remember(transaction, plan.account)
    for write, version in zip(plan.writes, stored, strict=True):
        if write.subscriber is not None:
            register(transaction.connection, write.subscriber, version)
    if plan.raises_definitions:
        raise_definitions(transaction)
    return stored


def raise_definitions(transaction: Transaction) -> int:
    """Count the definitions version up: index entries made before are no longer taken."""
    transaction.connection.execute("UPDATE setting SET value = value + 1 WHERE name = 'definitions'")
    transaction.definitions += 1
    return transaction.definitions


def _write_all(transaction: Transaction, plan: Plan, targets: list[Target]) -> tuple[Stored, ...]:
    stamped = transaction.clock.instant()
    pairs = zip(plan.writes, targets, strict=True)
    stored = tuple(_write_version(transaction, write, target, stamped) for write, target in pairs)
    replace_index(transaction, [target for target in targets if target.known])
    return stored


def replace_index(transaction: Transaction, targets: list[Target]) -> int:
    """Make the index rows of the targets those they bring; returns how many targets had others."""
    return sum(_change_index(transaction, target) for target in targets)


def _write_version(transaction: Transaction, write: Write, target: Target, stamped: int) -> Stored:
    if write.body is None and not target.there:
        return Stored(write.resource_type, write.logical_id, target.version_id, stamped, None, write.method)
    version_id, sequence = target.version_id + 1, transaction.clock.sequence()
    body = _stamped_body(write, version_id, stamped)
    state = (version_id, sequence, stamped, body is None, write.patient, target.rid)
    if target.known:
        transaction.connection.execute(
            "UPDATE resource SET version_id = ?, seq = ?, last_updated = ?, deleted = ?, patient = ? WHERE rid = ?",
            state,
        )
    else:
        transaction.connection.execute(
            "INSERT INTO resource(version_id, seq, last_updated, deleted, patient, rid, type_id, logical_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*state, target.type_id, write.logical_id),
        )
        target.known = True
    transaction.rids[target.type_id, write.logical_id] = target.rid
    transaction.pending.current[target.type_id] += (body is not None) - target.there
    transaction.pending.versions.append((sequence, target.rid, version_id, target.type_id, stamped, write.method, body))
    return Stored(
        write.resource_type, write.logical_id, version_id, stamped, body, write.method, sequence, write.patient
    )


def _stamped_body(write: Write, version_id: int, stamped: int) -> bytes | None:
    if write.body is None:
        return None
    stamp = f'"versionId":"{version_id}","lastUpdated":"{instant.text(stamped)}"'
    return write.body.head + stamp.encode() + write.body.tail


def _change_index(transaction: Transaction, target: Target) -> bool:
    rid, tables, pending = target.rid, target.tables, transaction.pending
    if "reference" in tables:
        rows = [(rid, number, row_of(transaction, key), *rest) for _, number, key, *rest in tables["reference"]]
        tables["reference"] = list(dict.fromkeys(rows))
    if "relation" in tables:
        tables["relation"] = list(dict.fromkeys(relation_row(transaction, row) for row in tables["relation"]))
    if not target.there:
        if target.version_id:  # who wrote it before it was deleted is still known
            if rid in pending.rids:
                pending.write()
            pending.delete(rid, "relation", fetch(transaction.connection, SELECT["relation"], (rid,)))
        pending.insert(rid, tables)
        return True
    if rid in pending.rids:
        pending.write()
    before = stored_rows(transaction.connection, rid)
    new = {table: set(tables.get(table, ())) for table in before}
    new["relation"] = {row for row in new["relation"] if row[1] != AUTHOR}
    new["relation"] |= {row for row in before["relation"] if row[1] == AUTHOR}
    different = [table for table in before if new[table] != before[table]]
    for table in different:
        pending.delete(rid, table, before[table] - new[table])
    pending.insert(rid, {table: list(new[table] - before[table]) for table in different})
    if "full_text_digest" in different:
        pending.delete(rid, "full_text", [(rid, rid)])
        pending.insert(rid, {"full_text": tables.get("full_text", [])})
    return bool(different)


def relation_row(transaction: Transaction, row: Row) -> Row:
    """The row with numbers for subject, actor and instance; 0 where there is none."""
    rid, rule, subject, actor, *values, instance = row
    numbers = [row_of(transaction, key) if key is not None else 0 for key in (subject, actor, instance)]
    return (rid, rule, numbers[0], numbers[1], *values, numbers[2])


def row_of(transaction: Transaction, key: tuple[int, str]) -> int:
    """The row of a reference's target; one that was never written gets an empty row (version 0)."""
    known = transaction.rids.get(key)
    if known is None:
        connection = transaction.connection
        rows = fetch(connection, "SELECT rid FROM resource WHERE type_id = ? AND logical_id = ?", key)
        known = rows[0][0] if rows else transaction.new_rid()
        if not rows:
            connection.execute(
                "INSERT INTO resource(rid, type_id, logical_id, version_id, deleted) VALUES (?, ?, ?, 0, 1)",
                (known, *key),
            )
        transaction.rids[key] = known
    return known


def _refuse_while_referenced(transaction: Transaction, plan: Plan, targets: list[Target]) -> None:
    """Looked at after the plan's own writes: they may take the last reference away."""
    for write, target in zip(plan.writes, targets, strict=True):
        if write.unreferenced and target.there:
            transaction.pending.write()
            holders = _holders(transaction, target.rid)
            if holders:
                raise ReferencedStill(f"{write.resource_type}/{write.logical_id}", holders)


def _holders(transaction: Transaction, rid: int) -> tuple[str, ...]:
    rows = fetch(
        transaction.connection,
        "SELECT DISTINCT t.name || '/' || r.logical_id FROM reference f JOIN resource r ON r.rid = f.rid"
        " JOIN resource_type t ON t.type_id = r.type_id"
        f" WHERE f.target_rid = ? AND f.literal = 1 AND f.rid <> ? LIMIT {HOLDERS_NAMED}",
        (rid, rid),
    )
    return tuple(sorted(holder for (holder,) in rows))
