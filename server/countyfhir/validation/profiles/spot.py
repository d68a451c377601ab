"""Where a profile's checks stand while they run: one value with its type, and what they are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from countyfhir.validation.rules.finding import Around, Finding


class Spot(NamedTuple):
    """A value of a resource: ``beside`` is the ``_element`` of a primitive, ``type_name`` the type it really has."""

    value: Any
    beside: Any
    type_name: str

    @property
    def container(self) -> dict[str, Any]:
        """What holds the children: the object itself, or the sibling of a primitive."""
        if isinstance(self.value, dict):
            return self.value
        return self.beside if isinstance(self.beside, dict) else {}


@dataclass(slots=True)
class Run:
    """One check of one resource. ``open`` are the (resource, profile) pairs that are being checked: a resource that
    refers back to one of them is taken as conforming until that check ends. ``supported`` asks for information on
    absent mustSupport elements."""

    around: Around
    open: set[tuple[int, str]] = field(default_factory=set)
    supported: bool = False


Judge = Callable[[Spot, Run], "list[Finding] | None"]
"""What is wrong with a value; None when nothing is."""


def errors(found: list[Finding] | None) -> bool:
    """Whether something found is an error."""
    return any(one.severity in ("error", "fatal") for one in found or ())
