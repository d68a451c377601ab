"""What an evaluation knows besides its input: variables, given functions, time (FHIRPath N1 section 9, R4 2.26)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from countyfhir.fhirpath.item import EMPTY, Node, Nodes
from countyfhir.fhirpath.units import Canonical, canonical


@dataclass(frozen=True, slots=True)
class Given:
    """Functions and values given by the caller; each is None when the caller has none.

    ``resolve(url)`` answers a resource or None without waiting; ``member_of(value, type_name, value_set_url)``,
    ``subsumes(coding, coding)`` and ``conforms_to(resource, profile_url)`` answer true, false, or None when unknown;
    ``trace(name, values)`` receives what trace() logs; ``canonical_unit(code)`` replaces the small UCUM table.
    """

    resolve: Callable[[str], dict[str, Any] | None] | None = None
    member_of: Callable[[Any, str, str], bool | None] | None = None
    subsumes: Callable[[Any, Any], bool | None] | None = None
    conforms_to: Callable[[Any, str], bool | None] | None = None
    trace: Callable[[str, list[Any]], None] | None = None
    canonical_unit: Callable[[str], Canonical | None] = canonical
    variables: Mapping[str, Any] = field(default_factory=dict)
    now: datetime | None = None


NOTHING_GIVEN = Given()


class Scope:
    """The state of one evaluation. ``locating``: nodes carry the place they were found at."""

    _resource: dict[str, Any] | None = None
    _root: dict[str, Any] | None = None
    index: int | None = None
    total: Nodes = EMPTY
    defined: dict[str, Nodes] | None = None
    locating = False
    now: datetime | None = None

    def __init__(
        self, context: Nodes, resource: dict[str, Any] | None, root: dict[str, Any] | None, given: Given
    ) -> None:
        self.context = context
        self.given = given
        if resource is not None:
            self._resource = resource
        if root is not None:
            self._root = root

    def resource(self) -> Node | None:
        """``%resource``: as given, else the input itself."""
        if self._resource is not None:
            return (self._resource, self._resource.get("resourceType", "Resource"), None)
        return self.context[0] if self.context else None

    def root(self) -> Node | None:
        """``%rootResource``: as given, else ``%resource``."""
        if self._root is not None:
            return (self._root, self._root.get("resourceType", "Resource"), None)
        return self.resource()

    def instant(self) -> datetime:
        """The same moment throughout one evaluation, with a zone."""
        if self.now is None:
            self.now = self.given.now or datetime.now().astimezone()
        return self.now
