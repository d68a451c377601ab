"""Compiles the type definitions into checks: one table and one closure a type (DESIGN decision 4)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from countyfhir.model.definitions import ElementDefinition, TypeDefinition, definitions
from countyfhir.model.primitives import PRIMITIVES
from countyfhir.validation import bindings
from countyfhir.validation.containment import contained_check, resource_check
from countyfhir.validation.elements import many_objects, many_values, one_object, one_value
from countyfhir.validation.layout import Choice, Layout, Sibling, object_check
from countyfhir.validation.problem import ObjectCheck, Problem
from countyfhir.validation.references import target_check

SIMPLE_QUANTITY = "http://hl7.org/fhir/StructureDefinition/SimpleQuantity"
NO_SIBLING = frozenset(("xhtml",))


@cache
def type_checks() -> Mapping[str, ObjectCheck]:
    """The check of every type, backbone types among them, by name; "Resource" checks a resource of any type."""
    checks: dict[str, ObjectCheck] = {}
    tables: list[tuple[TypeDefinition, dict[str, ObjectCheck], dict[str, Sibling]]] = []
    resources: dict[str, ObjectCheck] = {}
    for definition in definitions().types.values():
        table: dict[str, ObjectCheck] = {}
        siblings: dict[str, Sibling] = {}
        checks[definition.name] = object_check(layout_of(definition, table, siblings))
        tables.append((definition, table, siblings))
        if definition.kind == "resource" and not definition.abstract:
            resources[definition.name] = checks[definition.name]
    checks["Resource"] = resource_check(resources)
    for definition, table, siblings in tables:
        fill(definition, table, siblings, checks)
    return checks


def layout_of(definition: TypeDefinition, table: dict[str, ObjectCheck], siblings: dict[str, Sibling]) -> Layout:
    """The layout of a type, its tables still empty."""
    groups: dict[str, list[ElementDefinition]] = {}
    for element in definition.elements.values():
        if element.choice:
            groups.setdefault(element.choice, []).append(element)
    choices = tuple(
        Choice(name, frozenset(mark + e.name for e in group for mark in ("", "_")), group[0].minimum > 0)
        for name, group in groups.items()
    )
    required = tuple(e.name for e in definition.elements.values() if e.minimum > 0 and not e.choice)
    extra = value_or_extensions if definition.name == "Extension" else None
    return Layout(definition.name, table, siblings, required, choices, extra)


def fill(
    definition: TypeDefinition,
    table: dict[str, ObjectCheck],
    siblings: dict[str, Sibling],
    checks: Mapping[str, ObjectCheck],
) -> None:
    """Puts the check of each element, and of its ``_`` sibling where it may have one, into the tables of its type."""
    if definition.kind == "resource":
        table["resourceType"] = lambda value: None
    for element in definition.elements.values():
        if element.maximum == 0:
            continue
        table[element.name] = element_check(element, checks)
        if element.is_primitive and not has_no_extensions(definition, element):
            step, check = f".{element.choice or element.name}", checks[element.type_name]
            siblings["_" + element.name] = Sibling(element.name, step, element.is_array, check)


def has_no_extensions(definition: TypeDefinition, element: ElementDefinition) -> bool:
    """Whether R4 gives the element a plain System type: ids, Extension.url, the div of a narrative."""
    is_id = element.name == "id" and element.path == f"{definition.name}.id"
    return element.xml_attribute or is_id or element.type_name in NO_SIBLING


def element_check(element: ElementDefinition, checks: Mapping[str, ObjectCheck]) -> ObjectCheck:
    """The check of one property's value."""
    name, step = element.name, f".{element.choice or element.name}"
    if element.is_primitive:
        bound = element.type_name == "code" and bindings.required(element)
        check = bindings.code_check(element) if bound else PRIMITIVES[element.type_name].check
        code = "code-invalid" if bound else "value"
        return many_values(name, step, check, code) if element.is_array else one_value(name, step, check, code)
    of_type = value_check(element, checks)
    if element.is_array:
        return many_objects(name, step, of_type, element.minimum, element.maximum)
    return one_object(name, step, of_type)


def value_check(element: ElementDefinition, checks: Mapping[str, ObjectCheck]) -> ObjectCheck:
    """The check of one complex value, with what this element asks of it beyond its type."""
    check = checks[element.type_name]
    if element.name == "contained" and element.type_name == "Resource":
        return contained_check(check)
    if element.type_name == "CodeableConcept" and bindings.required(element):
        return bindings.concept_check(element, check)
    if element.type_name == "Reference" and element.target_types:
        return target_check(element.name, element.target_types, check)
    if SIMPLE_QUANTITY in element.profiles:
        return no_comparator(element.name, check)
    return check


def no_comparator(name: str, check: ObjectCheck) -> ObjectCheck:
    """A SimpleQuantity: a Quantity without comparator (R4 section 2.24.0.8.2)."""

    def checked(value: Any) -> list[Problem] | None:
        found = check(value)
        if found is None and "comparator" in value:
            return [(".comparator", "structure", f"{name} is a SimpleQuantity, which has no comparator.")]
        return found

    return checked


def value_or_extensions(extension: dict[str, Any]) -> list[Problem] | None:
    """An Extension has a value or extensions, never both, never neither (ext-1)."""
    has_value = False
    for name in extension:
        if name.startswith(("value", "_value")):
            has_value = True
    if has_value != ("extension" in extension):
        return None
    which = "not both" if has_value else "and this one has neither"
    return [("", "structure", f"An Extension has either a value[x] or extensions of its own, {which} (ext-1).")]
