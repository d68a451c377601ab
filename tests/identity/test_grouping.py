"""Persons are a function of their records, whatever the order, and never hold what contradicts."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as draw

from countyfhir.identity.features import features_of
from countyfhir.identity.grouping import APART, TOGETHER, grouped
from countyfhir.identity.judging import judge

from .test_judging import BORN, HOME, MING, PATIENTS, RULES, ZHEN, record


def groups(
    records: dict[str, dict[str, object]], decisions: dict[tuple[str, str], str] | None = None
) -> list[set[str]]:
    """The persons of Patients."""
    features = {name: features_of(patient, RULES) for name, patient in records.items()}
    return [set(group) for group in grouped(features, decisions or {}, RULES).groups]


def test_a_record_between_two_people_joins_neither() -> None:
    """It fits two namesakes with numbers of their own alike: it stays alone, and a human is asked."""
    namesake = {"home": HOME, **BORN}
    records = {"a": record(identity=MING, **namesake), "b": record(identity=ZHEN, **namesake), "c": record(**namesake)}
    assert groups(records) == [{"a"}, {"b"}, {"c"}]
    features = {name: features_of(patient, RULES) for name, patient in records.items()}
    assert {"c"} <= {one for each in grouped(features, {}, RULES).reviews for one in each}


def test_decisions_come_first() -> None:
    """Apart keeps apart what is certain, also through a third; together joins what is not."""
    three = {name: record(identity=MING) for name in "abc"}
    assert groups(three) == [{"a", "b", "c"}]
    assert len(groups(three, {("a", "b"): APART})) == 2
    strangers = {"a": record("王强"), "b": record("李刚")}
    assert groups(strangers, {("a", "b"): TOGETHER}) == [{"a", "b"}]


def test_what_a_record_says_itself_counts() -> None:
    """A link that the institution wrote joins, too."""
    linked = {"link": [{"other": {"reference": "Patient/b"}, "type": "seealso"}]}
    assert groups({"a": record("王强", **linked), "b": record("李刚")}) == [{"a", "b"}]


def test_a_group_has_a_limit() -> None:
    """More records than any person has do not become one."""
    small = replace(RULES, group=5)
    features = {f"p{number:02}": features_of(record(identity=MING), small) for number in range(12)}
    assert max(map(len, grouped(features, {}, small).groups)) <= 5


@settings(max_examples=150, deadline=None)
@given(draw.lists(PATIENTS, min_size=2, max_size=6), draw.randoms())
def test_the_order_does_not_count(patients: list[dict[str, object]], chance: random.Random) -> None:
    """The same persons in any order; every record in exactly one; no two in one that contradict."""
    records = {f"p{number}": patient for number, patient in enumerate(patients)}
    expected = groups(records)
    shuffled = list(records.items())
    chance.shuffle(shuffled)
    assert groups(dict(shuffled)) == expected
    assert sorted(one for group in expected for one in group) == sorted(records)
    features = {name: features_of(patient, RULES) for name, patient in records.items()}
    for group in expected:
        assert not any(judge(features[a], features[b], RULES).conflict for a, b in combinations(sorted(group), 2))
