"""Where a node stands: parent container, JSON key, index, path (FHIRPath Patch, R4 section 3.1.0.5.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from countyfhir.fhirpath.item import Node, Nodes
from countyfhir.fhirpath.schema import Step


@dataclass(frozen=True, slots=True)
class Place:
    """The fourth part of a node while locating. ``parent`` None: the input itself."""

    parent: dict[str, Any] | None
    key: str
    index: int | None
    path: str


@dataclass(frozen=True, slots=True)
class Location:
    """The place of a result: ``parent[key]`` (or ``parent[key][index]``) holds it, ``path`` is its FHIRPath
    (``Patient.name[0].given[1]``). The root has parent None, key ""."""

    parent: dict[str, Any] | None
    key: str
    index: int | None
    path: str
    type_name: str


def locate_children(node: Node, found: Iterable[tuple[Any, str, Any, str, int | None]], step: Step) -> Nodes:
    """The children as nodes that carry their place."""
    parent = node[0] if isinstance(node[0], dict) else node[2]
    above = node[3].path if len(node) > 3 else node[1]
    nodes: Nodes = []
    for value, type_name, sibling, key, index in found:
        path = f"{above}.{step.name}" + ("" if index is None else f"[{index}]")
        nodes.append((value, type_name, sibling, Place(parent, key, index, path)))
    return nodes


def location_of(node: Node) -> Location:
    """The location of a result; one that was computed has none and is refused with ValueError."""
    if len(node) < 4:
        raise ValueError("the expression computes a value that stands nowhere in the resource")
    place: Place = node[3]
    return Location(place.parent, place.key, place.index, place.path, node[1])
