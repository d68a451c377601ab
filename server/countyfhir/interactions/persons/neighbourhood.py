"""What must be looked at together: records, those like them, and whole groups (docs/persons.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import msgspec

from countyfhir.identity.blocking import followed_of
from countyfhir.identity.features import Features
from countyfhir.identity.golden_ids import is_golden
from countyfhir.identity.grouping import APART, TOGETHER, Pair, pair
from countyfhir.identity.judging import NOT, Verdict, judge
from countyfhir.identity.rules import Rules
from countyfhir.store.ports import PersonDecision, PersonRecord, PersonStore

encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Features).decode

REVIEW, OPEN = "review", "open"
"""The kinds of decisions that say nothing about two records: still to be made (``by`` names the Task), taken back."""


def decode(features: bytes) -> Features:
    """The features as they were entered; none of a record that was not."""
    return _decode(features) if features else Features()


@dataclass(slots=True)
class Neighbourhood:
    """Records that may be one person, with all of their present groups, and what was decided about them. ``persons``:
    record -> its golden record; ``retired``: golden records that went into another one; ``judged``: the verdicts on
    pairs that met under a key, ``candidates`` those of them that may be one person."""

    records: dict[str, Features] = field(default_factory=dict)
    persons: dict[str, str | None] = field(default_factory=dict)
    retired: dict[str, str] = field(default_factory=dict)
    decisions: dict[Pair, PersonDecision] = field(default_factory=dict)
    candidates: dict[Pair, Verdict] = field(default_factory=dict)
    judged: dict[Pair, Verdict] = field(default_factory=dict)
    recalled: set[str] = field(default_factory=set)

    def decided(self) -> dict[Pair, str]:
        """The decisions as the grouping takes them."""
        made = {each: one.kind for each, one in self.decisions.items() if one.kind not in (REVIEW, OPEN)}
        return {each: APART if kind == "unlink" else TOGETHER for each, kind in made.items()}

    def merged(self) -> dict[str, str]:
        """Record -> the one that took its place."""
        return {one.a: one.b for one in self.decisions.values() if one.kind == "merge"}

    def parts(self) -> list[dict[str, Features]]:
        """The records in parts that have nothing to do with each other."""
        of = {name: {name} for name in self.records}
        for a, b in self._ties():
            if a in of and b in of and of[a] is not of[b]:
                whole = of[a] | of[b]
                for one in whole:
                    of[one] = whole
        parts = {id(part): part for part in of.values()}
        return [{name: self.records[name] for name in sorted(part)} for part in parts.values()]

    def alone(self, name: str) -> bool:
        """Whether a record is nobody's but its own: it may be no other's person, nothing was decided about it, it names
        no other, and belongs to no golden record."""
        features = self.records[name]
        decided = any(name in each for each in self.decisions)
        return self.persons[name] is None and not (features.asserted or features.replaced_by or decided)

    def _ties(self) -> Iterable[Pair]:
        yield from self.candidates
        yield from (each for each, one in self.decisions.items() if one.kind != OPEN)
        first: dict[str, str] = {}
        for name, person in self.persons.items():
            if person is not None:
                yield name, first.setdefault(person, name)
        for name, features in self.records.items():
            for other in (*features.asserted, *features.replaced_by):
                yield name, other


async def around(
    patients: Sequence[str],
    persons: Iterable[str],
    store: PersonStore,
    rules: Rules,
    entered: Mapping[str, PersonRecord] = MappingProxyType({}),
) -> Neighbourhood:
    """The neighbourhood of records, and of the remaining members of golden records. ``entered``: records as they are
    going to be entered, whatever the index knows of them."""
    own = await store.records(patients)
    own |= {name: replace(one, person=own[name].person) if name in own else one for name, one in entered.items()}
    followed = {
        name: followed_of(decode(record.features)) if record.followed is None else record.followed
        for name, record in own.items()
    }
    keys = [key for each in followed.values() for key in each]
    mates = await store.mates(keys, rules.block) if keys else {}
    mates |= {name: own[name] for name in entered}
    found = Neighbourhood()
    near = dict(own) | like(own, followed, mates, found, rules)
    known: set[str] = set()
    groups = set(persons)
    near |= await _members(groups, found, store) if groups else {}
    while fresh := near.keys() - known:
        known |= fresh
        for one in await store.decisions(sorted(fresh)):
            found.decisions[pair(one.a, one.b)] = one
        wanted = {name for each in found.decisions for name in each}
        for name in fresh:
            features = decode(near[name].features)
            found.records[name] = features
            wanted |= {*features.asserted, *features.replaced_by}
        near |= await store.records(sorted(wanted - near.keys()))
        groups |= {record.person for record in near.values() if record.person is not None}
        near |= {name: one for name, one in (await _members(groups, found, store)).items() if name not in near}
    found.persons = {name: record.person for name, record in near.items()}
    return found


async def _members(groups: set[str], found: Neighbourhood, store: PersonStore) -> dict[str, PersonRecord]:
    members = await store.members(sorted(groups))
    found.retired |= {name: str(one.person) for name, one in members.items() if is_golden(name)}
    return {name: one for name, one in members.items() if not is_golden(name)}


def like(
    own: dict[str, PersonRecord],
    followed: Mapping[str, Sequence[int]],
    mates: dict[str, PersonRecord],
    found: Neighbourhood,
    rules: Rules,
) -> dict[str, PersonRecord]:
    """Those of the mates that are not certainly of others; ``found.candidates`` gets the pairs."""
    features = {name: decode(record.features) for name, record in {**mates, **own}.items()}
    holders: dict[int, list[str]] = {}
    for name, mate in mates.items():
        for key in mate.keys:
            holders.setdefault(key, []).append(name)
    near = {}
    for name, keys in followed.items():
        for other in {other for key in keys for other in holders.get(key, ())} - {name}:
            each = pair(name, other)
            if each in found.judged:
                continue
            verdict = found.judged[each] = judge(features[each[0]], features[each[1]], rules)
            if verdict.grade != NOT:
                found.candidates[each] = verdict
                near[other] = mates[other]
    return near
