"""The ways from a reference to its target: by a literal, by an identifier alone, by a canonical (R4 sections 2.3 and
2.25). A source and its target are joined by keys that say the same, in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from countyfhir.search.elements import CANONICAL, LOGICAL
from countyfhir.search.query import ReferenceWithin
from countyfhir.search.references import CANONICAL_NAME
from countyfhir.store.mongodb.index_keys import END, LAST, stem
from countyfhir.store.mongodb.predicates import keys_between
from countyfhir.store.mongodb.reading import BATCH, Condition, Document, Filter, Reading


@dataclass(frozen=True, slots=True)
class Ways:
    """How resources of ``source`` point to those of ``target`` by a reference parameter. ``literal`` is what the keys
    of literal references begin with; ``said`` and ``known`` are beginnings that stand for one another."""

    source: str
    target: str
    literal: str
    pairs: tuple[tuple[str, str], ...]

    def saying(self, owner: str, keys: Sequence[str]) -> list[str]:
        """The keys of sources that point to a target with these keys."""
        logical_id = owner.partition("/")[2]
        found = [f"{self.literal}{logical_id}/{self.target}"]
        for said, known in self.pairs:
            found += [said + value for key in keys if key.startswith(known) and (value := key[len(known) :]) != END]
        return found

    def condition(self) -> Document:
        """The documents of sources that point anywhere."""
        starts = [self.literal, *(said for said, _ in self.pairs)]
        return {"$or": [keys_between(start, start + LAST).where for start in starts]}


def ways(source: str, target: str, parameter: str) -> Ways:
    """The ways of a reference parameter from resources of one type to those of another."""
    return Ways(
        source,
        target,
        stem(source, parameter, "r"),
        (
            (stem(source, parameter + LOGICAL, "t"), stem(target, "identifier", "t")),
            (stem(source, parameter + CANONICAL, "u"), stem(target, CANONICAL_NAME, "u")),
        ),
    )


@dataclass(slots=True)
class Pointed:
    """What some sources point to: "Type/id" of literals, and keys that the target has."""

    literals: dict[str, set[str]] = field(default_factory=dict)
    keys: dict[str, set[str]] = field(default_factory=dict)

    def add(self, between: Ways, owner: str, keys: Sequence[str]) -> None:
        """Take the keys of a source."""
        ending = f"/{between.target}"
        literals, named = self.literals.setdefault(owner, set()), self.keys.setdefault(owner, set())
        for key in keys:
            if key.startswith(between.literal):
                if key.endswith(ending):
                    literals.add(f"{between.target}/{key[len(between.literal) : -len(ending)]}")
                continue
            for said, known in between.pairs:
                if key.startswith(said) and key != said + END:
                    named.add(known + key[len(said) :])


async def pointed_by(reading: Reading, between: Ways, sources: Sequence[str]) -> Pointed:
    """What the sources point to."""
    found, where = Pointed(), between.condition()
    for start in range(0, len(sources), BATCH):
        batch = sources[start : start + BATCH]
        for owner, document in await reading.of_owners(batch, where, {"k": 1}):
            found.add(between, owner, document["k"])
    return found


async def keys_of(
    reading: Reading, owners: Sequence[str], starts: Sequence[str]
) -> AsyncIterator[tuple[str, list[str]]]:
    """The keys of resources that begin with one of these, batch by batch."""
    where = {"$or": [keys_between(start, start + LAST).where for start in starts]}
    for begin in range(0, len(owners), BATCH):
        for owner, document in await reading.of_owners(owners[begin : begin + BATCH], where, {"k": 1}):
            yield owner, [key for key in document["k"] if key.startswith(tuple(starts))]


async def saying_of(reading: Reading, between: Ways, targets: Sequence[str]) -> dict[str, set[str]]:
    """The keys of sources that point to the targets, each with the targets it means."""
    found: dict[str, set[str]] = {}
    for owner in targets:
        for key in between.saying(owner, ()):
            found.setdefault(key, set()).add(owner)
    async for owner, keys in keys_of(reading, targets, [known for _, known in between.pairs]):
        for key in between.saying(owner, keys):
            found.setdefault(key, set()).add(owner)
    return found


async def owners_of(reading: Reading, keys: Sequence[str]) -> dict[str, set[str]]:
    """The resources that have each key."""
    wanted, found = set(keys), dict[str, set[str]]()
    listed = sorted(wanted)
    for start in range(0, len(listed), BATCH):
        where = {"k": {"$in": listed[start : start + BATCH]}}
        for collection, owner in (("entry", "_id"), ("more", "o")):
            async for document in reading.find(collection, where, {owner: 1, "k": 1}):
                for key in wanted.intersection(document["k"]):
                    found.setdefault(key, set()).add(document[owner])
    return found


async def within(reading: Reading, kind: str, predicate: ReferenceWithin) -> Condition:
    """The resource, its parts or its wholes, level by level; then who points to one of them."""
    target, by = predicate.target_type, stem(predicate.target_type, predicate.by, "r")
    tree = dict.fromkeys([f"{target}/{predicate.target_id}"])
    level = list(tree)
    while level:
        if predicate.match == "below":
            keys = [f"{by}{each.partition('/')[2]}/{target}" for each in level]
            reached = [owner for its in (await owners_of(reading, keys)).values() for owner in its]
        else:
            reached = [
                f"{target}/{key[len(by) :].partition('/')[0]}"
                async for _, keys in keys_of(reading, level, [by])
                for key in keys
                if key.endswith(f"/{target}")
            ]
        level = [owner for owner in dict.fromkeys(reached) if owner not in tree]
        tree.update(dict.fromkeys(level))
    start = stem(kind, predicate.parameter, "r")
    return Filter({"k": {"$in": [f"{start}{each.partition('/')[2]}/{target}" for each in tree]}})
