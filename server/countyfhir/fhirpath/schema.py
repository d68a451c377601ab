"""Which JSON keys a FHIRPath name means on a type, and which type is which (R4 section 2.26, StructureDefinition)."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from countyfhir.fhirpath.error import FhirPathError
from countyfhir.model.definitions import ElementDefinition, TypeDefinition, definitions

SYSTEM_TYPES = ("Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity")
ANY_RESOURCE = frozenset({"Resource", "DomainResource"})
TYPE_INFO = "System.TypeInfo"
RECORD = "Record"
"""Type of objects that no definition describes: rows and trees of legacy systems. Every name is a key."""


class Step(NamedTuple):
    """How a name is followed on one type.

    ``key`` is the JSON property, ``sibling`` the ``_key`` of a primitive, ``type_name`` None where the value tells it
    (resources). ``choices`` maps the keys of a choice to their types (``_keys`` too), None for an ordinary element.
    ``name`` is what FHIRPath calls it.
    """

    key: str
    sibling: str | None
    type_name: str | None
    choices: dict[str, str] | None = None
    name: str = ""


@cache
def definition_of(type_name: str) -> TypeDefinition | None:
    """The definition of a FHIR type; ``Element`` stands for types R4 does not name."""
    return definitions().types.get(type_name)


@lru_cache(maxsize=8192)
def step_of(type_name: str, name: str) -> Step | None:
    """How ``name`` is followed on a type; None when the type has no such element."""
    if type_name == TYPE_INFO:
        return Step(name, None, "System.String", None, name) if name in ("namespace", "name") else None
    if type_name == RECORD:
        return Step(name, None, None, None, name)
    definition = definition_of(type_name)
    if definition is None:
        return None
    element = definition.elements.get(name)
    if element is not None:
        return _plain_step(element)
    choices = {e.name: e.type_name for e in definition.elements.values() if e.choice == name}
    if not choices:
        return _primitive_step(definition, name)
    siblings = {f"_{key}": choice for key, choice in choices.items() if is_primitive(choice)}
    return Step(name, None, None, choices | siblings, name)


def _plain_step(element: ElementDefinition) -> Step:
    if element.type_name in ANY_RESOURCE:
        return Step(element.name, None, None, None, element.name)
    primitive = element.is_primitive or is_primitive(element.type_name)
    sibling = f"_{element.name}" if primitive else None
    return Step(element.name, sibling, element.type_name, None, element.name)


def _primitive_step(definition: TypeDefinition, name: str) -> Step | None:
    if definition.kind != "primitive-type":
        return None
    return _OF_PRIMITIVES.get(name)


@lru_cache(maxsize=2048)
def steps_by_key(type_name: str) -> dict[str, Step]:
    """How each JSON property of a type is followed, ``_siblings`` included."""
    definition = definition_of(type_name)
    steps: dict[str, Step] = {}
    for element in definition.elements.values() if definition else ():
        step = step_of(type_name, element.choice or element.name)
        if step is not None:
            steps[element.name] = steps[f"_{element.name}"] = step
    return steps


_OF_PRIMITIVES = {
    "extension": Step("extension", None, "Extension", None, "extension"),
    "id": Step("id", None, "string", None, "id"),
}


def narrowed(step: Step | None, wanted: frozenset[str] | None) -> Step | None:
    """A choice of which only some types are wanted (``value as Quantity``); one key is followed like other elements."""
    if step is None or wanted is None or step.choices is None:
        return step
    kept = {key: type_name for key, type_name in step.choices.items() if casts(type_name, wanted)}
    plain = [key for key in kept if not key.startswith("_")]
    if len(plain) != 1:
        return step._replace(choices=kept) if plain else None
    key = plain[0]
    return Step(key, f"_{key}" if f"_{key}" in kept else None, kept[key], None, step.name)


def is_choice_key(type_name: str, name: str) -> bool:
    """Whether the name is a JSON key of a choice (``valueQuantity``), which strict FHIRPath does not know."""
    definition = definition_of(type_name)
    element = definition.elements.get(name) if definition else None
    return element is not None and element.choice is not None


@cache
def is_primitive(type_name: str) -> bool:
    """Whether the type is a FHIR primitive."""
    definition = definition_of(type_name)
    return definition is not None and definition.kind == "primitive-type"


@lru_cache(maxsize=8192)
def is_a(type_name: str, ancestor: str) -> bool:
    """Whether a type is, or derives from, another; both as nodes carry them."""
    if type_name == ancestor:
        return True
    definition = definition_of(type_name)
    return definition is not None and definition.parent_type is not None and is_a(definition.parent_type, ancestor)


@lru_cache(maxsize=1024)
def named_types(specifier: str, position: int | None = None) -> frozenset[str]:
    """The types a specifier names (``Patient``, ``FHIR.string``, ``System.Boolean``; ``Quantity`` is both FHIR's and
    System's). Raises FhirPathError for an unknown one."""
    namespace, _, name = specifier.rpartition(".")
    found = set()
    if namespace in ("", "System") and name in SYSTEM_TYPES:
        found.add(f"System.{name}")
    if namespace in ("", "FHIR") and definition_of(name) is not None:
        found.add(name)
    if namespace and definition_of(specifier) is not None:
        found.add(specifier)
    if not found and namespace not in ("System",):
        raise FhirPathError(f"'{specifier}' is not a type of FHIR R4 or System", position)
    return frozenset(found)


def matches(type_name: str, wanted: frozenset[str]) -> bool:
    """``is``: the type is one of those wanted or derives from one."""
    return type_name in wanted or any(is_a(type_name, name) for name in wanted)


def casts(type_name: str, wanted: frozenset[str]) -> bool:
    """``as`` and ``ofType``: like ``is``, but a primitive only under its own name, as the official cases have it."""
    return type_name in wanted or (not is_primitive(type_name) and matches(type_name, wanted))
