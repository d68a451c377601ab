"""Compiles the type definitions into checks: one table and one closure a type (DESIGN decision 4)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from countyfhir.model.definitions import ElementDefinition, TypeDefinition, definitions
from countyfhir.validation import bindings
from countyfhir.validation.containment import contained_check, resource_check
from countyfhir.validation.elements import many_objects, many_values
from countyfhir.validation.known import TEXTS, known_words
from countyfhir.validation.layout import Choice, Layout, Place, Sibling, object_check
from countyfhir.validation.problem import ElementCheck, Known, ObjectCheck, Problem
from countyfhir.validation.references import target_check

SIMPLE_QUANTITY = "http://hl7.org/fhir/StructureDefinition/SimpleQuantity"
NO_SIBLING = frozenset(("xhtml",))


@cache
def type_checks() -> Mapping[str, ObjectCheck]:
    """The check of every type, backbone types among them, by name; "Resource" checks a resource of any type."""
    layouts = {definition.name: layout_of(definition) for definition in definitions().types.values()}
    checks = {name: object_check(layout) for name, layout in layouts.items()}
    checks["Resource"] = resource_check({name: checks[name] for name in definitions().resource_types})
    for name, layout in layouts.items():
        fill(definitions().types[name], layout, checks)
    return checks


def layout_of(definition: TypeDefinition) -> Layout:
    """The layout of a type, its tables of checks still empty, as types refer to each other."""
    elements = [element for element in definition.elements.values() if element.maximum != 0]
    groups: dict[str, list[ElementDefinition]] = {}
    for element in elements:
        if element.choice:
            groups.setdefault(element.choice, []).append(element)
    return Layout(
        definition.name,
        {element.name: place_of(element) for element in elements},
        tuple(e.name for e in elements if e.minimum > 0 and not e.choice),
        tuple(
            Choice(name, frozenset(mark + e.name for e in group for mark in ("", "_")), group[0].minimum > 0)
            for name, group in groups.items()
        ),
        value_or_extensions if definition.name == "Extension" else None,
    )


def place_of(element: ElementDefinition) -> Place:
    """Where an element is, and the issue code of a wrong text in it."""
    return Place(f".{element.choice or element.name}", "code-invalid" if bound_code(element) else "value")


def bound_code(element: ElementDefinition) -> bool:
    """Whether the element is a code with a required binding."""
    return element.type_name == "code" and bindings.required(element)


def fill(definition: TypeDefinition, layout: Layout, checks: Mapping[str, ObjectCheck]) -> None:
    """Puts the check of each element, and of its ``_`` sibling where it may have one, into the tables of its type."""
    if definition.kind == "resource":
        layout.checks["resourceType"] = lambda value: None
        layout.known["resourceType"] = frozenset((definition.name,))
    for name, place in layout.places.items():
        element = definition.elements[name]
        layout.checks[name] = element_check(element, place, checks)
        if element.is_primitive and not element.is_array:
            layout.known[name] = known_texts(element)
        if element.is_primitive and not has_no_extensions(definition, element):
            layout.siblings["_" + name] = Sibling(name, place.step, element.is_array, checks[element.type_name])


def has_no_extensions(definition: TypeDefinition, element: ElementDefinition) -> bool:
    """Whether R4 gives the element a plain System type: ids, Extension.url, the div of a narrative."""
    is_id = element.name == "id" and element.path == f"{definition.name}.id"
    return element.xml_attribute or is_id or element.type_name in NO_SIBLING


def element_check(element: ElementDefinition, place: Place, checks: Mapping[str, ObjectCheck]) -> ElementCheck:
    """The check of one property's value."""
    if element.is_primitive:
        check = bindings.code_check(element) if bound_code(element) else known_words(element.type_name)[0]
        return many_values(element.name, check, place.code) if element.is_array else check
    of_type = value_check(element, checks)
    return many_objects(element.name, of_type, element.minimum, element.maximum) if element.is_array else of_type


def known_texts(element: ElementDefinition) -> Known:
    """The texts that the check of a primitive accepts, as far as they are known."""
    if bound_code(element):
        return bindings.codes_of(element)
    return None if element.type_name in TEXTS else known_words(element.type_name)[1]


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
