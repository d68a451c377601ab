"""From the tree of an expression to Python closures, one file a kind of tree (FHIRPath N1)."""

from countyfhir.fhirpath.closures import calls, operators, paths, terms
from countyfhir.fhirpath.closures.code import Code, Surroundings, build, surroundings

__all__ = ["Code", "Surroundings", "build", "calls", "operators", "paths", "surroundings", "terms"]
