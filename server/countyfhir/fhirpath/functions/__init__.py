"""The table of all functions by name (FHIRPath N1 sections 5 to 7, FHIR R4 section 2.26.3)."""

from __future__ import annotations

from countyfhir.fhirpath.functions import collections, existence, fhir, filtering
from countyfhir.fhirpath.functions.table import Function

FUNCTIONS: dict[str, Function] = {
    **existence.FUNCTIONS,
    **filtering.FUNCTIONS,
    **collections.FUNCTIONS,
    **fhir.FUNCTIONS,
}
