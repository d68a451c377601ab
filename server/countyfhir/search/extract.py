"""From a resource to what it is found by: index entries, literal references, the patient it belongs to (DESIGN
decision 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Protocol

from countyfhir.model.definitions import Definitions, SearchParameter
from countyfhir.outcome import FhirError
from countyfhir.search import contained, full_text, unions
from countyfhir.search.compartments import Compartments
from countyfhir.search.elements import readers
from countyfhir.search.entries import Entry
from countyfhir.search.extractor import Extractor, Source, extractor
from countyfhir.search.references import named, references, references_in

Parameters = Mapping[str, Mapping[str, SearchParameter]]


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is written beside a resource (see ``exchange.Write``)."""

    entries: tuple[Entry, ...]
    references: tuple[tuple[str, str], ...]
    patient: str | None


class Indexer:
    """The compiled extractors for one zone and one set of base URLs; they compile on first use. Threads may share
    it."""

    def __init__(
        self,
        known: Definitions,
        parameters: Parameters,
        component_type: Callable[[str], str],
        zone: tzinfo,
        bases: tuple[str, ...],
    ) -> None:
        self._parameters = parameters
        self.bases = bases
        self._source = Source(known, readers(zone, bases), component_type)
        self._extractors: dict[str, Extractor] = {}
        self.compartments = Compartments(known.compartments, parameters, self._source)

    def entries(self, resource: Mapping[str, Any]) -> tuple[Entry, ...]:
        """The entries of the resource's parameters, of its compartments and of its words. KeyError for an unknown
        type."""
        resource_type = resource["resourceType"]
        entries = self._extracted(resource)
        compartments = self.compartments.entries(resource_type, resource, entries)
        if "contained" in resource:
            entries = contained.entries(resource, self._extracted, entries)
        return entries + named(resource) + compartments + full_text.entries(resource)

    def _extracted(self, resource: Mapping[str, Any]) -> tuple[Entry, ...]:
        """The entries of the parameters of the resource's type."""
        resource_type = resource["resourceType"]
        extract = self._extractors.get(resource_type)
        if extract is None:
            made = unions.of_type(resource_type, self._source.definitions)
            own = [each for code, each in self._parameters[resource_type].items() if code not in made]
            extract = extractor(resource_type, own, self._source)
            self._extractors[resource_type] = extract
        return extract(resource)

    def compartment_patient(self, resource: Mapping[str, Any]) -> str | None:
        """The logical id of the Patient whose compartment the resource is in: its own, or the first one named."""
        return self.compartments.patient(resource)

    def index(self, resource: dict[str, Any], text: bytes | None = None) -> Indexed:
        """Everything in one go; ``text`` is the resource's compact JSON text where it is at hand. FhirError
        ``structure`` for a resource that is not shaped as its type (which can only come here when structural validation
        is switched off)."""
        try:
            entries = self.entries(resource)
            linked = references(resource, self.bases) if text is None else references_in(text, self.bases)
            return Indexed(entries, linked, self.compartments.patient_among(resource, entries))
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            name = str(resource.get("resourceType"))[:64]
            diagnostics = f"The {name} cannot be indexed: an element is not of the type that R4 gives it."
            raise FhirError("structure", diagnostics, expression=name) from error


class Indexing(Protocol):
    """What ``index`` needs of a search context (``parse.Context`` is one)."""

    @property
    def indexer(self) -> Callable[[str], Indexer]:
        """The indexer of a base URL."""

    @property
    def relations(self) -> Callable[[Mapping[str, Any], tuple[str, ...]], tuple[Entry, ...]]:
        """Further entries of a resource, with our base URLs."""


def index(resource: dict[str, Any], context: Indexing, base: str, text: bytes | None = None) -> Indexed:
    """What ``resource`` is found by on this server; absolute references to ``base`` are local ones. ``text`` is its
    compact JSON text where it is at hand."""
    indexer = context.indexer(base)
    found = indexer.index(resource, text)
    further = context.relations(resource, indexer.bases)
    return replace(found, entries=found.entries + further) if further else found
