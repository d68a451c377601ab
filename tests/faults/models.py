"""What a correct server is, for the checker: a register with versions, and resources found by identifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tests.faults.events import Event, Version

Held = frozenset[tuple[str, str]]
"""Which resource lies under which identifier: (identifier, logical id)."""


def register(key: str, truth: Sequence[Version]) -> Callable[[int, Event], int | None]:
    """One resource, whose versions are ``truth`` (the first is version 1). The state is the number of the present
    version, 0 before the first."""
    versions = {version.number: version for version in truth}

    def step(state: int, event: Event) -> int | None:
        seen, made, expected = event.seen.get(key), event.made.get(key), event.expected.get(key)
        present = versions.get(state)
        if seen is not None and not _is(seen, state, present):
            return None
        if event.refused:
            return state if expected is None or expected != state else None
        if expected is not None and expected != state:
            return None
        if made is None:
            return state
        if made.value is None and made.number == state and present is not None and present.value is None:
            return state  # deleting what is deleted changes nothing
        if made.number != state + 1 or (made.number in versions and versions[made.number].value != made.value):
            return None
        return made.number

    return step


def _is(seen: Version, state: int, present: Version | None) -> bool:
    if present is None or state == 0:
        return seen.number == state and seen.value is None
    if seen.value is None and seen.number == 0:
        return False
    return seen.number == state and seen.value == present.value


def identifiers(names: frozenset[str]) -> Callable[[Held, Event], Held | None]:
    """Resources under these identifiers. What a criteria found is what lay there; what was added lies there then."""

    def step(state: Held, event: Event) -> Held | None:
        for identifier, ids in event.found.items():
            if identifier in names and ids != {each for name, each in state if name == identifier}:
                return None
        if event.refused:
            return state
        return (state | pairs(event.added, names)) - pairs(event.removed, names)

    return step


def pairs(by_identifier: Mapping[str, str], names: frozenset[str]) -> Held:
    """(identifier, logical id) of those that concern these identifiers."""
    return frozenset(each for each in by_identifier.items() if each[0] in names)
