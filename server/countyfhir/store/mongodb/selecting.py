"""From clauses to conditions: what leads to other resources is followed first, in bounded batches (DESIGN decision 7).

A chain that leads to few targets becomes a list of keys. One that leads to many is asked the other way round: of some
hundred candidates at a time, whether what they point to is among them. Neither keeps a list without bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from countyfhir.exchange import Grant
from countyfhir.search.query import AllOf, Chain, Clause, Has, Not, Predicate
from countyfhir.store.mongodb.index_keys import LAST, stem
from countyfhir.store.mongodb.predicates import SIMPLE, keys_between
from countyfhir.store.mongodb.reading import (
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

FEW = 1_000
"""So many targets are listed in a query."""


@dataclass(frozen=True, slots=True)
class Selection:
    """How the resources of one type are found: ``where`` is asked of MongoDB, ``rest`` of what it finds."""

    resource_type: str
    where: Document
    rest: tuple[Condition, ...]


async def conditions_of(reading: Reading, kind: str, clauses: Iterable[Clause]) -> list[Condition]:
    """One condition a clause."""
    return [some([await condition_of(reading, kind, predicate) for predicate in clause]) for clause in clauses]


async def condition_of(reading: Reading, kind: str, predicate: Predicate) -> Condition:
    """The condition of any predicate."""
    if isinstance(predicate, Not):
        return Never(some([await condition_of(reading, kind, inner) for inner in predicate.clause]))
    if isinstance(predicate, AllOf):
        return every(await conditions_of(reading, kind, predicate.clauses))
    if isinstance(predicate, Chain):
        return await _chain(reading, kind, predicate)
    if isinstance(predicate, Has):
        return await _has(reading, kind, predicate)
    return SIMPLE[type(predicate)](kind, predicate)


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
    where: Document = {"t": kind}
    if asked:
        where["$and"] = asked
    if await reading.overflows(kind):
        if asked:
            where = {"$or": [where, {"t": kind, "x": {"$gt": 0}}]}
        rest = (every(conditions),) if conditions else ()
    return Selection(kind, where, rest)


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
    start, target = stem(kind, predicate.parameter, "r"), predicate.target_type
    conditions = await conditions_of(reading, target, predicate.where)
    targets = await few(reading, await select(reading, target, conditions), FEW)
    if targets is not None:
        keys = [f"{start}{each.partition('/')[2]}/{target}" for each in targets]
        return Filter({"k": {"$in": keys}}) if keys else Filter(NOTHING)

    async def led(reading: Reading, owners: Sequence[str]) -> set[str]:
        pointed = await targets_of(reading, owners, start)
        wanted = {each for its in pointed.values() for each in its if each.startswith(f"{target}/")}
        there = await holding(reading, every([Filter({"t": target}), *conditions]), sorted(wanted))
        return {owner for owner, its in pointed.items() if its & there}

    return every([keys_between(start, start + LAST), Probe(led)])


async def targets_of(reading: Reading, owners: Sequence[str], start: str) -> dict[str, set[str]]:
    """What the resources point to ("Type/id") by the keys that begin with ``start``."""
    pointed: dict[str, set[str]] = {}
    for owner, document in await reading.of_owners(owners, keys_between(start, start + LAST).where, {"k": 1}):
        for key in document["k"]:
            if key.startswith(start):
                logical_id, _, kind = key[len(start) :].rpartition("/")
                pointed.setdefault(owner, set()).add(f"{kind}/{logical_id}")
    return pointed


async def _has(reading: Reading, kind: str, predicate: Has) -> Condition:
    start = stem(predicate.source_type, predicate.parameter, "r")
    conditions = await conditions_of(reading, predicate.source_type, predicate.where)
    pointing = [keys_between(start, start + LAST), *conditions]
    sources = await few(reading, await select(reading, predicate.source_type, pointing), FEW)
    if sources is not None:
        pointed = await targets_of(reading, sources, start)
        targets = {each for its in pointed.values() for each in its if each.startswith(f"{kind}/")}
        return Filter({"_id": {"$in": sorted(targets)}})

    async def pointed_to(reading: Reading, owners: Sequence[str]) -> set[str]:
        return await _pointed_to(reading, predicate.source_type, start, conditions, owners)

    return Probe(pointed_to)


async def _pointed_to(
    reading: Reading, source: str, start: str, conditions: Sequence[Condition], owners: Sequence[str]
) -> set[str]:
    """Those of the owners to which a source points for which the conditions hold: all sources are walked but those
    whose targets are known already."""
    keys = {f"{start}{each.partition('/')[2]}/{each.partition('/')[0]}": each for each in owners}
    selection = await select(reading, source, [Filter({"k": {"$in": list(keys)}}), *conditions])
    found: set[str] = set()
    async for batch in reading.in_batches("entry", selection.where, {"_id": 1}):
        passed = [each["_id"] for each in await passing(reading, selection, batch)]
        for its in (await targets_of(reading, passed, start)).values():
            found |= its
        if found.issuperset(owners):
            break
    return found & set(owners)
