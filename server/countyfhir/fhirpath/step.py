"""Following a name from nodes to their children (FHIRPath N1 section 4.1, R4 section 2.26: choices and primitives)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from countyfhir.fhirpath.item import Node, Nodes, node_of
from countyfhir.fhirpath.place import locate_children
from countyfhir.fhirpath.schema import RECORD, Step, narrowed, step_of, steps_by_key
from countyfhir.fhirpath.scope import Scope

Stepper = Callable[[Scope, Nodes], Nodes]


def stepper(name: str, wanted: frozenset[str] | None = None, source: Stepper | None = None) -> Stepper:
    """A function that follows ``name`` from every node; the steps of a type are looked up once. Of a choice, only the
    ``wanted`` types are followed. ``source`` makes the nodes from the focus; without it they are the focus."""
    steps: dict[str, Step | None] = {}

    def follow(scope: Scope, nodes: Nodes) -> Nodes:
        if source is not None:
            nodes = source(scope, nodes)
        result: Nodes = []
        locating = scope.locating
        for node in nodes:
            value, type_name = node[0], node[1]
            try:
                step = steps[type_name]
            except KeyError:
                step = steps[type_name] = narrowed(step_of(type_name, name), wanted)
            if step is None:
                continue
            key, sibling, child_type, choices, _ = step
            if locating or choices is not None or child_type is None or value.__class__ is not dict or sibling in value:
                result += nodes_under(node, step, locating)
                continue
            found = value.get(key)
            if found.__class__ is list:
                result += [(one, child_type, None) for one in found if one is not None]
            elif found is not None:
                result.append((found, child_type, None))
        return result

    return follow


def nodes_under(node: Node, step: Step, locating: bool) -> Nodes:
    """The children a step leads to as nodes, with their place while locating."""
    found = children(node, step)
    return locate_children(node, found, step) if locating else [child[:3] for child in found]


def children(node: Node, step: Step) -> list[tuple[Any, str, Any, str, int | None]]:
    """The children a step leads to as (value, type, sibling, JSON key, index in its list or None)."""
    container = node[0] if isinstance(node[0], dict) else node[2]
    if not isinstance(container, dict):
        return []
    if node[1] == RECORD:
        return _of_record(container, step.key)
    if step.choices is not None:
        return _chosen(container, step.choices)
    return _under(container, step.key, step.sibling, step.type_name)


def _chosen(container: dict[str, Any], choices: dict[str, str]) -> list[tuple[Any, str, Any, str, int | None]]:
    for key in container if len(container) < len(choices) else choices:
        type_name = choices.get(key)
        if type_name is not None and key in container:
            plain = key.lstrip("_")
            return _under(container, plain, f"_{plain}", type_name)
    return []


def _under(
    container: dict[str, Any], key: str, sibling: str | None, type_name: str | None
) -> list[tuple[Any, str, Any, str, int | None]]:
    value, beside = container.get(key), container.get(sibling) if sibling else None
    if not isinstance(value, list) and not isinstance(beside, list):
        if value is None and not isinstance(beside, dict):
            return []
        return [(value, _type_of(value, type_name), beside, key, None)]
    values = value if isinstance(value, list) else []
    besides = beside if isinstance(beside, list) else []
    found: list[tuple[Any, str, Any, str, int | None]] = []
    for index in range(max(len(values), len(besides))):
        one = values[index] if index < len(values) else None
        extra = besides[index] if index < len(besides) else None
        if one is not None or extra is not None:
            found.append((one, _type_of(one, type_name), extra, key, index))
    return found


def _of_record(container: dict[str, Any], key: str) -> list[tuple[Any, str, Any, str, int | None]]:
    """The values under a key of an object without definition, each of the type that it has in Python."""
    value = container.get(key)
    many = isinstance(value, list)
    return [
        (*node_of(one, RECORD if isinstance(one, dict) else None)[:2], None, key, index if many else None)
        for index, one in enumerate(value if isinstance(value, list) else (value,))
        if one is not None
    ]


def _type_of(value: Any, type_name: str | None) -> str:
    if type_name is not None:
        return type_name
    return str(value.get("resourceType", "Resource")) if isinstance(value, dict) else "Resource"


def all_children(node: Node, scope: Scope) -> Nodes:
    """The children of a node by every name its type has, in the order of the resource."""
    container = node[0] if isinstance(node[0], dict) else node[2]
    if not isinstance(container, dict):
        return []
    result: Nodes = []
    if node[1] == RECORD:
        return [child[:3] for key in container for child in _of_record(container, key)]
    steps = steps_by_key(node[1])
    for key in container:
        step = steps.get(key)
        if step is None or (key[0] == "_" and key[1:] in container):
            continue
        result += nodes_under(node, step, scope.locating)
    return result
