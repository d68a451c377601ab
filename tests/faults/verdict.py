"""What is wrong with a run: its events against the versions that the store shows in the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.faults import models
from tests.faults.events import Event
from tests.faults.linearizable import stuck_at
from tests.faults.serializable import Truth, cycle


@dataclass(frozen=True, slots=True)
class Run:
    """``truth``: all versions of each register and account. ``held``: the logical ids that each identifier had in the
    end, or ever. ``accounts`` are resources whose balances add up to ``total``."""

    events: Sequence[Event]
    truth: Truth
    accounts: frozenset[str] = frozenset()
    total: int = 0
    groups: Sequence[frozenset[str]] = field(default_factory=tuple)


def problems(run: Run) -> list[str]:
    """Everything wrong, in sentences; empty when the run can be explained."""
    events, found = resolved(run.events, run.truth)
    found += [*broken_chains(run.truth), *unknown_values(events, run.truth), *sums(run)]
    for key, versions in run.truth.items():
        own = [event for event in events if key in event.seen or key in event.made or key in event.expected]
        if stuck := stuck_at(own, 0, models.register(key, versions)):
            found.append(f"{key} is not linearizable: {told(stuck, key)} cannot be explained")
    if around := cycle([event for event in events if not event.refused], run.truth):
        found.append(f"bundles are not serializable: {' '.join(around)}")
    for names in run.groups:
        own = [event for event in events if names & {*event.found, *event.added, *event.removed}]
        if stuck := stuck_at(own, frozenset(), models.identifiers(names)):
            found.append(f"{', '.join(sorted(names))}: what {stuck.name} found cannot be explained: {stuck.found}")
    return found


def told(event: Event, key: str) -> str:
    """The event in a few words."""
    said = {"seen": event.seen.get(key), "made": event.made.get(key), "expected": event.expected.get(key)}
    return event.name + "".join(f" {name} {value}" for name, value in said.items() if value is not None)


def resolved(events: Iterable[Event], truth: Truth) -> tuple[list[Event], list[str]]:
    """The events, those without an answer with what they made, as the store shows it; left out when they made nothing.
    Values are unique, so the versions tell; deletions are given out in order. A bundle of which only a part is there
    is a problem."""
    places = {version.value: (key, version) for key, all_ in truth.items() for version in all_ if version.value}
    known, open_, found = [], [], list[str]()
    for event in events:
        (open_ if event.open and not event.refused else known).append(event)
    claimed = {(key, version.number) for event in known for key, version in event.made.items()}
    free = {
        key: [each for each in versions if each.value is None and (key, each.number) not in claimed]
        for key, versions in truth.items()
    }
    for event in sorted(open_, key=lambda each: each.started):
        there = {key: places[value][1] for key, value in event.wrote.items() if value and value in places}
        there |= {
            key: free[key].pop(0) for key, value in event.wrote.items() if value is None and key in free and free[key]
        }
        if 0 < len(there) < len(event.wrote):
            found.append(f"half of {event.name} is there: {sorted(there)} of {sorted(event.wrote)}")
        if there or event.added or event.removed:
            known.append(replace(event, made=there, seen={}))
    return known, found


def broken_chains(truth: Truth) -> Iterator[str]:
    """Version numbers count up from 1, and lastUpdated never goes back."""
    for key, versions in truth.items():
        numbers = [version.number for version in versions]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{key}: its versions are {numbers}"
        stamps = [version.updated for version in versions]
        if stamps != sorted(stamps):
            yield f"{key}: lastUpdated goes back: {stamps}"


def unknown_values(events: Iterable[Event], truth: Truth) -> Iterator[str]:
    """What was seen or acknowledged is a version that stayed; what was refused is none."""
    values: Mapping[str, set[tuple[int, str | None]]] = {
        key: {(version.number, version.value) for version in versions} for key, versions in truth.items()
    }
    for event in events:
        for word, versions in (("saw", event.seen), ("made", event.made)):
            for key, version in versions.items():
                if version.number and (version.number, version.value) not in values.get(key, set()):
                    yield f"{event.name} {word} {key}/{version.number}, which is not there (dirty read or lost write)"
        if event.refused:
            for key, value in event.wrote.items():
                if value and value in {each for _, each in values.get(key, ())}:
                    yield f"{event.name} was refused and is there all the same"


def balance(value: str | None) -> int:
    """The balance that an account's value begins with."""
    return int((value or "0 ").partition(" ")[0])


def sums(run: Run) -> Iterator[str]:
    """Whoever saw all accounts at once saw the whole sum."""
    for event in run.events:
        if run.accounts and run.accounts <= event.seen.keys() and not event.made:
            total = sum(balance(event.seen[key].value) for key in run.accounts)
            if total != run.total:
                yield f"{event.name} saw a sum of {total} instead of {run.total} (half a bundle)"


def by_group(pairs: Iterable[tuple[str, str]]) -> tuple[frozenset[str], ...]:
    """Identifiers that events join, in groups that no event crosses."""
    joined: defaultdict[str, set[str]] = defaultdict(set)
    for first, second in pairs:
        group = joined[first] | joined[second] | {first, second}
        for each in group:
            joined[each] = group
    return tuple({frozenset(group) for group in joined.values()})
