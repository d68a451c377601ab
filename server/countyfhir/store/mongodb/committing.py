"""One plan inside a transaction: all its conditions first, then its writes, versions, entries and audit records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from countyfhir.exchange import Plan, Stored, Write
from countyfhir.store import instant
from countyfhir.store.audit_groups import with_versions
from countyfhir.store.mongodb.bodies import kept
from countyfhir.store.mongodb.index_keys import Shape, documents, shape
from countyfhir.store.mongodb.outbox import register
from countyfhir.store.mongodb.reading import Document
from countyfhir.store.mongodb.search import matching_ids
from countyfhir.store.mongodb.transaction import LISTED, Transaction
from countyfhir.store.ports import ConditionFailed, ReferencedStill

HOLDERS_NAMED = 20

Step = Callable[[Transaction], Awaitable[tuple[Stored, ...]]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan with everything done that needs no transaction. ``weight`` is about what it writes, in bytes."""

    plan: Plan
    definitions: int
    shapes: tuple[Shape, ...]
    owners: tuple[str, ...]
    weight: int
    body_bytes: int


def prepared(plan: Plan, definitions: int, body_bytes: int) -> Prepared:
    """The entries of each write as documents. ``definitions`` is the version they were made with."""
    owners = tuple(f"{write.resource_type}/{write.logical_id}" for write in plan.writes)
    repeated = [owner for owner, times in Counter(owners).items() if times > 1]
    if repeated:
        raise ValueError(f"a plan writes {repeated[0]} more than once")
    shapes = tuple(
        shape(write.resource_type, write.logical_id, write.entries, write.references) for write in plan.writes
    )
    bodies = sum(len(write.body.head) + len(write.body.tail) for write in plan.writes if write.body)
    return Prepared(plan, definitions, shapes, owners, bodies + 80 * sum(each.size for each in shapes), body_bytes)


async def apply(transaction: Transaction, made: Prepared) -> tuple[Stored, ...]:
    """The plan's writes, pending in the transaction; ConditionFailed or ReferencedStill before anything is."""
    plan = made.plan
    if plan.writes and transaction.definitions != made.definitions:
        raise ConditionFailed("definitions", str(transaction.definitions))
    await transaction.know(made.owners)
    for write, owner in zip(plan.writes, made.owners, strict=True):
        if write.expected_version is not None and write.expected_version != _version(transaction, owner):
            raise ConditionFailed("version", owner)
    if plan.criteria:
        await transaction.write()
    for criteria in plan.criteria:
        found = await matching_ids(transaction.reading, criteria.query, len(criteria.logical_ids) + 1)
        if found != criteria.logical_ids:
            raise ConditionFailed("criteria", ",".join(criteria.query.resource_types))
    await _refuse_while_referenced(transaction, made)
    writes = zip(plan.writes, made.owners, made.shapes, strict=True)
    stored = tuple(_write(transaction, write, owner, its, made.body_bytes) for write, owner, its in writes)
    transaction.audit += with_versions(plan.audit, stored)
    transaction.accounts += [plan.account] if plan.account is not None else []
    for write, version in zip(plan.writes, stored, strict=True):
        if write.subscriber is not None:
            await register(transaction, write.subscriber, version)
    transaction.definitions += plan.raises_definitions
    return stored


def _version(transaction: Transaction, owner: str) -> int:
    state = transaction.states[owner]
    return int(state["v"]) if state else 0


def _write(transaction: Transaction, write: Write, owner: str, its: Shape, body_bytes: int) -> Stored:
    before = transaction.states[owner]
    there = before is not None and "d" not in before
    version_id, stamped = _version(transaction, owner) + 1, transaction.instant
    if write.body is None and not there:
        return Stored(write.resource_type, write.logical_id, version_id - 1, stamped, None, write.method)
    body = _stamped(write, version_id, stamped)
    sequence = transaction.next_sequence()
    fields, pieces = kept(body, owner, version_id, body_bytes)
    number = before["n"] if before else sequence
    state: Document = {
        "_id": owner,
        "t": write.resource_type,
        "i": write.logical_id,
        "v": version_id,
        "s": sequence,
        "u": stamped,
        "m": write.method,
        "n": number,
        "p": write.patient,
        **fields,
    }
    author = before.get("by", ()) if there and before is not None else write.author
    if author:
        state["by"] = list(author)
    transaction.pieces += pieces
    if before is not None:
        transaction.versions.append(superseded(before, stamped))
    keep_entries(transaction, state, None if body is None else its)
    transaction.states[owner] = state
    transaction.counted[f"versions.{write.resource_type}"] += 1
    transaction.counted[f"current.{write.resource_type}"] += (body is not None) - there
    return Stored(
        write.resource_type, write.logical_id, version_id, stamped, body, write.method, sequence, write.patient
    )


def superseded(state: Document, until: int) -> Document:
    """A current version as the document of its history."""
    version = {name: value for name, value in state.items() if name not in ("n", "q", "x", "by")}
    return {**version, "_id": f"{state['_id']}/{state['v']}", "k": state["_id"], "e": until}


def keep_entries(transaction: Transaction, state: Document, its: Shape | None) -> None:
    """What the resource will be found by; None: by nothing. Notes in ``state`` where that is kept."""
    if its is None:
        transaction.entries[state["_id"]] = None
        return
    head = {name: state[name] for name in ("_id", "t", "i", "u", "n")}
    main, more = documents(its, head, state.get("by", ()))
    state["q"] = main["p"]
    if more:
        state["x"] = len(more)
    transaction.entries[state["_id"]] = (main, more)


def _stamped(write: Write, version_id: int, stamped: int) -> bytes | None:
    if write.body is None:
        return None
    stamp = f'"versionId":"{version_id}","lastUpdated":"{instant.text(stamped)}"'
    return write.body.head + stamp.encode() + write.body.tail


async def _refuse_while_referenced(transaction: Transaction, made: Prepared) -> None:
    """The plan's own writes count as done: they may take the last reference away."""
    wanted = [
        owner
        for write, owner in zip(made.plan.writes, made.owners, strict=True)
        if write.unreferenced and (state := transaction.states[owner]) is not None and "d" not in state
    ]
    if wanted:
        await transaction.write()
    for owner in wanted:
        marks = {f"{owner}|l", f"{owner}|b"}
        own = {
            holder
            for holder, its in zip(made.owners, made.shapes, strict=True)
            if holder != owner and not marks.isdisjoint(its.references)
        }
        holders = sorted(own | await _holders(transaction, sorted(marks), set(made.owners)))[:HOLDERS_NAMED]
        if holders:
            raise ReferencedStill(owner, tuple(holders))


async def _holders(transaction: Transaction, marks: list[str], written: set[str]) -> set[str]:
    """Who points there, apart from what the plan writes itself."""
    found: set[str] = set()
    for collection, owner in (("entry", "_id"), ("more", "o")):
        where: Document = {"r": {"$in": marks}}
        if len(written) <= LISTED:
            where[owner] = {"$nin": sorted(written)}
        async for document in transaction.reading.find(collection, where, {owner: 1}):
            if document[owner] not in written:
                found.add(document[owner])
            if len(found) == HOLDERS_NAMED:
                break
    return found
