"""A compiled element of a profile at work: its judges on each value, cardinality and slices of its children."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from countyfhir.validation.profiles.spot import Judge, Run, Spot
from countyfhir.validation.rules.finding import Finding, below

Located = tuple[str, Spot]
"""The step to a value from its holder, and the value."""
SliceFindings = Callable[[str, list[Located], Run], "list[Finding] | None"]
"""What is wrong with the slices of an element: its name, its values."""


@dataclass(slots=True)
class Check:
    """What one value of an element must be; ``label`` is the profile and element id that findings name."""

    label: str
    judges: tuple[Judge, ...] = ()
    children: tuple[Child, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.judges or self.children)

    def findings(self, spot: Spot, run: Run) -> list[Finding] | None:
        """Everything that is wrong with the value."""
        found: list[Finding] | None = None
        for judge in self.judges:
            answer = judge(spot, run)
            if answer:
                found = answer if found is None else found + answer
        if self.children:
            container = spot.container
            for child in self.children:
                answer = child.findings(container, run)
                if answer:
                    found = answer if found is None else found + answer
        return found


@dataclass(frozen=True, slots=True)
class Property:
    """A JSON property of an element: ``value[x]`` has one a type. ``type_name`` None: a resource, which tells it."""

    key: str
    type_name: str | None


@dataclass(slots=True)
class Child:
    """An element below another: where it lies, how often it must be there, what its values must be.

    ``minimum`` 0 and ``maximum`` None ask nothing; ``repeats`` as in the base definition; ``slices`` checks the slices
    with their own counts; ``supported`` is mustSupport.
    """

    name: str
    label: str
    properties: tuple[Property, ...]
    minimum: int = 0
    maximum: int | None = None
    check: Check = field(default_factory=lambda: Check(""))
    slices: SliceFindings | None = None
    supported: bool = False

    @property
    def asks(self) -> bool:
        """Whether there is anything to check."""
        return bool(self.minimum or self.maximum is not None or self.check or self.slices or self.supported)

    def located(self, container: dict[str, Any]) -> list[Located]:
        """The values of this element in their holder."""
        result: list[Located] = []
        for one in self.properties:
            value, beside = container.get(one.key), container.get("_" + one.key)
            if value is None and beside is None:
                continue
            result += values_of(self.name, value, beside, one.type_name)
        return result

    def findings(self, container: dict[str, Any], run: Run) -> list[Finding] | None:
        """Everything that is wrong with this element in its holder."""
        located = self.located(container)
        found = self.count_wrong(len(located), run)
        if located and self.check:
            for step, spot in located:
                answer = self.check.findings(spot, run)
                if answer:
                    found = (found or []) + below(step, answer)
        if self.slices is not None:
            answer = self.slices(self.name, located, run)
            if answer:
                found = (found or []) + answer
        return found

    def count_wrong(self, count: int, run: Run) -> list[Finding] | None:
        """Too few or too many."""
        if count < self.minimum:
            return [Finding(f".{self.name}" if count else "", *too_few(self.name, count, self.minimum, self.label))]
        if self.maximum is not None and count > self.maximum:
            return [Finding(f".{self.name}", *too_many(self.name, count, self.maximum, self.label))]
        if not count and self.supported and run.supported:
            text = f"{self.name} is not there; systems that follow the profile must support it."
            return [Finding("", "informational", text, "information", self.label)]
        return None


def too_few(name: str, count: int, minimum: int, label: str) -> tuple[str, str, str, str]:
    """What is said of too few values."""
    there = f"at least {minimum} times, it is there {count} times" if minimum > 1 else "and is missing"
    return "required", f"{name} is required by the profile {there}.", "error", label


def too_many(name: str, count: int, maximum: int, label: str) -> tuple[str, str, str, str]:
    """What is said of too many values."""
    if maximum == 0:
        return "structure", f"{name} must not be used in this profile.", "error", label
    return "structure", f"The profile takes at most {maximum} of {name}, there are {count}.", "error", label


def values_of(name: str, value: Any, beside: Any, type_name: str | None) -> Iterator[Located]:
    """The values of one property, each with its sibling."""
    if not isinstance(value, list) and not isinstance(beside, list):
        yield f".{name}", Spot(value, beside, type_name or resource_type(value))
        return
    values = value if isinstance(value, list) else []
    besides = beside if isinstance(beside, list) else []
    for index in range(max(len(values), len(besides))):
        one = values[index] if index < len(values) else None
        extra = besides[index] if index < len(besides) else None
        yield f".{name}[{index}]", Spot(one, extra, type_name or resource_type(one))


def resource_type(value: Any) -> str:
    """The type a resource says it has."""
    return str(value.get("resourceType", "Resource")) if isinstance(value, dict) else "Resource"
