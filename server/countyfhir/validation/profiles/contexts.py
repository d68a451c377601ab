"""Where an extension may be used (R4 section 2.5.1.2, StructureDefinition.context)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from countyfhir.fhirpath import FhirPathError, Item, compile  # noqa: A004
from countyfhir.fhirpath.schema import definition_of
from countyfhir.validation.profiles.snapshot import TYPES
from countyfhir.validation.profiles.spot import Run, Spot

WIDER: Mapping[str, tuple[str, ...]] = {
    TYPES + "translation": ("ValueSet.expansion.contains", "ValueSet.compose.include.concept"),
    TYPES + "structuredefinition-fhir-type": ("ElementDefinition.type",),
    TYPES + "structuredefinition-normative-version": (
        "CodeSystem",
        "ValueSet",
        "OperationDefinition",
        "ElementDefinition",
    ),
    TYPES + "regex": ("ElementDefinition.type",),
    TYPES + "valueset-concept-comments": ("CodeSystem.concept",),
}
"""Extensions of R4 that R4's own definitions use elsewhere than their contexts say, and where."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What an extension stands in: the value, the ids that mean its element (``Patient.name``, ``HumanName``), and the
    url of the extension it is, where it is one."""

    spot: Spot
    ids: tuple[str, ...]
    extension: str | None = None

    def names(self) -> set[str]:
        """Everything that can be said of the element in a context of kind element."""
        names = {plain(one) for one in self.ids}
        names.update(ancestors(self.spot.type_name))
        return names


def plain(element_id: str) -> str:
    """An element id without ``[x]`` and without the canonical of the type."""
    return element_id.removeprefix(TYPES).rpartition("#")[2].replace("[x]", "")


def ancestors(type_name: str) -> list[str]:
    """A type and those it derives from."""
    names: list[str] = []
    name: str | None = type_name
    while name is not None:
        names.append(name)
        definition = definition_of(name)
        if definition is not None and definition.kind == "backbone":
            return [*names, "BackboneElement", "Element"]
        name = definition.parent_type if definition else None
    return names


@dataclass(frozen=True, slots=True)
class Contexts:
    """Where one extension may be used: (kind, expression) pairs, and FHIRPath that must hold of what it stands in."""

    allowed: tuple[tuple[str, str], ...]
    invariants: tuple[str, ...]

    def allows(self, holder: Holder, run: Run) -> bool:
        """Whether the extension may stand in this holder; a context that cannot be decided allows."""
        if not self.allowed:
            return True
        names = holder.names()
        return any(KINDS.get(kind, undecided)(expression, holder, names, run) for kind, expression in self.allowed)

    def broken(self, extension: Any, holder: Holder, run: Run) -> str | None:
        """The first context invariant that does not hold."""
        variables: Mapping[str, Any] = {**run.around.given.variables, "extension": Item(extension, "Extension")}
        given = replace(run.around.given, variables=variables)
        spot, around = holder.spot, run.around
        for expression in self.invariants:
            try:
                node = Item(spot.value, spot.type_name, spot.beside)
                held = compile(expression, spot.type_name).holds(
                    node, resource=around.resource, root=around.root, given=given
                )
            except FhirPathError:
                continue
            if held is False:
                return expression
        return None


def contexts_of(structure: Mapping[str, Any]) -> Contexts:
    """The contexts of an extension's definition."""
    stated = structure.get("context", [])
    allowed = tuple((str(one.get("type")), str(one.get("expression", ""))) for one in stated)
    allowed += tuple(("element", one) for one in WIDER.get(str(structure.get("url")), ()))
    return Contexts(allowed, tuple(map(str, structure.get("contextInvariant", ()))))


def is_element(expression: str, holder: Holder, names: set[str], run: Run) -> bool:
    """Kind element: the id of an element or type; of a profile (``url#id``) its element is enough. Element means
    everything, resources too, as R4's own extensions use it."""
    return expression == "Element" or plain(expression) in names


def is_extension(expression: str, holder: Holder, names: set[str], run: Run) -> bool:
    """Kind extension: the url of the extension this one stands in; ``url#part`` a part of a complex one."""
    url, _, part = expression.partition("#")
    return holder.extension is not None and holder.extension in (url, part or url, expression)


def is_selected(expression: str, holder: Holder, names: set[str], run: Run) -> bool:
    """Kind fhirpath: the holder is one of the elements that the expression selects in the resource."""
    resource = run.around.resource
    spot = holder.spot
    try:
        nodes = compile(expression, str(resource.get("resourceType"))).nodes(
            resource, resource, run.around.root, run.around.given
        )
    except FhirPathError:
        return True
    found = spot.value if isinstance(spot.value, dict) else spot.beside
    return any(node[0] is found or node[2] is found for node in nodes)


def undecided(expression: str, holder: Holder, names: set[str], run: Run) -> bool:
    """A kind that R4 does not have."""
    return True


KINDS = {"element": is_element, "extension": is_extension, "fhirpath": is_selected}
"""StructureDefinition.context.type -> its test."""
