"""The active search parameters: one table that extraction, parsing and the CapabilityStatement share (R4 section
3.1.1).

A Table is immutable and carries a ``version``: when the parameters change, a new one is built and every commit
checks which version its entries were made with (DESIGN decision 6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from functools import cache, cached_property, lru_cache

from countyfhir.model.definitions import Definitions, SearchParameter, definitions
from countyfhir.search.compartments import COMPARTMENT
from countyfhir.search.extract import Indexer
from countyfhir.search.named_queries import NAMED
from countyfhir.search.paths import branches

Parameters = Mapping[str, Mapping[str, SearchParameter]]
Waiting = Mapping[str, Mapping[str, str]]
"""Resource type -> code -> the job that makes its entries: indexed, but not to be searched yet."""

QUERY = "_query"

WITHOUT_EXPRESSION = frozenset({"_id", "_lastUpdated", "_text", "_content", "_list", "_filter", QUERY})
"""Parameters that are answered although R4 gives them no expression, or not by it."""

EVERYWHERE: Mapping[str, SearchParameter] = {
    code: SearchParameter(code, "special", "", "") for code in ("_list", "_filter")
}
"""Parameters of every type for which R4 publishes no definition."""

SORTABLE = frozenset({"token", "string", "reference", "date", "number", "quantity", "uri"})

EXTRACTION_VERSION = 6
"""Raised whenever the same parameters would give other entries, so that a reindex follows."""

_MOST_INDEXERS = 8


class Table:
    """Parameters by resource type and code, and what is compiled from them. Threads may share it."""

    def __init__(self, known: Definitions, indexed: Parameters, waiting: Waiting | None = None) -> None:
        self.definitions = known
        self.indexed = indexed
        self.waiting = waiting or {}
        self.parameters = _ready(indexed, self.waiting)
        self.version = _digest(indexed)
        self._by_url = {each.url: each for codes in indexed.values() for each in codes.values()}
        self._indexers = lru_cache(maxsize=_MOST_INDEXERS)(self._new_indexer)

    def of(self, resource_type: str) -> Mapping[str, SearchParameter]:
        """The parameters of a type by code; KeyError for a type that has none."""
        return self.parameters[resource_type]

    @lru_cache(maxsize=64)  # noqa: B019 - a table lives as long as the process
    def shared(self, resource_types: tuple[str, ...]) -> Mapping[str, SearchParameter]:
        """The parameters that all the types have with one code and one search type."""
        if len(resource_types) == 1:
            return self.parameters[resource_types[0]]
        first, *others = (self.parameters[each] for each in resource_types)
        return {
            code: parameter
            for code, parameter in first.items()
            if all(code in table and table[code].type == parameter.type for table in others)
        }

    def waits_for(self, resource_types: Iterable[str], code: str) -> str | None:
        """The job that must finish before the parameter of that code can be searched on the types; None: no such."""
        jobs = (self.waiting.get(each, {}).get(code) for each in resource_types)
        return next((job for job in jobs if job is not None), None)

    def component_type(self, url: str) -> str:
        """The search type of the parameter that a composite names by its canonical url."""
        return self._by_url[url].type

    def indexer(self, zone: tzinfo, bases: tuple[str, ...]) -> Indexer:
        """The extractors for dates in ``zone`` and references to ``bases`` (without a final slash)."""
        return self._indexers(zone, bases)

    def _new_indexer(self, zone: tzinfo, bases: tuple[str, ...]) -> Indexer:
        return Indexer(self.definitions, self.indexed, self.component_type, zone, bases)

    @cached_property
    def endpoint_types(self) -> tuple[str, ...]:
        """All types that can be searched, sorted."""
        return tuple(sorted(self.definitions.endpoint_types))

    @cached_property
    def links(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each reference parameter as ``_include`` names it, with the types it leads to (() any), sorted."""
        return tuple(
            (f"{source}:{code}", targets(parameter))
            for source in self.endpoint_types
            for code, parameter in sorted(self.of(source).items())
            if parameter.type == "reference"
        )


def table(changes: Parameters | None = None, known: Definitions | None = None, waiting: Waiting | None = None) -> Table:
    """R4's parameters with ``changes`` (resource type -> code -> parameter) on top."""
    known = known or definitions()
    changes = changes or {}
    merged = {name: {**codes, **EVERYWHERE, **changes.get(name, {})} for name, codes in known.search_parameters.items()}
    for name in merged.keys() - NAMED.keys():
        merged[name].pop(QUERY, None)
    return Table(known, merged, waiting)


@cache
def active() -> Table:
    """The table of R4 alone, built once a process."""
    return table()


def targets(parameter: SearchParameter) -> tuple[str, ...]:
    """The resource types a reference parameter leads to: what its ``resolve() is`` demands, else its targets; ()
    any."""
    if "resolve" not in parameter.expression:  # nearly all: reading the paths would take longer than all the rest
        return parameter.targets
    narrowed = {
        condition.argument
        for path in branches(parameter.expression) or ()
        for condition in (path.steps[-1].filters if path.steps else ())
        if condition.kind == "resolve"
    }
    return tuple(sorted(narrowed)) or parameter.targets


def is_answered(parameter: SearchParameter) -> bool:
    """Whether searching by the parameter works."""
    return bool(parameter.expression) or parameter.code in WITHOUT_EXPRESSION


def of(resource_type: str, among: Table) -> list[SearchParameter]:
    """What a search on the type may use, by code."""
    return sorted(filter(is_answered, among.of(resource_type).values()), key=lambda each: each.code)


def common(among: Table) -> list[SearchParameter]:
    """What a search on the whole server may use, by code."""
    return sorted(filter(is_answered, among.shared(among.endpoint_types).values()), key=lambda each: each.code)


def includes(resource_type: str, among: Table) -> list[str]:
    """The values of ``_include`` on the type: ``*`` and each reference parameter."""
    codes = sorted(each.code for each in among.of(resource_type).values() if each.type == "reference")
    return ["*", *(f"{resource_type}:{code}" for code in codes)]


def revincludes(resource_type: str, among: Table) -> list[str]:
    """The values of ``_revinclude`` on the type: ``*`` and each reference parameter that may point to it."""
    return ["*", *(name for name, types in among.links if not types or resource_type in types)]


def leads_to(parameter: SearchParameter, resource_type: str) -> bool:
    """Whether the reference parameter may point to the type."""
    allowed = targets(parameter)
    return not allowed or resource_type in allowed


def named(codes: Iterable[str]) -> str:
    """Codes as a sentence lists them."""
    return ", ".join(sorted(codes))


def _ready(indexed: Parameters, waiting: Waiting) -> Parameters:
    """Those that can be searched."""
    return {
        name: {code: each for code, each in codes.items() if code not in waiting[name]} if name in waiting else codes
        for name, codes in indexed.items()
    }


def _digest(parameters: Parameters) -> str:
    """What the entries depend on, as a short text."""
    told = [
        (resource_type, code, each.type, each.expression, each.components)
        for resource_type, codes in sorted(parameters.items())
        for code, each in sorted(codes.items())
    ]
    return hashlib.sha256(repr((EXTRACTION_VERSION, told, COMPARTMENT)).encode()).hexdigest()[:16]


def shared_codes(among: Table, resource_types: tuple[str, ...]) -> list[str]:
    """The codes that a search on the types may use."""
    return sorted(each.code for each in among.shared(resource_types).values() if is_answered(each))
