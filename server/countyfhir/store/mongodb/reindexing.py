"""Making index entries anew after search parameters changed: batch by batch beside running writers, resumable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from countyfhir.store.mongodb.bodies import stored_of
from countyfhir.store.mongodb.committing import keep_entries
from countyfhir.store.mongodb.index_keys import Shape, documents, shape
from countyfhir.store.mongodb.reading import Document, Reading
from countyfhir.store.mongodb.transaction import Transaction
from countyfhir.store.ports import ConditionFailed, Extract, Reindexed


@dataclass(frozen=True, slots=True)
class Batch:
    """New entries of resources, by "Type/id", with the sequence of the version they were made from; ``after`` is where
    the next batch begins, None when this was the last."""

    made: dict[str, tuple[int, Shape]]
    after: int | None


async def read_batch(reading: Reading, extract: Extract, kinds: Iterable[str] | None, after: int, count: int) -> Batch:
    """The next resources, their entries made anew."""
    where: Document = {"n": {"$gt": after}, "d": {"$exists": False}}
    if kinds is not None:
        where["t"] = {"$in": sorted(kinds)}
    found = await reading.find("resource", where, sort=[("n", 1)], limit=count).to_list()
    made = {}
    for document in found:
        stored = await stored_of(reading, document)
        entries, references = extract(stored.resource_type, stored.body or b"")
        its = shape(stored.resource_type, stored.logical_id, entries, list(references))
        made[document["_id"]] = (stored.sequence, its)
    return Batch(made, int(found[-1]["n"]) if len(found) == count else None)


async def write_batch(transaction: Transaction, batch: Batch, definitions: int) -> Reindexed:
    """What was written meanwhile has newer entries and is left alone. ConditionFailed when the entries were made with
    other than the present definitions."""
    if transaction.definitions != definitions:
        raise ConditionFailed("definitions", str(transaction.definitions))
    await transaction.know(batch.made)
    await transaction.write()
    current = {}
    for owner, (sequence, its) in batch.made.items():
        state = transaction.states[owner]
        if state is not None and state["s"] == sequence and "d" not in state:
            current[owner] = (state, its)
    kept = await _kept(transaction.reading, current)
    changed = 0
    for owner, (state, its) in current.items():
        fresh = dict(state)
        fresh.pop("x", None)
        main, more = documents(its, {name: state[name] for name in ("_id", "t", "i", "u", "n")}, state.get("by", ()))
        if kept.get(owner) == _comparable([main, *more]):
            continue
        keep_entries(transaction, fresh, its)
        if (fresh["q"], fresh.get("x")) != (state.get("q"), state.get("x")):
            transaction.states[owner] = fresh
        changed += 1
    return Reindexed(len(batch.made), changed, batch.after)


async def _kept(reading: Reading, owners: Iterable[str]) -> dict[str, dict[str, Document]]:
    listed = list(owners)
    found: dict[str, list[Document]] = {}
    async for document in reading.find("entry", {"_id": {"$in": listed}}):
        found.setdefault(document["_id"], []).append(document)
    async for document in reading.find("more", {"o": {"$in": listed}}):
        found.setdefault(document["o"], []).append(document)
    return {owner: _comparable(its) for owner, its in found.items()}


def _comparable(its: Iterable[Document]) -> dict[str, Document]:
    """Documents by their id, where the order of keys does not count."""
    return {
        each["_id"]: {
            name: sorted(value, key=str) if isinstance(value, list) else value for name, value in each.items()
        }
        for each in its
    }
