"""Slices at work: which values belong to which slice, and what each slice asks (R4 section 5.1.0.11 to 5.1.0.13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from countyfhir.validation.profiles.element_check import Check, Located, too_few, too_many
from countyfhir.validation.profiles.spot import Run, Spot
from countyfhir.validation.rules.finding import Finding, below

DEFAULT = "@default"
"""The slice of what belongs to no other (R4 section 5.1.0.13)."""
Belongs = Callable[[Spot, Run], bool]


@dataclass(slots=True)
class Slice:
    """One slice: who belongs to it, how many there must be, what they must be; ``slicing`` are its reslices."""

    name: str
    label: str
    belongs: Belongs
    minimum: int
    maximum: int | None
    check: Check
    slicing: Slicing | None = None
    supported: bool = False

    def findings(self, name: str, located: list[Located], run: Run) -> list[Finding]:
        """What is wrong with the slice and the values that belong to it."""
        found: list[Finding] = []
        called = f"{name} (slice {self.name})"
        if len(located) < self.minimum:
            found.append(Finding("", *too_few(called, len(located), self.minimum, self.label)))
        if self.maximum is not None and len(located) > self.maximum:
            step = located[self.maximum][0]
            found.append(Finding(step, *too_many(called, len(located), self.maximum, self.label)))
        if not located and self.supported and run.supported:
            text = f"{called} is not there; systems that follow the profile must support it."
            found.append(Finding("", "informational", text, "information", self.label))
        for step, spot in located:
            found += below(step, self.check.findings(spot, run) or [])
        if self.slicing is not None:
            found += self.slicing.findings(name, located, run) or []
        return found


@dataclass(slots=True)
class Slicing:
    """The slices of an element, and what is asked of values that belong to none."""

    label: str
    rules: str
    ordered: bool
    slices: tuple[Slice, ...]
    default: Slice | None = None

    def findings(self, name: str, located: list[Located], run: Run) -> list[Finding] | None:
        """Everything that is wrong with the slices and the rest."""
        members: list[list[Located]] = [[] for _ in self.slices]
        order: list[int] = []
        for one in located:
            position = self.position(one[1], run)
            order.append(position)
            if position < len(self.slices):
                members[position].append(one)
        found: list[Finding] = []
        for one_slice, its in zip(self.slices, members, strict=True):
            found += one_slice.findings(name, its, run)
        found += self.rest(name, located, order, run)
        if self.ordered:
            found += self.out_of_order(located, order)
        return found or None

    def position(self, spot: Spot, run: Run) -> int:
        """The slice a value belongs to; the number of slices for none."""
        return next((at for at, one in enumerate(self.slices) if one.belongs(spot, run)), len(self.slices))

    def rest(self, name: str, located: list[Located], order: list[int], run: Run) -> list[Finding]:
        """What is wrong with values that belong to no slice."""
        none = len(self.slices)
        outside = [at for at, position in enumerate(order) if position == none]
        if self.default is not None:
            return self.default.findings(name, [located[at] for at in outside], run)
        known = ", ".join(one.name for one in self.slices)
        if self.rules == "closed":
            text = f"This {name} belongs to none of the slices the profile allows: {known}."
            return [Finding(located[at][0], "structure", text, "error", self.label) for at in outside]
        last = max((at for at, position in enumerate(order) if position < none), default=-1)
        if self.rules == "openAtEnd" and any(at < last for at in outside):
            text = f"What belongs to none of the slices {known} must come after them."
            return [Finding(located[at][0], "structure", text, "error", self.label) for at in outside if at < last]
        return []

    def out_of_order(self, located: list[Located], order: list[int]) -> list[Finding]:
        """Values whose slice should have come before one that was there."""
        found: list[Finding] = []
        furthest = -1
        for (step, _), position in zip(located, order, strict=True):
            if position == len(self.slices):
                continue
            if position < furthest:
                text = f"The slices must be in this order: {', '.join(one.name for one in self.slices)}."
                found.append(Finding(step, "structure", text, "error", self.label))
            furthest = max(furthest, position)
        return found
