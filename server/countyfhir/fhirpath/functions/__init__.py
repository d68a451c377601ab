"""The table of all functions by name (FHIRPath N1 sections 5 to 7, FHIR R4 section 2.26.3)."""

from __future__ import annotations

from countyfhir.fhirpath.functions import (
    boundaries,
    collections,
    conversion,
    existence,
    fhir,
    filtering,
    math,
    moments,
    strings,
)
from countyfhir.fhirpath.functions.table import Function

FUNCTIONS: dict[str, Function] = {
    name: function
    for room in (existence, filtering, collections, conversion, strings, math, moments, boundaries, fhir)
    for name, function in room.FUNCTIONS.items()
}
