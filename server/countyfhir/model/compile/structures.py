"""StructureDefinition snapshots -> TypeDefinitions (R4 section 5.3, ElementDefinition 2.27)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from countyfhir.model.definitions import ElementDefinition, Invariant, TypeDefinition

TYPE_URL = "http://hl7.org/fhir/StructureDefinition/"
SYSTEM_TYPE = "http://hl7.org/fhirpath/System."
FHIR_TYPE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
BACKBONES = ("BackboneElement", "Element")
TYPE_CORRECTIONS = {"Resource.id": "id"}
"""R4 says string for Resource.id by a known slip; its text and R5 say id."""

Json = dict[str, Any]


def type_definitions(structures: Iterable[Json]) -> list[TypeDefinition]:
    """All types of R4 (no profiles, no logical models), backbone types among them, each after the type that holds
    it.
    """
    chosen = [s for s in structures if s["kind"] != "logical" and s.get("derivation") != "constraint"]
    primitives = frozenset(s["type"] for s in chosen if s["kind"] == "primitive-type")
    root_keys = {s["type"]: constraint_keys(s["snapshot"]["element"][0]) for s in chosen}
    return [
        definition for s in sorted(chosen, key=lambda s: s["type"]) for definition in types_of(s, primitives, root_keys)
    ]


def types_of(structure: Json, primitives: frozenset[str], root_keys: dict[str, set[str]]) -> list[TypeDefinition]:
    """The type of one StructureDefinition and its backbone types."""
    elements = structure["snapshot"]["element"]
    holders = [e for e in elements if e is elements[0] or is_backbone(e, elements)]
    found = []
    for holder in holders:
        path, root = holder["path"], holder is elements[0]
        children = [e for e in elements if e["path"].rpartition(".")[0] == path]
        if structure["kind"] == "primitive-type":
            children = [e for e in children if not e["path"].endswith(".value")]
        properties: dict[str, ElementDefinition] = {}
        for order, child in enumerate(children):
            for element in properties_of(child, order, holders, primitives, root_keys):
                properties[element.name] = element
        found.append(
            TypeDefinition(
                path,
                structure["kind"] if root else "backbone",
                parent_of(structure) if root else holder["type"][0]["code"],
                structure["abstract"] if root else False,
                properties,
                invariants_of(holder, set()),
            )
        )
    return found


def is_backbone(element: Json, elements: list[Json]) -> bool:
    """Whether the element's children stand in the same snapshot."""
    prefix = element["path"] + "."
    return any(other["path"].startswith(prefix) for other in elements) and element["type"][0]["code"] in BACKBONES


def parent_of(structure: Json) -> str | None:
    """The name of the type this one specialises."""
    definition: str | None = structure.get("baseDefinition")
    return definition.removeprefix(TYPE_URL) if definition else None


def properties_of(
    element: Json, order: int, holders: list[Json], primitives: frozenset[str], root_keys: dict[str, set[str]]
) -> list[ElementDefinition]:
    """The JSON properties of one snapshot element: one, or one for each type of a choice."""
    name = element["path"].rpartition(".")[2]
    choice = name.removesuffix("[x]") if name.endswith("[x]") else None
    backbone = element if any(holder is element for holder in holders) else None
    binding = element.get("binding", {})
    found = []
    for reference in element.get("type") or [{"code": element["contentReference"].lstrip("#"), "content": True}]:
        type_name = element["path"] if backbone else type_name_of(element, reference)
        found.append(
            ElementDefinition(
                name=choice + type_name[0].upper() + type_name[1:] if choice else name,
                path=element["path"],
                type_name=type_name,
                choice=choice,
                minimum=element["min"],
                maximum=None if element["max"] == "*" else int(element["max"]),
                is_array=element["max"] not in ("0", "1") or element["base"]["max"] == "*",
                is_primitive=type_name in primitives,
                xml_attribute="xmlAttr" in element.get("representation", ()),
                in_summary=element.get("isSummary", False),
                is_modifier=element.get("isModifier", False),
                binding_strength=binding.get("strength"),
                binding_value_set=binding["valueSet"].partition("|")[0] if "valueSet" in binding else None,
                target_types=target_types(reference),
                order=order,
                profiles=tuple(reference.get("profile", ())),
                invariants=() if backbone else invariants_of(element, root_keys.get(type_name, {"ele-1"})),
            )
        )
    return found


def type_name_of(element: Json, reference: Json) -> str:
    """The FHIR type of an element; System types give the FHIR type they stand for."""
    if element["base"]["path"] in TYPE_CORRECTIONS:
        return TYPE_CORRECTIONS[element["base"]["path"]]
    code: str = reference["code"]
    if not code.startswith(SYSTEM_TYPE):
        return code
    stated: Iterable[str] = (e["valueUrl"] for e in reference.get("extension", ()) if e["url"] == FHIR_TYPE_EXTENSION)
    return next(iter(stated), "string")


def target_types(reference: Json) -> tuple[str, ...]:
    """The resource types a Reference or canonical may have as target; () when any."""
    targets = tuple(url.removeprefix(TYPE_URL) for url in reference.get("targetProfile", ()))
    return () if "Resource" in targets else targets


def constraint_keys(element: Json) -> set[str]:
    """The keys of the rules stated on an element."""
    return {constraint["key"] for constraint in element.get("constraint", ())}


def invariants_of(element: Json, without: set[str]) -> tuple[Invariant, ...]:
    """The rules of an element except those that its type states anyway."""
    return tuple(
        Invariant(c["key"], c["severity"], c["human"], c.get("expression", ""), element["path"])
        for c in element.get("constraint", ())
        if c["key"] not in without
    )
