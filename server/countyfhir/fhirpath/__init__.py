"""FHIRPath, compiled to Python closures (FHIRPath N1 2.0, FHIR R4 section 2.26)."""

from countyfhir.fhirpath.compile import Expression, compile, locate  # noqa: A004
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.item import Item, Quantity
from countyfhir.fhirpath.place import Location
from countyfhir.fhirpath.scope import Given

__all__ = ["Expression", "FhirPathError", "Given", "Item", "Location", "Quantity", "compile", "locate"]
