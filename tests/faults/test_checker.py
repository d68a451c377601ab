"""The checker of the fault suite finds nothing in histories of a correct server, and each wrong one that is put before
it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.events import NEVER, Event, Version
from tests.faults.simulated import correct
from tests.faults.verdict import Run, problems

ONE, TWO, THREE = Version(1, "one", "1"), Version(2, "two", "2"), Version(3, "three", "3")
X = {"x": (ONE, TWO)}
PUT_ONE = Event("put one", 0, 1, made={"x": ONE}, wrote={"x": "one"})
PUT_TWO = Event("put two", 2, 3, made={"x": TWO}, wrote={"x": "two"})
ACCOUNTS = frozenset({"a", "b"})
A, B = (Version(1, "100 a", "1"), Version(2, "90 a", "2")), (Version(1, "100 b", "1"), Version(2, "110 b", "2"))
OPEN = (Event("open a", 0, 0, made={"a": A[0]}), Event("open b", 0, 0, made={"b": B[0]}))
MOVE = Event("move", 1, 2, made={"a": A[1], "b": B[1]}, seen={"a": A[0], "b": B[0]}, wrote={"a": "90 a", "b": "110 b"})
MOVES = {"a": A, "b": B}
PAIR = (frozenset({"i", "j"}),)
NOTHING: frozenset[str] = frozenset()


@pytest.mark.parametrize("seed", range(20))
def test_a_correct_history_is_explained(seed: int) -> None:
    """Overlapping requests, refusals and answers that never came are no reason to cry."""
    assert problems(correct(seed)) == []


RIGHT: dict[str, Run] = {
    "a read while a write is under way may see either": Run(
        [PUT_ONE, replace(PUT_TWO, ended=9), Event("read", 4, 5, seen={"x": TWO}), Event("r", 3, 5, seen={"x": ONE})], X
    ),
    "an unanswered write may come much later": Run(
        [PUT_ONE, Event("late", 2, NEVER, wrote={"x": "two"}), Event("read", 8, 9, seen={"x": ONE})], X
    ),
    "an unanswered write may never come": Run([PUT_ONE, Event("late", 2, NEVER, wrote={"x": "two"})], {"x": (ONE,)}),
    "an unanswered bundle may be there, whole": Run(
        [*OPEN, replace(MOVE, ended=NEVER, made={}, seen={})], MOVES, ACCOUNTS, 200
    ),
    "delete, then recreate": Run(
        [
            PUT_ONE,
            Event("delete", 2, 3, made={"x": Version(2)}, wrote={"x": None}),
            Event("gone", 3, 4, seen={"x": Version(2)}),
            Event("again", 5, 6, made={"x": THREE}, wrote={"x": "three"}),
        ],
        {"x": (ONE, Version(2, None, "2"), THREE)},
    ),
    "a plain create beside a conditional one": Run(
        [
            Event("create", 0, 5, added={"i": "1"}),
            Event("conditional", 0, 5, found={"i": NOTHING}, added={"i": "2"}),
            Event("find", 6, 7, found={"i": frozenset({"1", "2"})}),
        ],
        {},
        groups=PAIR,
    ),
}

WRONG: dict[str, Run] = {
    "lost update": Run(
        [
            PUT_ONE,
            Event("first", 2, 5, made={"x": TWO}, expected={"x": 1}, wrote={"x": "two"}),
            Event("second", 2, 5, made={"x": THREE}, expected={"x": 1}, wrote={"x": "three"}),
        ],
        {"x": (ONE, TWO, THREE)},
    ),
    "acknowledged write that is gone": Run([PUT_ONE, PUT_TWO], {"x": (ONE,)}),
    "stale read": Run([PUT_ONE, PUT_TWO, Event("read", 4, 5, seen={"x": ONE})], X),
    "stale read of a resource that is there": Run(
        [PUT_ONE, Event("read", 2, 3, seen={"x": Version(0)})], {"x": (ONE,)}
    ),
    "reads that go back": Run(
        [
            PUT_ONE,
            replace(PUT_TWO, ended=20),
            Event("new", 4, 5, seen={"x": TWO}),
            Event("old", 6, 7, seen={"x": ONE}),
        ],
        X,
    ),
    "read from the future": Run([PUT_ONE, Event("read", 1, 1.5, seen={"x": TWO}), PUT_TWO], X),
    "dirty read": Run([PUT_ONE, Event("read", 2, 3, seen={"x": Version(2, "never committed")})], {"x": (ONE,)}),
    "another value under the same version": Run([PUT_ONE, Event("read", 2, 3, seen={"x": Version(1, "x")})], X),
    "two answers name one version": Run(
        [PUT_ONE, PUT_TWO, Event("put other", 2, 3, made={"x": Version(2, "other")}, wrote={"x": "other"})], X
    ),
    "versions that skip": Run([PUT_ONE], {"x": (ONE, THREE)}),
    "version numbers that go back": Run(
        [
            Event("first", 0, 1, made={"x": TWO}, wrote={"x": "two"}),
            Event("then", 2, 3, made={"x": ONE}, wrote={"x": "one"}),
        ],
        X,
    ),
    "lastUpdated that goes back": Run([PUT_ONE, PUT_TWO], {"x": (replace(ONE, updated="5"), TWO)}),
    "refused and done all the same": Run(
        [PUT_ONE, Event("refused", 2, 3, wrote={"x": "two"}, expected={"x": 7}, refused=True)], X
    ),
    "refused though the version was right": Run(
        [PUT_ONE, Event("refused", 2, 3, wrote={"x": "no"}, expected={"x": 1}, refused=True)], {"x": (ONE,)}
    ),
    "a deleted resource comes back": Run(
        [
            PUT_ONE,
            Event("delete", 2, 3, made={"x": Version(2)}, wrote={"x": None}),
            Event("read", 4, 5, seen={"x": ONE}),
        ],
        {"x": (ONE, Version(2, None, "2"))},
    ),
    "recreated under its old version": Run(
        [
            PUT_ONE,
            Event("delete", 2, 3, made={"x": Version(2)}, wrote={"x": None}),
            Event("again", 4, 5, made={"x": TWO}, wrote={"x": "two"}),
        ],
        {"x": (ONE, TWO)},
    ),
    "half a bundle is there": Run([*OPEN, replace(MOVE, ended=NEVER, made={}, seen={})], {"a": A, "b": B[:1]}),
    "half a bundle is seen": Run(
        [*OPEN, MOVE, Event("audit", 1, 3, seen={"a": A[1], "b": B[0]})], MOVES, ACCOUNTS, 200
    ),
    "half a bundle is seen, one after the other": Run(
        [*OPEN, MOVE, Event("both", 1, 3, seen={"a": A[0], "b": B[1]})], MOVES
    ),
    "write skew": Run(
        [
            *OPEN,
            Event("left", 1, 5, seen={"a": A[0], "b": B[0]}, made={"a": A[1]}, wrote={"a": "90 a"}),
            Event("right", 1, 5, seen={"a": A[0], "b": B[0]}, made={"b": B[1]}, wrote={"b": "110 b"}),
        ],
        MOVES,
    ),
    "bundles that saw each other": Run(
        [
            *OPEN,
            Event("left", 1, 5, seen={"b": B[1]}, made={"a": A[1]}, wrote={"a": "90 a"}),
            Event("right", 1, 5, seen={"a": A[1]}, made={"b": B[1]}, wrote={"b": "110 b"}),
        ],
        MOVES,
    ),
    "two conditional creates": Run(
        [
            Event("first", 0, 5, found={"i": NOTHING}, added={"i": "1"}),
            Event("second", 0, 5, found={"i": NOTHING}, added={"i": "2"}),
        ],
        {},
        groups=PAIR,
    ),
    "a conditional create after a plain one": Run(
        [
            Event("create", 0, 1, added={"i": "1"}),
            Event("conditional", 2, 3, found={"i": NOTHING}, added={"i": "2"}),
        ],
        {},
        groups=PAIR,
    ),
    "write skew of criteria": Run(
        [
            Event("left", 0, 5, found={"i": NOTHING}, added={"j": "1"}),
            Event("right", 0, 5, found={"j": NOTHING}, added={"i": "2"}),
        ],
        {},
        groups=PAIR,
    ),
    "a search that does not find what is there": Run(
        [Event("create", 0, 1, added={"i": "1"}), Event("find", 2, 3, found={"i": NOTHING})], {}, groups=PAIR
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_may_be_is_explained(name: str) -> None:
    """Only what cannot be is a problem."""
    assert problems(RIGHT[name]) == []


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_found(name: str) -> None:
    """Each kind of wrong history by itself."""
    assert problems(WRONG[name])


def _stale(run: Run, chance: random.Random) -> Run | None:
    """A read of a register shows the version before one that was acknowledged when it began."""
    for place, event in _shuffled(run, chance):
        for key, version in event.seen.items():
            if key in ("x", "y") and any(
                key in other.made and other.made[key].number == version.number and other.ended < event.started
                for other in run.events
            ):
                older = run.truth[key][version.number - 2] if version.number > 1 else Version(0)
                return _with(run, place, replace(event, seen={**event.seen, key: older}))
    return None


def _lost(run: Run, chance: random.Random) -> Run | None:
    """An acknowledged version is not there."""
    for _, event in _shuffled(run, chance):
        for key, version in event.made.items():
            kept = [each for each in run.truth[key] if each.number != version.number]
            return replace(run, truth={**run.truth, key: kept})
    return None


def _torn(run: Run, chance: random.Random) -> Run | None:
    """An audit shows one account as it was before."""
    for place, event in _shuffled(run, chance):
        if "audit" in event.name:
            for key, version in event.seen.items():
                if version.number > 1:
                    older = run.truth[key][version.number - 2]
                    return _with(run, place, replace(event, seen={**event.seen, key: older}))
    return None


def _doubled(run: Run, chance: random.Random) -> Run | None:
    """A conditional create that found something made another all the same."""
    for place, event in _shuffled(run, chance):
        if event.found.get("i") and ("create" in event.name or "skew" in event.name):
            return _with(run, place, replace(event, found={"i": NOTHING}, added={"i": "another"}))
    return None


def _shuffled(run: Run, chance: random.Random) -> list[tuple[int, Event]]:
    return chance.sample(list(enumerate(run.events)), len(run.events))


def _with(run: Run, place: int, event: Event) -> Run:
    return replace(run, events=[*run.events[:place], event, *run.events[place + 1 :]])


@pytest.mark.parametrize("damage", [_stale, _lost, _torn, _doubled], ids=lambda each: each.__name__)
def test_damage_to_a_correct_history_is_found(damage: Callable[[Run, random.Random], Run | None]) -> None:
    """One answer or one version changed among a hundred and twenty."""
    damaged = [each for seed in range(15) if (each := damage(correct(seed), random.Random(seed))) is not None]
    assert len(damaged) >= 10
    for run in damaged:
        assert problems(run)
