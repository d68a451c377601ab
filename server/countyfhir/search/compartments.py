"""Which compartments a resource is in: Patient, Encounter, RelatedPerson, Practitioner, Device (R4 section
3.1.0.12.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from countyfhir.model.definitions import SearchParameter
from countyfhir.search.entries import REFERENCE, Entry
from countyfhir.search.extractor import Extractor, Source, extractor

COMPARTMENT = "_compartment"
"""The parameter name of membership entries: ``(REFERENCE, "_compartment", 0, compartment type, id)``. Membership
differs by resource type, so it is settled when the entries are made and a compartment search is one look-up for all
types."""

ITSELF = "{def}"


class Compartments:
    """Membership by the parameters that the CompartmentDefinitions name."""

    def __init__(
        self,
        definitions: Mapping[str, Mapping[str, tuple[str, ...]]],
        parameters: Mapping[str, Mapping[str, SearchParameter]],
        source: Source,
    ) -> None:
        self.definitions = definitions
        self._parameters = parameters
        self._source = source
        self._named = _by_type(definitions)
        self._patient_extractors: dict[str, Extractor] = {}

    def types_in(self, compartment_type: str) -> tuple[str, ...]:
        """The resource types that may be in a compartment, the compartment's own among them; KeyError when there is
        none."""
        members = {name for name, codes in self.definitions[compartment_type].items() if codes}
        return tuple(sorted(members | {compartment_type}))

    def entries(self, resource_type: str, resource: Mapping[str, Any], entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """The membership entries that follow from the other entries; a resource is in its own compartment."""
        named = self._named.get(resource_type, {})
        memberships: dict[Entry, None] = {}
        if resource_type in self.definitions and "id" in resource:
            memberships[(REFERENCE, COMPARTMENT, 0, resource_type, resource["id"])] = None
        for entry in entries:
            if entry[0] == REFERENCE and entry[3] in named and entry[1] in named[entry[3]]:
                memberships[(REFERENCE, COMPARTMENT, 0, entry[3], entry[4])] = None
        return tuple(memberships)

    def patient(self, resource: Mapping[str, Any]) -> str | None:
        """The first patient in the order of the compartment's parameters; a Patient's own id."""
        resource_type = resource["resourceType"]
        if resource_type == "Patient":
            return resource.get("id")
        codes = self._named.get(resource_type, {}).get("Patient", ())
        if not codes:
            return None
        return _first_patient(codes, self._patients_of(resource_type, codes)(resource))

    def patient_among(self, resource: Mapping[str, Any], entries: Iterable[Entry]) -> str | None:
        """The same from the entries of all its parameters."""
        resource_type = resource["resourceType"]
        if resource_type == "Patient":
            return resource.get("id")
        codes = self._named.get(resource_type, {}).get("Patient", ())
        return _first_patient(codes, entries) if codes else None

    def _patients_of(self, resource_type: str, codes: tuple[str, ...]) -> Extractor:
        extract = self._patient_extractors.get(resource_type)
        if extract is None:
            table = self._parameters[resource_type]
            extract = extractor(resource_type, [table[code] for code in codes if code in table], self._source)
            self._patient_extractors[resource_type] = extract
        return extract


def _first_patient(codes: tuple[str, ...], entries: Iterable[Entry]) -> str | None:
    found = [entry for entry in entries if entry[0] == REFERENCE and entry[3] == "Patient" and entry[1] in codes]
    return str(min(found, key=lambda entry: codes.index(str(entry[1])))[4]) if found else None


def _by_type(definitions: Mapping[str, Mapping[str, tuple[str, ...]]]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Resource type -> compartment type -> parameter codes, without the marker of the resource itself."""
    named: dict[str, dict[str, tuple[str, ...]]] = {}
    for compartment_type, members in definitions.items():
        for resource_type, codes in members.items():
            parameters = tuple(code for code in codes if code != ITSELF)
            if parameters:
                named.setdefault(resource_type, {})[compartment_type] = parameters
    return named
