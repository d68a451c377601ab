"""From clauses to conditions: what leads to other resources is followed first, in bounded batches (DESIGN decision 7).

A chain that leads to few targets becomes a list of keys. One that leads to many is asked the other way round: of some
hundred candidates at a time, whether what they point to is among them. Neither keeps a list without bound.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Grant
from countyfhir.search.contained import alternatives, prefix
from countyfhir.search.query import (
    AllOf,
    Chain,
    Clause,
    Contained,
    Has,
    Not,
    OwnBy,
    Predicate,
    ReferenceWithin,
    SeenBy,
    TokenIn,
    Unlabelled,
)
from countyfhir.store.mongodb.index_keys import LAST, stem
from countyfhir.store.mongodb.pointing import Ways, owners_of, pointed_by, saying_of, ways, within
from countyfhir.store.mongodb.predicates import MOST_LISTED, SIMPLE, keys_between
from countyfhir.store.mongodb.reading import (
    BATCH,
    NOTHING,
    Condition,
    Document,
    Filter,
    Never,
    Probe,
    Reading,
    every,
    holding,
    rendered,
    some,
)
from countyfhir.store.mongodb.seen import own_by, seen_by

FEW = 1_000
"""So many targets are listed in a query."""
IN_ORDER = 100
"""What so many keys lead to MongoDB merges by walking the index at each (at most 200 such walks)."""


@dataclass(frozen=True, slots=True)
class Selection:
    """How the resources of one type are found: ``where`` is asked of MongoDB, ``rest`` of what it finds. The type does
    not stand in ``where`` when its keys tell it."""

    resource_type: str
    where: Document
    rest: tuple[Condition, ...]


async def conditions_of(reading: Reading, kind: str, clauses: Iterable[Clause]) -> list[Condition]:
    """One condition a clause."""
    return [some([await condition_of(reading, kind, predicate) for predicate in clause]) for clause in clauses]


async def condition_of(reading: Reading, kind: str, predicate: Predicate) -> Condition:
    """The condition of any predicate."""
    led = _ELSEWHERE.get(type(predicate))
    return await led(reading, kind, predicate) if led else SIMPLE[type(predicate)](kind, predicate)


async def _not(reading: Reading, kind: str, predicate: Not) -> Condition:
    return Never(some([await condition_of(reading, kind, inner) for inner in predicate.clause]))


async def _unlabelled(reading: Reading, kind: str, predicate: Unlabelled) -> Condition:
    return await _not(reading, kind, Not((TokenIn("_security", frozenset(), predicate.codes),)))


async def _all_of(reading: Reading, kind: str, predicate: AllOf) -> Condition:
    return every(await conditions_of(reading, kind, predicate.clauses))


async def granted(reading: Reading, kind: str, grant: Grant) -> list[Condition] | None:
    """What narrows the type for the caller; None when nothing of the type may be seen."""
    if not (grant.may("r", kind) or grant.may("s", kind)):
        return None
    alternatives = grant.narrowed(kind)
    if alternatives is None:
        return []
    return [some([every(await conditions_of(reading, kind, each)) for each in alternatives])] if alternatives else None


async def select(reading: Reading, kind: str, conditions: Sequence[Condition]) -> Selection:
    """The plan of a conjunction."""
    asked = [query for each in conditions if (query := rendered(each)) is not None]
    rest = tuple(each for each in conditions if rendered(each) is None)
    where: Document = {} if any(tells_type(kind, query) for query in asked) else {"t": kind}
    if asked:
        where["$and"] = asked
    if await reading.overflows(kind):
        if asked:
            where = {"$or": [where, {"t": kind, "x": {"$gt": 0}}]}
        rest = (every(conditions),) if conditions else ()
    return Selection(kind, where, rest)


def tells_type(kind: str, query: Document) -> bool:
    """Whether the query names keys of ``entry.k``, each of which begins with the type. The index of keys has what they
    lead to in the default order and can count it alone; beside a condition on the type it may not be chosen."""
    keys = query.get("k")
    listed = [keys] if isinstance(keys, str) else keys.get("$in", ()) if isinstance(keys, dict) else ()
    return 0 < len(listed) <= IN_ORDER and all(key.startswith(f"{kind}.") for key in listed)


async def passing(reading: Reading, selection: Selection, documents: list[Document]) -> list[Document]:
    """Those of the documents found for which the rest holds, too."""
    if not selection.rest or not documents:
        return documents
    left = await holding(reading, every(selection.rest), [each["_id"] for each in documents])
    return [each for each in documents if each["_id"] in left]


async def few(reading: Reading, selection: Selection, limit: int) -> list[str] | None:
    """All that the selection finds, None when they are more than ``limit``."""
    found: list[str] = []
    async for batch in reading.in_batches("entry", selection.where, {"_id": 1}):
        found += [each["_id"] for each in await passing(reading, selection, batch)]
        if len(found) > limit:
            return None
    return found


async def _chain(reading: Reading, kind: str, predicate: Chain) -> Condition:
    between = ways(kind, predicate.target_type, predicate.parameter)
    conditions = await conditions_of(reading, predicate.target_type, predicate.where)
    targets = await few(reading, await select(reading, predicate.target_type, conditions), FEW)
    if targets is not None:
        keys = await saying_of(reading, between, targets)
        return Filter({"k": {"$in": sorted(keys)}}) if keys else Filter(NOTHING)
    there = every([Filter({"t": predicate.target_type}), *conditions])

    async def led(reading: Reading, owners: Sequence[str]) -> set[str]:
        pointed = await pointed_by(reading, between, owners)
        named = await owners_of(reading, [key for keys in pointed.keys.values() for key in keys])
        reached = {
            owner: literals | {each for key in pointed.keys[owner] for each in named.get(key, ())}
            for owner, literals in pointed.literals.items()
        }
        held = await _held(reading, there, {each for its in reached.values() for each in its})
        return {owner for owner, its in reached.items() if its & held}

    return every([Filter(between.condition()), Probe(led)])


async def _held(reading: Reading, there: Condition, owners: set[str]) -> set[str]:
    """``holding``, however many they are."""
    listed, held = sorted(owners), set[str]()
    for start in range(0, len(listed), BATCH):
        held |= await holding(reading, there, listed[start : start + BATCH])
    return held


async def _has(reading: Reading, kind: str, predicate: Has) -> Condition:
    between = ways(predicate.source_type, kind, predicate.parameter)
    conditions = await conditions_of(reading, predicate.source_type, predicate.where)
    selection = await select(reading, predicate.source_type, [Filter(between.condition()), *conditions])
    sources = await few(reading, selection, FEW)
    listed = await _listed(reading, between, sources) if sources is not None else None
    if listed is not None:
        return listed

    async def pointed_to(reading: Reading, owners: Sequence[str]) -> set[str]:
        return await _pointed_to(reading, between, conditions, owners)

    return Probe(pointed_to)


async def _listed(reading: Reading, between: Ways, sources: Sequence[str]) -> Condition | None:
    """What the sources point to, as a list; None when it is long: a Group alone may point to thousands."""
    pointed = await pointed_by(reading, between, sources)
    literals = {each for its in pointed.literals.values() for each in its}
    keys = {each for its in pointed.keys.values() for each in its}
    if len(literals) + len(keys) > MOST_LISTED:
        return None
    listed = Filter({"_id": {"$in": sorted(literals)}})
    return some([listed, Filter({"k": {"$in": sorted(keys)}})]) if keys else listed


async def _pointed_to(
    reading: Reading, between: Ways, conditions: Sequence[Condition], owners: Sequence[str]
) -> set[str]:
    """Those of the owners to which a source points for which the conditions hold."""
    meant = await saying_of(reading, between, owners)
    selection = await select(reading, between.source, [Filter({"k": {"$in": sorted(meant)}}), *conditions])
    found: set[str] = set()
    async for batch in reading.in_batches("entry", selection.where, {"_id": 1}):
        passed = [each["_id"] for each in await passing(reading, selection, batch)]
        for _, document in await reading.of_owners(passed, between.condition(), {"k": 1}):
            for key in meant.keys() & set(document["k"]):
                found |= meant[key]
        if len(found) == len(owners):
            break
    return found


async def _contained(reading: Reading, kind: str, predicate: Contained) -> Condition:
    """Any of the contained resources: they are numbered from 1, so the first number that does not occur ends them."""
    numbers: list[int] = []
    while True:
        start = stem(kind, f"{prefix(len(numbers) + 1, predicate.resource_type)}_id", "t")
        where = keys_between(start, start + LAST).where
        if (
            await reading.one("entry", where, {"_id": 1}) is None
            and await reading.one("more", where, {"_id": 1}) is None
        ):
            break
        numbers.append(len(numbers) + 1)
    return some([await condition_of(reading, kind, each) for each in alternatives(predicate, numbers)])


_ELSEWHERE: dict[type[Any], Callable[[Reading, str, Any], Awaitable[Condition]]] = {
    AllOf: _all_of,
    Chain: _chain,
    Contained: _contained,
    Has: _has,
    Not: _not,
    ReferenceWithin: within,
    SeenBy: seen_by,
    OwnBy: own_by,
    Unlabelled: _unlabelled,
}
"""Predicates that are made of others or lead to other resources."""
