"""What search text is read against: the active parameters, our base URL, the county's zone, limits (R4 section
3.1.1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from typing import Any, Protocol

from countyfhir.search.entries import Entry
from countyfhir.search.extract import Indexer
from countyfhir.search.parameters import Table, active

COUNTY_ZONE: tzinfo = timezone(timedelta(hours=8))
"""China Standard Time, the zone of dates without one unless the caller says otherwise."""


def microseconds_now() -> int:
    """The present instant, in microseconds since 1970-01-01T00:00Z."""
    return time.time_ns() // 1_000


class CodeSet(Protocol):
    """The codes of a value set: whole code systems, and (system, code)."""

    @property
    def whole_systems(self) -> frozenset[str]: ...
    @property
    def pairs(self) -> frozenset[tuple[str, str]]: ...


class Concepts(Protocol):
    """What search asks of the terminology; None: the value set or code system is not known here."""

    def codes(self, value_set: str) -> CodeSet | None:
        """The codes of a value set by its url, which may carry ``|version``."""

    def below(self, system: str, code: str) -> frozenset[str] | None:
        """The code and all that it subsumes."""

    def above(self, system: str, code: str) -> frozenset[str] | None:
        """The code and all that subsume it."""


def _nothing(resource: Mapping[str, Any], bases: tuple[str, ...]) -> tuple[Entry, ...]:
    return ()


@dataclass(frozen=True)
class Context:
    """One object per server; ``dataclasses.replace(context, base=…)`` for the base URL of a request. ``relations`` are
    further entries of a resource, with our base URLs: who may see whose record."""

    parameters: Table
    zone: tzinfo = COUNTY_ZONE
    base: str = "http://127.0.0.1:8080/fhir"
    default_count: int = 20
    max_count: int = 1_000
    now: Callable[[], int] = microseconds_now
    concepts: Concepts | None = None
    relations: Callable[[Mapping[str, Any], tuple[str, ...]], tuple[Entry, ...]] = _nothing

    def indexer(self, base: str = "") -> Indexer:
        """The indexer for references to our base and to ``base``."""
        bases = dict.fromkeys(each.rstrip("/") for each in (self.base, base) if each)
        return self.parameters.indexer(self.zone, tuple(bases))


def default_context() -> Context:
    """A context with R4's own parameters and the defaults of everything else."""
    return Context(active())
