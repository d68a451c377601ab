"""The resources of the R4 package -> everything that the compiled file holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from countyfhir.model.compile.parameters import compartments, operations, search_parameters
from countyfhir.model.compile.structures import type_definitions
from countyfhir.model.compile.value_sets import expanded
from countyfhir.model.definitions import Compiled, TypeDefinition


def compiled(resources: Iterable[dict[str, Any]]) -> Compiled:
    """The compiled definitions; the order of ``resources`` does not matter."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for resource in resources:
        by_type.setdefault(resource["resourceType"], []).append(resource)
    types = type_definitions(by_type["StructureDefinition"])
    concrete = [t.name for t in types if t.kind == "resource" and not t.abstract]
    parameters, index = search_parameters(by_type["SearchParameter"], concrete, ancestors(types))
    return Compiled(
        "4.0.1",
        types,
        parameters,
        index,
        compartments(by_type["CompartmentDefinition"]),
        operations(by_type["OperationDefinition"]),
        expanded(required_value_sets(types), by_type["ValueSet"], by_type["CodeSystem"]),
    )


def required_value_sets(types: Iterable[TypeDefinition]) -> set[str]:
    """The value sets that some element binds as required."""
    return {
        element.binding_value_set
        for definition in types
        for element in definition.elements.values()
        if element.binding_strength == "required" and element.binding_value_set
    }


def ancestors(types: list[TypeDefinition]) -> dict[str, tuple[str, ...]]:
    """Type name -> the types it derives from, nearest first."""
    parents = {definition.name: definition.parent_type for definition in types}
    found = {}
    for name, parent in parents.items():
        chain: list[str] = []
        while parent:
            chain.append(parent)
            parent = parents[parent]
        found[name] = tuple(chain)
    return found
