"""What a parameter reads at the end of its paths: the code systems of plain codes, and whether it holds canonicals."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from countyfhir.model.definitions import Definitions, SearchParameter
from countyfhir.search.parameters import Table
from countyfhir.search.paths import branches
from countyfhir.search.walk import Node, leaves

BOOLEAN_SYSTEM = "http://terminology.hl7.org/CodeSystem/special-values"
"""The system that R4 gives to the codes true and false."""

_SYSTEMLESS = frozenset({"code", "boolean", "string", "id", "uri", "url", "canonical", "ContactPoint"})


@lru_cache(maxsize=4_096)
def implicit_systems(resource_type: str, parameter: SearchParameter, known: Definitions) -> frozenset[str]:
    """The code systems of a token parameter whose elements are plain codes: they are stored without one, but a
    client may name it (``gender=http://hl7.org/fhir/administrative-gender|male``). Empty when an element carries its
    own system."""
    ends = leaves(resource_type, branches(parameter.expression), known)
    if not ends or any(node.type_name not in _SYSTEMLESS for node in ends):
        return frozenset()
    return frozenset(system for node in ends for system in _systems(node, known))


@lru_cache(maxsize=4_096)
def element_types(resource_type: str, parameter: SearchParameter, known: Definitions) -> frozenset[str]:
    """The types of the elements that a parameter reads; empty where only its FHIRPath knows."""
    return frozenset(node.type_name for node in leaves(resource_type, branches(parameter.expression), known))


@lru_cache(maxsize=4_096)
def types_read(resource_types: tuple[str, ...], code: str, table: Table) -> frozenset[str]:
    """The types of the elements that the parameters of the code read on these resource types; empty where only FHIRPath
    knows."""
    read = [element_types(each, table.of(each)[code], table.definitions) for each in resource_types]
    return frozenset().union(*read) if all(read) else frozenset()


@lru_cache(maxsize=4_096)
def implicit_codings(resource_type: str, parameter: SearchParameter, known: Definitions) -> frozenset[tuple[str, str]]:
    """The (system, code) that a token parameter's plain codes stand for, as far as their value sets are enumerable."""
    ends = leaves(resource_type, branches(parameter.expression), known)
    return frozenset(coding for node in ends for coding in _codings(node, known))


def _codings(node: Node, known: Definitions) -> Iterable[tuple[str, str]]:
    if node.type_name == "boolean":
        return ((BOOLEAN_SYSTEM, "true"), (BOOLEAN_SYSTEM, "false"))
    owner = known.types.get(node.owner)
    element = owner.elements.get(node.name) if owner else None
    if element is None or element.binding_value_set is None:
        return ()
    return known.value_set_codings(element.binding_value_set) or ()


def _systems(node: Node, known: Definitions) -> set[str]:
    return {system for system, _ in _codings(node, known)}


@lru_cache(maxsize=4_096)
def is_canonical(resource_type: str, parameter: SearchParameter, known: Definitions) -> bool:
    """Whether a reference parameter reads canonicals or uris only, which name their target by url and not by id."""
    ends = leaves(resource_type, branches(parameter.expression), known)
    return bool(ends) and not any(node.type_name in ("Reference", "Resource", "Extension") for node in ends)


@lru_cache(maxsize=4_096)
def sorts_apart(resource_types: tuple[str, ...], code: str, table: Table) -> bool:
    """Whether a parameter reads human names only, whose sort keys stand apart from what they are found by."""
    ends = [
        node
        for resource_type in resource_types
        for node in leaves(resource_type, branches(table.of(resource_type)[code].expression), table.definitions)
    ]
    return bool(ends) and all(node.type_name == "HumanName" or node.reader_name in ("family", "given") for node in ends)
