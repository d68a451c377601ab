"""``%name``: the environment of an expression (FHIRPath N1 section 9, FHIR R4 section 2.26.3.2)."""

from __future__ import annotations

from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.item import EMPTY, Nodes, nodes_of, string
from countyfhir.fhirpath.scope import Scope

_CONSTANTS = {
    "ucum": string("http://unitsofmeasure.org"),
    "sct": string("http://snomed.info/sct"),
    "loinc": string("http://loinc.org"),
}
_PREFIXES = {"vs-": "http://hl7.org/fhir/ValueSet/", "ext-": "http://hl7.org/fhir/StructureDefinition/"}


def variable(name: str, scope: Scope, position: int) -> Nodes:
    """The value of a variable: defined in the expression, of FHIR, or given. Raises FhirPathError when it is none."""
    if scope.defined is not None and name in scope.defined:
        return scope.defined[name]
    if name in scope.given.variables:
        return nodes_of(scope.given.variables[name])
    if name == "context":
        return scope.context
    if name in ("resource", "rootResource"):
        node = scope.root() if name == "rootResource" else scope.resource()
        return EMPTY if node is None else [node]
    if name in _CONSTANTS:
        return _CONSTANTS[name]
    for prefix, url in _PREFIXES.items():
        if name.startswith(prefix):
            return string(url + name.removeprefix(prefix))
    raise FhirPathError(f"The variable %{name} is not defined", position)
