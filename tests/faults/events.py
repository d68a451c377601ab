"""What clients of a fault run noted: who asked what when, and what the answer said was there, was made, was refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

NEVER = math.inf
"""The end of an event whose answer never came (or was a 503): it may have happened at any time after its start."""

Value = str | None
"""What a version says; None: the version is a deletion."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a resource; ``number`` 0 and no value: it was never there. ``updated`` is lastUpdated as text, which
    orders like the instant."""

    number: int
    value: Value = None
    updated: str = ""


ABSENT = Version(0)


@dataclass(frozen=True, slots=True)
class Event:
    """One request. ``seen``: versions the answer showed, by resource. ``made``: versions it said it made. ``expected``:
    the version numbers it was conditional on. ``wrote``: the values it sent, whether or not an answer came. ``found``:
    the logical ids that a criteria found. ``added``: identifiers given to new resources. ``removed``: resources taken
    from under an identifier. ``refused``: it had no effect, because of ``expected`` or another rule."""

    name: str
    started: float
    ended: float
    seen: Mapping[str, Version] = field(default_factory=dict)
    made: Mapping[str, Version] = field(default_factory=dict)
    expected: Mapping[str, int] = field(default_factory=dict)
    wrote: Mapping[str, Value] = field(default_factory=dict)
    found: Mapping[str, frozenset[str]] = field(default_factory=dict)
    added: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    refused: bool = False

    @property
    def open(self) -> bool:
        """Whether nobody knows what became of it."""
        return self.ended == NEVER
