"""Changes elements in place for FHIRPath Patch, primitives together with their ``_`` siblings (R4 section 2.6.2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from countyfhir.exchange import Resource
from countyfhir.fhirpath import Location
from countyfhir.model.definitions import ElementDefinition, definitions
from countyfhir.outcome import FhirError


class Value(NamedTuple):
    """What is stored: the JSON value, a primitive's ``_`` sibling, and the JSON name that a choice of types decides."""

    item: Any
    sibling: dict[str, Any] | None = None
    key: str | None = None


@dataclass(slots=True)
class Target:
    """An element of an object: ``key`` is its JSON name (for a choice the one that is present, or the first)."""

    parent: dict[str, Any]
    key: str
    element: ElementDefinition
    choices: tuple[ElementDefinition, ...]  # all types of a choice; the element alone otherwise

    @property
    def sibling(self) -> str:
        """The name of the ``_`` sibling."""
        return "_" + self.key

    def length(self) -> int:
        """The number of items of a list."""
        return max(len(self.parent.get(self.key) or ()), len(self.parent.get(self.sibling) or ()))

    def present(self) -> bool:
        """Whether the element, in any of its types, is there."""
        return any(one.name in self.parent or "_" + one.name in self.parent for one in self.choices)


def choices(type_name: str, name: str) -> tuple[ElementDefinition, ...]:
    """The elements that ``name`` may mean in a type: itself, or every type of the choice ``name``[x]."""
    definition = definitions().types.get(type_name)
    elements = definition.elements if definition else {}
    if name in elements:
        return (elements[name],)
    return tuple(element for element in elements.values() if element.choice == name)


def _target(parent: dict[str, Any], type_name: str, name: str) -> Target | None:
    found = choices(type_name, name)
    if not found:
        return None
    present = next((one for one in found if one.name in parent or "_" + one.name in parent), found[0])
    return Target(parent, present.name, present, found)


def within(resource: Resource, location: Location, name: str) -> Target:
    """The place for a child ``name`` of the element at ``location``."""
    container: Any = resource if location.parent is None else location.parent.get(location.key)
    definition = definitions().types.get(location.type_name)
    if location.parent is not None and definition is not None and definition.kind == "primitive-type":
        container = _sibling_object(location.parent, location.key, location.index)
    elif location.index is not None:
        container = container[location.index]
    target = _target(container, location.type_name, name)
    if target is None:
        said = f"{location.type_name} has no element '{name[:64]}'"
        raise FhirError("processing", said, expression=location.path)
    return target


def _sibling_object(parent: dict[str, Any], key: str, index: int | None) -> dict[str, Any]:
    """The object that holds a primitive's id and extensions; made when there is none."""
    name = "_" + key
    if index is None:
        made: dict[str, Any] = parent.setdefault(name, {})
        return made
    siblings = parent.setdefault(name, [])
    siblings.extend([None] * (len(parent.get(key) or ()) - len(siblings)))
    siblings[index] = siblings[index] or {}
    found: dict[str, Any] = siblings[index]
    return found


def at(resource: Resource, location: Location) -> Target:
    """The element at ``location``, with its definition."""
    if location.parent is None:
        raise FhirError("processing", "The resource itself cannot be changed this way; name an element of it")
    type_name = _type_of(location.parent, resource)
    element = next(iter(choices(type_name, location.key)), None) if type_name else None
    target = _target(location.parent, type_name, element.choice or element.name) if type_name and element else None
    if target is None:
        raise FhirError(
            "processing", "The path leads to nothing that is part of this resource", expression=location.path
        )
    return target


def _type_of(wanted: dict[str, Any], resource: Resource) -> str | None:
    """The type of the object ``wanted`` (that very one) inside ``resource``, found by walking all of it."""
    waiting: list[tuple[Any, str]] = [(resource, str(resource.get("resourceType")))]
    while waiting:
        value, type_name = waiting.pop()
        if value is wanted:
            return type_name
        for key, item in value.items():
            element = next(iter(choices(type_name, key.removeprefix("_"))), None)
            if element is not None and isinstance(item, dict | list):
                objects = item if isinstance(item, list) else [item]
                waiting += [(each, _type_name(element, each)) for each in objects if isinstance(each, dict)]
    return None


def _type_name(element: ElementDefinition, value: dict[str, Any]) -> str:
    if definitions().types[element.type_name].kind == "resource":
        return str(value.get("resourceType"))
    return element.type_name


def store(target: Target, value: Value) -> None:
    """Sets a single element that is absent."""
    key = value.key or target.key
    if value.item is not None:
        target.parent[key] = value.item
    if value.sibling:
        target.parent["_" + key] = value.sibling


def insert(target: Target, index: int, value: Value) -> None:
    """Inserts into a list, the list of siblings kept in step."""
    parent, length = target.parent, target.length()
    has_siblings = target.sibling in parent or value.sibling is not None
    if target.element.is_primitive and has_siblings:
        _full(parent, target.sibling, length).insert(index, value.sibling)
    _full(parent, target.key, length).insert(index, value.item)


def _full(parent: dict[str, Any], key: str, length: int) -> list[Any]:
    """The list under ``key``, filled with ``null`` to ``length``."""
    items: list[Any] = parent.setdefault(key, [])
    items.extend([None] * (length - len(items)))
    return items


def remove(target: Target, index: int | None) -> Value:
    """Takes an item of a list, or a single element, away and returns it."""
    parent = target.parent
    if index is None:
        return Value(parent.pop(target.key, None), parent.pop(target.sibling, None), target.key)
    taken = []
    for key in (target.key, target.sibling):
        items = parent.get(key)
        taken.append(items.pop(index) if isinstance(items, list) and index < len(items) else None)
        if isinstance(items, list) and all(item is None for item in items):
            del parent[key]
    return Value(taken[0], taken[1])


def replace(target: Target, index: int | None, value: Value) -> None:
    """Puts ``value`` where the element is; a single one keeps its place among the keys."""
    parent = target.parent
    if index is not None:
        remove(target, index)
        insert(target, index, value)
        return
    before = list(parent.items())
    parent.clear()
    for key, item in before:
        if key == target.key or (key == target.sibling and target.key not in dict(before)):
            store(target, value)
        elif key != target.sibling:
            parent[key] = item
