"""The active search parameters: one table that extraction, parsing and the CapabilityStatement share (R4 section 3.1.1).

A Table is immutable and carries a ``version``: when the parameters change, a new one is built and every commit checks
which version its entries were made with (DESIGN decision 6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta, timezone, tzinfo
from typing import Any

from countyfhir.model.definitions import Definitions, SearchParameter, definitions
from countyfhir.search.compartments import COMPARTMENT, Compartments
from countyfhir.search.elements import readers
from countyfhir.search.entries import Entry
from countyfhir.search.extract import Extractor, Source, extractor
from countyfhir.search.paths import branches

COUNTY_ZONE: tzinfo = timezone(timedelta(hours=8))
"""China Standard Time, the zone of dates without one unless the caller says otherwise."""

NOT_YET: Mapping[str, str] = {
    "_text": "full text",
    "_content": "full text",
    "_list": "lists",
    "_query": "named queries",
    "_filter": "filter expressions",
    "near": "distances",
}
"""Parameters that R4 defines and that are not answered yet, with what they need."""

EXTRACTION_VERSION = 1
"""Raised whenever the same parameters would give other entries, so that a reindex follows."""


class Table:
    """Parameters by resource type, with the compiled extractors. Extractors compile on first use; threads may share it."""

    def __init__(
        self,
        known: Definitions,
        parameters: Mapping[str, Mapping[str, SearchParameter]],
        zone: tzinfo,
        bases: tuple[str, ...],
    ) -> None:
        self.definitions = known
        self.parameters = parameters
        self.zone = zone
        self.bases = bases
        self.version = _digest(parameters, zone, bases)
        self.by_url = {each.url: each for codes in parameters.values() for each in codes.values()}
        self._source = Source(known, readers(zone, bases), self.component_type)
        self._extractors: dict[str, Extractor] = {}
        self.compartments = Compartments(known.compartments, parameters, self._source)

    def of(self, resource_type: str) -> Mapping[str, SearchParameter]:
        """The parameters of a type by code; KeyError for a type that has none."""
        return self.parameters[resource_type]

    def common(self, resource_types: Iterable[str]) -> dict[str, SearchParameter]:
        """The parameters that all the types have with the same code and search type."""
        first, *others = (self.parameters[each] for each in resource_types)
        return {
            code: parameter
            for code, parameter in first.items()
            if all(code in table and table[code].type == parameter.type for table in others)
        }

    def component_type(self, url: str) -> str:
        """The search type of the parameter a composite names by its canonical url."""
        return self.by_url[url].type

    def extract(self, resource: Mapping[str, Any]) -> tuple[Entry, ...]:
        """The index entries of a resource, each once: its parameters' and its compartments'. KeyError for an unknown type."""
        resource_type = resource["resourceType"]
        extract = self._extractors.get(resource_type)
        if extract is None:
            extract = extractor(resource_type, self.parameters[resource_type].values(), self._source)
            self._extractors[resource_type] = extract
        entries = extract(resource)
        return entries + self.compartments.entries(resource_type, resource, entries)

    def compartment_patient(self, resource: Mapping[str, Any]) -> str | None:
        """The logical id of the Patient whose compartment the resource is in: its own, or the first one named."""
        return self.compartments.patient(resource)

    def chain_targets(self, parameter: SearchParameter) -> tuple[str, ...]:
        """The resource types a reference parameter leads to: what ``resolve() is`` demands, else its targets, else any."""
        narrowed = {
            condition.argument
            for path in branches(parameter.expression) or ()
            for condition in (path.steps[-1].filters if path.steps else ())
            if condition.kind == "resolve"
        }
        if narrowed:
            return tuple(sorted(narrowed))
        return parameter.targets or tuple(sorted(self.definitions.endpoint_types))


@dataclass(frozen=True, slots=True)
class Changes:
    """Custom parameters to add to (or to put in the place of) those of R4: resource type -> code -> parameter."""

    parameters: Mapping[str, Mapping[str, SearchParameter]] = field(default_factory=dict)


def table(
    *,
    zone: tzinfo = COUNTY_ZONE,
    bases: Iterable[str] = (),
    changes: Changes | None = None,
    known: Definitions | None = None,
) -> Table:
    """The table of R4's parameters with ``changes`` on top. ``bases`` are our public base URLs, without a final slash."""
    known = known or definitions()
    merged = {
        resource_type: {**parameters, **(changes.parameters.get(resource_type, {}) if changes else {})}
        for resource_type, parameters in known.search_parameters.items()
    }
    return Table(known, merged, zone, tuple(base.rstrip("/") for base in bases))


def _digest(parameters: Mapping[str, Mapping[str, SearchParameter]], zone: tzinfo, bases: tuple[str, ...]) -> str:
    """What the entries depend on, as a short text."""
    told = [
        (resource_type, code, each.type, each.expression, each.components)
        for resource_type, codes in sorted(parameters.items())
        for code, each in sorted(codes.items())
    ]
    seed = repr((EXTRACTION_VERSION, str(zone), bases, told, COMPARTMENT))
    return hashlib.sha256(seed.encode()).hexdigest()[:16]
