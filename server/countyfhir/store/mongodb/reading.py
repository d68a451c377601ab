"""One reading of the database: its session, and how conditions on resources are asked of it.

A condition is a ``Filter`` (one query condition on a document of ``entry``), a ``Probe`` (asked of some resources at a
time), or made of others. What is made of filters only is asked of MongoDB in one query; the rest is decided here, batch
by batch, so that nothing has to fit in one list.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

Document = dict[str, Any]
BATCH = 200


@dataclass(slots=True)
class Reading:
    """A database, and the session whose snapshot or transaction is read in. ``overflowing``: per type, whether any
    resource has more entries than one document holds."""

    database: AsyncDatabase[Document]
    session: AsyncClientSession | None = None
    overflowing: dict[str, bool] = field(default_factory=dict)

    def find(self, collection: str, where: Document, fields: Document | None = None, **more: Any) -> Any:
        """A cursor over documents of a collection."""
        return self.database[collection].find(where, fields, session=self.session, **more)

    async def one(self, collection: str, where: Document, fields: Document | None = None, **more: Any) -> Any:
        """The first document, or None."""
        return await self.database[collection].find_one(where, fields, session=self.session, **more)

    async def overflows(self, resource_type: str) -> bool:
        """Whether any resource of the type keeps entries in ``more``."""
        known = self.overflowing.get(resource_type)
        if known is None:
            found = await self.one("entry", {"t": resource_type, "x": {"$gt": 0}}, {"_id": 1})
            known = self.overflowing[resource_type] = found is not None
        return known

    async def look_for_overflow(self, resource_types: Sequence[str]) -> None:
        """Learn for several types at once what ``overflows`` says of each."""
        unknown = [kind for kind in resource_types if kind not in self.overflowing]
        if unknown:
            match, group = {"t": {"$in": unknown}, "x": {"$gt": 0}}, {"_id": "$t"}  # no distinct: not when sharded
            asked = self.database["entry"].aggregate([{"$match": match}, {"$group": group}], session=self.session)
            spilt = {each["_id"] for each in await (await asked).to_list()}
            self.overflowing |= {kind: kind in spilt for kind in unknown}

    async def in_batches(self, collection: str, where: Document, fields: Document) -> AsyncIterator[list[Document]]:
        """Documents, some hundreds at a time."""
        batch: list[Document] = []
        async for document in self.find(collection, where, fields, batch_size=BATCH):
            batch.append(document)
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    async def of_owners(self, owners: Sequence[str], where: Document, fields: Document) -> list[tuple[str, Document]]:
        """Index documents of these resources that match, with their owner."""
        named: Document = {"_id": {"$in": list(owners)}}
        query = {"$and": [named, where]} if "_id" in where else {**named, **where}
        found = [(each["_id"], each) async for each in self.find("entry", query, fields)]
        kinds = {owner.partition("/")[0] for owner in owners}
        spilt = [owner for owner in owners if await self.overflows(owner.partition("/")[0])] if kinds else []
        if spilt:
            query = {"o": {"$in": spilt}, **where}
            found += [(each["o"], each) async for each in self.find("more", query, {**fields, "o": 1})]
        return found


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition that one document tells."""

    where: Document


@dataclass(frozen=True, slots=True)
class Probe:
    """A condition that is asked of some resources ("Type/id") at a time: those for which it holds."""

    holding: Callable[[Reading, Sequence[str]], Awaitable[set[str]]]


@dataclass(frozen=True, slots=True)
class Every:
    """All conditions hold."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Some:
    """At least one condition holds."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Never:
    """The condition does not hold."""

    part: Condition


Condition = Filter | Probe | Every | Some | Never

NOTHING: Document = {"_id": {"$in": []}}


def every(parts: Iterable[Condition]) -> Condition:
    """A conjunction, flat."""
    flat: list[Condition] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Every) else (part,))
    return flat[0] if len(flat) == 1 else Every(tuple(flat))


def some(parts: Iterable[Condition]) -> Condition:
    """A disjunction; several equal keys are one list, and so are several of what points to one patient each: a resource
    with such a key lies with that patient or with what concerns several, so the patients may be named together."""
    flat: list[Condition] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Some) else (part,))
    for names in ({"k"}, {"k", "p"}):
        equal = [part.where for part in flat if isinstance(part, Filter) and _is_equality(part.where, names)]
        if len(equal) > 1:
            others = [part for part in flat if not (isinstance(part, Filter) and _is_equality(part.where, names))]
            listed: Document = {"k": {"$in": [where["k"] for where in equal]}}
            if "p" in names:
                listed["p"] = {"$in": sorted({patient for where in equal for patient in where["p"]["$in"]})}
            flat = [Filter(listed), *others]
    if Every() in flat:
        return Every()
    return flat[0] if len(flat) == 1 else Some(tuple(flat))


def _is_equality(where: Document, names: set[str]) -> bool:
    return where.keys() == names and isinstance(where["k"], str)


def rendered(condition: Condition) -> Document | None:
    """The condition as one query, None when it holds a probe."""
    if isinstance(condition, Filter):
        return condition.where
    if isinstance(condition, Probe):
        return None
    if isinstance(condition, Never):
        inner = rendered(condition.part)
        return None if inner is None else {"$nor": [inner]}
    inners = [rendered(part) for part in condition.parts]
    if None in inners:
        return None
    if isinstance(condition, Every):
        return {"$and": inners} if inners else {}
    return {"$or": inners} if inners else NOTHING


async def holding(reading: Reading, condition: Condition, owners: Sequence[str]) -> set[str]:
    """Those of the current resources ``owners`` for which the condition holds."""
    if not owners:
        return set()
    if isinstance(condition, Filter):
        return {owner for owner, _ in await reading.of_owners(owners, condition.where, {"_id": 1})}
    if isinstance(condition, Probe):
        return await condition.holding(reading, owners)
    if isinstance(condition, Never):
        return set(owners) - await holding(reading, condition.part, owners)
    if isinstance(condition, Some):
        found: set[str] = set()
        for part in condition.parts:
            found |= await holding(reading, part, [owner for owner in owners if owner not in found])
        return found
    left = set(owners)
    for part in condition.parts:
        left = await holding(reading, part, sorted(left))
    return left
