"""Whether somebody was told of everything: what was acknowledged against what a receiver took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """``lost``: acknowledged and never told; ``disordered``: numbers that first came before a smaller one, or were left
    out; ``mixed``: numbers that stood for several things; ``duplicates``: what came again, which is allowed."""

    lost: frozenset[str]
    disordered: tuple[int, ...]
    mixed: tuple[int, ...]
    duplicates: int

    @property
    def wrong(self) -> int:
        """How many things must not be."""
        return len(self.lost) + len(self.disordered) + len(self.mixed)


def judged(acknowledged: Iterable[str], taken: Sequence[tuple[int, str]]) -> Told:
    """The verdict on what one Subscription took, as (number, resource) in the order it came."""
    first: dict[int, str] = {}
    disordered, mixed = [], []
    for number, resource in taken:
        if number not in first:
            if number != len(first) + 1:
                disordered.append(number)
            first[number] = resource
        elif first[number] != resource:
            mixed.append(number)
    lost = frozenset(acknowledged) - {resource for _, resource in taken}
    return Told(lost, tuple(disordered), tuple(mixed), len(taken) - len(first))
