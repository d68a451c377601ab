"""Records into persons: what is certain is joined, what contradicts stays apart, what is between goes to review."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from countyfhir.identity.features import Features
from countyfhir.identity.judging import CERTAIN, NOT, Verdict, judge
from countyfhir.identity.rules import Rules

Pair = tuple[str, str]

TOGETHER, APART = "together", "apart"


@dataclass(frozen=True, slots=True)
class Grouping:
    """``groups``: every record in exactly one; ``reviews``: pairs of records that a human should look at, with the
    verdict, the first of the pair the smaller."""

    groups: tuple[frozenset[str], ...]
    reviews: Mapping[Pair, Verdict]


def pair(a: str, b: str) -> Pair:
    """The pair in one order."""
    return (a, b) if a < b else (b, a)


class _Groups:
    """Who is with whom, and which groups must not meet. ``against``: record -> those that cannot be the person of
    somebody in its group; nothing for a group without such."""

    def __init__(self, records: Iterable[str], conflicts: set[Pair], most: int) -> None:
        self.of = {one: {one} for one in records}
        self.against: dict[str, set[str]] = {}
        for a, b in conflicts:
            self.against.setdefault(a, set()).add(b)
            self.against.setdefault(b, set()).add(a)
        self._most = most

    def contradict(self, a: str, b: str) -> bool:
        """Whether a record of the one's group cannot be the person of one in the other's."""
        return a in self.against and not self.against[a].isdisjoint(self.of[b])

    def joined(self, a: str, b: str, *, forced: bool = False) -> bool:
        """Put the groups together; False when they contradict or are too large together."""
        if self.of[a] is self.of[b]:
            return True
        if not forced and (self.contradict(a, b) or len(self.of[a]) + len(self.of[b]) > self._most):
            return False
        whole = self.of[a] | self.of[b]
        against = self.against.get(a, set()) | self.against.get(b, set())
        for one in whole:
            self.of[one] = whole
            if against:
                self.against[one] = against
        return True


def grouped(
    records: Mapping[str, Features],
    decisions: Mapping[Pair, str],
    rules: Rules,
    candidates: Iterable[Pair] | None = None,
    known: Mapping[Pair, Verdict] | None = None,
) -> Grouping:
    """The persons of the records, whatever their order. ``decisions`` of humans and sources come first: ``together`` or
    ``apart``. ``candidates``: the pairs to judge; unset: all. ``known``: verdicts on pairs
    that were judged already."""
    pairs = sorted({pair(a, b) for a, b in (combinations(records, 2) if candidates is None else candidates)})
    known = known or {}
    verdicts = {each: known.get(each) or judge(records[each[0]], records[each[1]], rules) for each in pairs}
    decided = {each: kind for each, kind in {**_asserted(records), **decisions}.items() if set(each) <= records.keys()}
    conflicts = {each for each, verdict in verdicts.items() if verdict.conflict and decided.get(each) != TOGETHER}
    conflicts |= {each for each, kind in decided.items() if kind == APART}
    groups = _Groups(records, conflicts, rules.group)
    for each in sorted(each for each, kind in decided.items() if kind == TOGETHER):
        groups.joined(*each, forced=True)
    reviews = _join(groups, {each: one for each, one in verdicts.items() if decided.get(each) != APART}, rules)
    found = {id(group): frozenset(group) for group in groups.of.values()}
    kept = {each: one for each, one in reviews.items() if groups.of[each[0]] is not groups.of[each[1]]}
    return Grouping(tuple(sorted(found.values(), key=min)), kept)


def _asserted(records: Mapping[str, Features]) -> dict[Pair, str]:
    return {
        pair(one, other): TOGETHER
        for one, features in records.items()
        for other in (*features.asserted, *features.replaced_by)
        if other != one
    }


def _join(groups: _Groups, verdicts: Mapping[Pair, Verdict], rules: Rules) -> dict[Pair, Verdict]:
    """Join the certain pairs, the surest first; returns what is left to look at."""
    reviews = {each: one for each, one in verdicts.items() if one.grade not in (CERTAIN, NOT)}
    certain = [each for each, one in verdicts.items() if one.grade == CERTAIN]
    by_record: dict[str, list[tuple[float, str]]] = {}
    for a, b in certain:
        by_record.setdefault(a, []).append((verdicts[a, b].bits, b))
        by_record.setdefault(b, []).append((verdicts[a, b].bits, a))
    for thirds in by_record.values():
        thirds.sort(reverse=True)
    for each in sorted(certain, key=lambda each: (-verdicts[each].bits, each)):
        by_number = verdicts[each].agreements["national"] == "same"
        if (
            not by_number and _ambiguous(groups, each, verdicts[each].bits, by_record, rules.margin)
        ) or not groups.joined(*each):
            reviews[each] = verdicts[each]
    return reviews


def _ambiguous(
    groups: _Groups, each: Pair, bits: float, by_record: Mapping[str, list[tuple[float, str]]], margin: float
) -> bool:
    """Whether one of the two fits about as well to a third that contradicts the other. ``by_record``: record -> its
    certain pairs, as bits and the other record, the surest first."""
    for one, other in (each, each[::-1]):
        if other not in groups.against:
            continue
        for theirs, third in by_record[one]:
            if theirs <= bits - margin:
                break
            if third != other and groups.contradict(other, third):
                return True
    return False
