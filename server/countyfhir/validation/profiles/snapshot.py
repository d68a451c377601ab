"""A profile's snapshot from its differential and the snapshot of what it constrains (R4 section 5.3.2.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from countyfhir.validation.profiles.element_tree import Definition, Element, flat, same_choice, tree_of
from countyfhir.validation.profiles.merging import MERGES, merged

StructureDefinition = dict[str, Any]
Resolve = Callable[[str], "StructureDefinition | None"]
"""Canonical (with or without ``|version``) -> the StructureDefinition, with a snapshot where it can have one."""

TYPES = "http://hl7.org/fhir/StructureDefinition/"
EXTENSION_NAMES = ("extension", "modifierExtension")
EXTENSION_SLICING = {"discriminator": [{"type": "value", "path": "url"}], "ordered": False, "rules": "open"}
OF_PROFILE = ("short", "definition", "comment", "requirements", "alias", "mapping")
OF_SLICED_ONLY = ("slicing", "sliceName", "sliceIsConstraining")


class NoSnapshot(Exception):
    """A snapshot cannot be made: the message says of which element, or which definition is missing."""


@dataclass(frozen=True, slots=True)
class Making:
    """What a snapshot is made with: other definitions, the canonical of the profile, the tree it derives from, and
    whether new elements may be added (a specialization)."""

    resolve: Resolve
    source: str
    inherited: Element
    adds: bool


def snapshot(profile: StructureDefinition, resolve: Resolve) -> StructureDefinition:
    """The StructureDefinition with a snapshot made anew from its differential.

    ``resolve`` answers the base definition, with its own snapshot, and the types and profiles that elements are walked
    into. NoSnapshot when one of them is missing or the differential does not fit; a definition without base and
    differential keeps the snapshot it has.
    """
    stated = profile.get("differential", {}).get("element")
    base_url = profile.get("baseDefinition")
    if not stated and "snapshot" in profile:
        return profile
    source = str(profile.get("url", ""))
    inherited = tree_of_definition(base_url, resolve) if base_url else Element("", {})
    adds = profile.get("derivation") != "constraint"
    root = inherited.copy()
    root.name = str(profile.get("type", root.name)).rpartition("/")[2] if adds else root.name
    if stated:
        try:
            differential = tree_of(stated)
        except ValueError as problem:
            raise NoSnapshot(f"The differential of {source} cannot be read: {problem}.") from None
        if differential.name != root.name:
            raise NoSnapshot(f"{source} constrains {root.name}, but its differential begins with {differential.name}.")
        apply(root, differential, Making(resolve, source, inherited, adds), root.name)
    elements = list(flat(root))
    return {**profile, "snapshot": {"element": [with_base(one) for one in elements]}}


def with_base(definition: Definition) -> Definition:
    """An element with ``base``; one that was inherited has it from there."""
    if "base" in definition:
        return definition
    limits = {"path": definition["path"], "min": definition.get("min", 0), "max": definition.get("max", "*")}
    return {**definition, "base": limits}


def tree_of_definition(url: str, resolve: Resolve) -> Element:
    """The tree of another definition's snapshot. NoSnapshot where it is not known or has none."""
    found = resolve(url)
    elements = (found or {}).get("snapshot", {}).get("element")
    if not elements:
        raise NoSnapshot(f"{url} is {'not known' if found is None else 'known without a snapshot'}.")
    return tree_of(elements)


def apply(target: Element, stated: Element, making: Making, place: str) -> None:
    """Change ``target`` to what ``stated`` and everything below it says."""
    inherited = target.copy()
    target.definition = merged(presented(target, stated, making), stated.definition, making.source)
    if stated.children:
        walk_into(target, making, place)
    for child in by_shortcut(target, stated.children):
        found = target.child(child.name) or added(target, child, making, place)
        apply(found, child, making, f"{place}.{child.name}")
    for one in stated.slices:
        apply(own_slice(target, inherited, one, place), one, making, f"{place}:{one.slice_name}")


def presented(target: Element, stated: Element, making: Making) -> Definition:
    """The inherited definition with the texts and constraints of the root of its type's profile, where one is stated
    (an extension says itself what it is)."""
    types = stated.definition.get("type", [])
    profiles = types[0].get("profile", []) if len(types) == 1 and target.definition else []
    found = making.resolve(profiles[0]) if len(profiles) == 1 else None
    elements = (found or {}).get("snapshot", {}).get("element")
    return with_texts(target.definition, elements[0]) if elements else target.definition


def with_texts(definition: Definition, root: Definition) -> Definition:
    """A definition that speaks as the root of a profile does."""
    texts = {key: root[key] for key in OF_PROFILE if key in root}
    constraints = MERGES["constraint"](definition.get("constraint"), root.get("constraint", []))
    result = {**definition, **texts}
    if "isSummary" not in root:
        result.pop("isSummary", None)
    return {**result, "constraint": constraints} if constraints else result


def own_slice(target: Element, inherited: Element, stated: Element, place: str) -> Element:
    """The slice that a differential speaks of: inherited, or new and like the inherited element it slices."""
    name = str(stated.slice_name)
    found = target.slice(name)
    if found is not None:
        return found
    above = name.rpartition("/")[0]
    holder = target.slice(above) if above else None
    template = (holder or inherited).copy()
    definition = {key: value for key, value in template.definition.items() if key not in OF_SLICED_ONLY}
    definition |= {"sliceName": name, "min": 0}
    made = Element(target.name, definition, name, template.children)
    if target.name.endswith("[x]"):
        narrow_choice(made, name)
    (holder or target).slices.append(made)
    imply_slicing(holder or target)
    return made


def narrow_choice(one: Element, name: str) -> None:
    """A slice ``valueQuantity`` of a choice has the type its name says."""
    types = one.definition.get("type", [])
    kept = [kind for kind in types if one.name[:-3] + capitalised(kind.get("code", "")) == name]
    if kept:
        one.definition = {**one.definition, "type": kept}


def capitalised(code: str) -> str:
    """A type name as it ends the JSON name of a choice."""
    return code[:1].upper() + code[1:]


def imply_slicing(element: Element) -> None:
    """Extensions are sliced by url and choices by type, whether it is said or not."""
    if "slicing" in element.definition:
        return
    if element.name in EXTENSION_NAMES:
        element.definition = {**element.definition, "slicing": EXTENSION_SLICING}
    elif element.name.endswith("[x]"):
        element.definition = {**element.definition, "slicing": type_slicing("open")}


def type_slicing(rules: str) -> dict[str, Any]:
    """How the types of a choice are told apart."""
    return {"discriminator": [{"type": "type", "path": "$this"}], "ordered": False, "rules": rules}


def by_shortcut(target: Element, stated: list[Element]) -> list[Element]:
    """The children stated, with ``valueQuantity`` as the slice of ``value[x]`` that it means; the only one of a choice
    also restricts the choice to its type."""
    result: list[Element] = []
    for child in stated:
        choice = choice_meant(target, child)
        if choice is None:
            result.append(child)
            continue
        if target.slice_name and alone(target, choice, child, stated):
            types = [kind for kind in choice.definition.get("type", []) if names_type(choice, child, kind)]
            narrowed = {"type": types} | child.definition
            result.append(Element(choice.name, narrowed, None, child.children, child.slices))
            continue
        sliced = next((one for one in result if one.name == choice.name), None)
        if sliced is None:
            sliced = Element(choice.name, {})
            result.append(sliced)
            if alone(target, choice, child, stated):
                types = [kind for kind in choice.definition.get("type", []) if names_type(choice, child, kind)]
                sliced.definition = {"type": types, "slicing": type_slicing("closed")}
        sliced.slices.append(Element(choice.name, child.definition, child.name, child.children, child.slices))
    return result


def choice_meant(target: Element, child: Element) -> Element | None:
    """The choice element that a name such as ``valueQuantity`` is of; None for an ordinary name."""
    if target.child(child.name) is not None or child.name.endswith("[x]"):
        return None
    return next(
        (one for one in target.children if one.name.endswith("[x]") and same_choice(one.name, child.name)), None
    )


def names_type(choice: Element, child: Element, kind: dict[str, Any]) -> bool:
    """Whether the name of ``child`` ends with this type."""
    return choice.name[:-3] + capitalised(kind.get("code", "")) == child.name


def alone(target: Element, choice: Element, child: Element, stated: list[Element]) -> bool:
    """Whether nothing else is said of the choice, now or in what is inherited."""
    others = [one for one in stated if one is not child and same_choice(choice.name, one.name)]
    return not others and not choice.slices and "slicing" not in choice.definition


def added(target: Element, child: Element, making: Making, place: str) -> Element:
    """A new element of a specialization; NoSnapshot for a name that a constrained type does not have."""
    if not making.adds:
        raise NoSnapshot(f"{making.source}: {place} has no element {child.name}.")
    made = Element(child.name, {"isModifier": False, "isSummary": False})
    types = child.definition.get("type", [])
    if len(types) == 1 and types[0].get("code") in ("BackboneElement", "Element"):
        made.definition["type"] = types
        walk_into(made, making, f"{place}.{child.name}")
    target.children.append(made)
    return made


def walk_into(target: Element, making: Making, place: str) -> None:
    """Give an element without children those of its type, of the only profile of its type, or of what it refers to."""
    if target.children or (making.adds and not target.definition):
        return
    reference = target.definition.get("contentReference")
    if reference is not None:
        source = referred(str(reference), making)
        target.children = source.copy().children
        kept = {key: value for key, value in target.definition.items() if key != "contentReference"}
        target.definition = {**kept, "type": source.definition.get("type", [])}
        return
    url = walked_type(target.definition)
    if url is None:
        raise NoSnapshot(f"{making.source}: {place} has no elements below it that could be constrained.")
    target.children = tree_of_definition(url, making.resolve).children


def referred(reference: str, making: Making) -> Element:
    """The element a contentReference (``#Questionnaire.item``) leads to."""
    found: Element | None = making.inherited
    for name in reference.rpartition("#")[2].split(".")[1:]:
        found = found.child(name) if found else None
    if found is None:
        raise NoSnapshot(f"{making.source}: {reference} leads nowhere.")
    return found


def walked_type(definition: Definition) -> str | None:
    """The canonical whose elements lie below an element; of several types what they have in common."""
    types = definition.get("type", [])
    codes = {kind.get("code", "") for kind in types}
    profiles = {profile for kind in types for profile in kind.get("profile", [])}
    if not codes or any(code.startswith("http://hl7.org/fhirpath/") for code in codes):
        return None
    if len(types) == 1 and len(profiles) == 1:
        return str(next(iter(profiles)))
    code = next(iter(codes)) if len(codes) == 1 else "Element"
    return code if "/" in code else TYPES + code
