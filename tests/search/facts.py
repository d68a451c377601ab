"""What the search tests share: the context of a server at http://our.example/fhir whose day is 2026-03-01."""

from __future__ import annotations

from typing import Any

from countyfhir.search.context import Context
from countyfhir.search.entries import KIND_NAMES
from countyfhir.search.parameters import active
from countyfhir.search.unions import entry_names
from countyfhir.terminology.knowledge import open_terminology

BASE = "http://our.example/fhir"
TODAY = 1_772_323_200_000_000
"""2026-03-01T00:00:00Z in microseconds."""
CONTEXT = Context(active(), base=BASE, max_count=100, now=lambda: TODAY)

WITH_CONCEPTS = Context(active(), base=BASE, max_count=100, now=lambda: TODAY, concepts=open_terminology(None))
VITALS = "http://hl7.org/fhir/ValueSet/observation-vitalsignresult"


def entries(resource: dict[str, Any], parameter: str | None = None) -> list[tuple[Any, ...]]:
    """The entries of a resource as (kind name, parameter, part, *values), or the values of one parameter
    (where it is made of others, theirs)."""
    found = CONTEXT.indexer().entries(resource)
    if parameter is None:
        return [(KIND_NAMES[entry[0]], *entry[1:]) for entry in found]
    names = entry_names(resource["resourceType"], parameter)
    return [entry[3:] for entry in found if entry[1] in names]
