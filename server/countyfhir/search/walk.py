"""Paths of many parameters compiled into one walk over a resource: shared prefixes are walked once (DESIGN decision
6).

A tree of properties is built first, then turned into nested closures. At run time only properties that are present
and lead somewhere cost anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from countyfhir.model.definitions import Definitions, ElementDefinition
from countyfhir.search.paths import Filter, Path, Step
from countyfhir.search.targets import type_of


class Sink(list[Any]):
    """Where entries are put; ``root`` is the resource that is walked."""

    __slots__ = ("root",)

    def __init__(self, root: Any) -> None:
        super().__init__()
        self.root = root


Visit = Callable[[Any, Sink, int], None]
"""``visit(element, sink, part)``: adds the entries of one element."""


@dataclass(slots=True)
class Node:
    """An element of type ``type_name``: what is emitted there, and the properties that lead on (name, filters)."""

    type_name: str
    owner: str = ""
    name: str = ""
    emitters: list[Any] = field(default_factory=list)
    edges: dict[tuple[str, tuple[Filter, ...]], Node] = field(default_factory=dict)

    @property
    def reader_name(self) -> str:
        """The element type as readers know it; the parts of a HumanName by their names."""
        if self.owner == "HumanName" and self.name in ("family", "given"):
            return self.name
        return self.type_name


def grow(node: Node, path: Path, definitions: Definitions) -> list[Node] | None:
    """The nodes where ``path`` ends, made where they are new; None when a step leads to nothing known (then the
    expression needs the FHIRPath engine, or is wrong)."""
    reached = [node]
    for step in path.steps:
        following = [child for parent in reached for child in _follow(parent, step, definitions)]
        if not following and not _leads_nowhere(reached, step, definitions):
            return None
        reached = following
    return reached


def _leads_nowhere(parents: list[Node], step: Step, definitions: Definitions) -> bool:
    """Whether a typed step is a choice that has no such type, rather than a narrowing only the resource itself
    shows."""
    if step.as_type is None:
        return False
    found = [element for parent in parents for element in _candidates(parent, step, definitions)]
    return bool(found) and not any(definitions.is_subtype(step.as_type, element.type_name) for element in found)


def _follow(parent: Node, step: Step, definitions: Definitions) -> list[Node]:
    found = _candidates(parent, step, definitions)
    if step.as_type:
        found = [element for element in found if _is_type(element.type_name, step.as_type, definitions)]
    nodes = []
    for element in found:
        fresh = Node(element.type_name, parent.type_name, element.name)
        nodes.append(parent.edges.setdefault((element.name, step.filters), fresh))
    return nodes


def _candidates(parent: Node, step: Step, definitions: Definitions) -> list[ElementDefinition]:
    """The property of that name, or all the properties of the choice of that name."""
    definition = definitions.types.get(parent.type_name)
    if definition is None or definition.kind == "primitive-type":  # what a primitive has stands beside it in JSON
        return []
    elements = definition.elements
    if step.name in elements:
        return [elements[step.name]]
    return [element for element in elements.values() if element.choice == step.name]


def _is_type(type_name: str, wanted: str, definitions: Definitions) -> bool:
    """``as`` keeps the exact type of a choice; HL7's own expressions write ``DateTime`` once."""
    return type_name.lower() == wanted.lower() or (
        (type_name in ("SimpleQuantity", "Age", "Duration", "Count", "Distance") and wanted == "Quantity")
        and definitions.is_subtype(type_name, wanted)
    )


def compile_node(node: Node) -> Visit:
    """The node as a closure."""
    emitters = tuple(node.emitters)
    handlers = _handlers(node)
    if not handlers:
        return emitters[0] if len(emitters) == 1 else _emit_all(emitters)
    property_of = handlers.get

    def visit_children(element: Any, sink: Sink, part: int) -> None:
        for name, value in element.items():
            handle = property_of(name)
            if handle is not None:
                handle(value, sink, part)

    if not emitters:
        return visit_children

    def visit(element: Any, sink: Sink, part: int) -> None:
        for emit in emitters:
            emit(element, sink, part)
        for name, value in element.items():
            handle = property_of(name)
            if handle is not None:
                handle(value, sink, part)

    return visit


def _emit_all(emitters: tuple[Visit, ...]) -> Visit:
    def visit(element: Any, sink: Sink, part: int) -> None:
        for emit in emitters:
            emit(element, sink, part)

    return visit


def _handlers(node: Node) -> dict[str, Visit]:
    """One handler a property, whatever filters lead through it."""
    by_name: dict[str, list[tuple[tuple[Filter, ...], Visit]]] = {}
    for (name, filters), child in node.edges.items():
        if child.emitters or child.edges:
            by_name.setdefault(name, []).append((filters, compile_node(child)))
    return {name: _handler(alternatives) for name, alternatives in by_name.items()}


def _handler(alternatives: list[tuple[tuple[Filter, ...], Visit]]) -> Visit:
    plain = [visit for filters, visit in alternatives if not filters]
    filtered = [(_predicate(filters), visit) for filters, visit in alternatives if filters]
    if len(plain) == 1 and not filtered:
        return _each(plain[0])

    def handle(value: Any, sink: Sink, part: int) -> None:
        for place, element in enumerate(value if isinstance(value, list) else (value,)):
            if element is None:
                continue
            for visit in plain:
                visit(element, sink, part)
            for holds, visit in filtered:
                if holds(element, place, sink.root):
                    visit(element, sink, part)

    return handle


def _each(visit: Visit) -> Visit:
    def handle(value: Any, sink: Sink, part: int) -> None:
        if type(value) is list:
            for element in value:
                if element is not None:
                    visit(element, sink, part)
        elif value is not None:
            visit(value, sink, part)

    return handle


Holds = Callable[[Any, int, Any], bool]
"""``holds(element, place in its array, root resource)``."""


def _predicate(filters: tuple[Filter, ...]) -> Holds:
    checks = [_CHECKS[each.kind](each) for each in filters]
    if len(checks) == 1:
        return checks[0]
    return lambda element, place, root: all(check(element, place, root) for check in checks)


def _resolves(condition: Filter) -> Holds:
    """``resolve() is X`` by what the reference says itself, or by the contained resource it names."""
    wanted = condition.argument

    def check(element: Any, place: int, root: Any) -> bool:
        if not isinstance(element, dict):
            return False
        reference = element.get("reference")
        if reference and reference[0] == "#":
            return _contained_type(root, reference[1:]) == wanted
        return type_of(reference, element.get("type")) == wanted

    return check


def _contained_type(root: Any, local_id: str) -> str | None:
    found = (each for each in root.get("contained") or () if each.get("id") == local_id)
    return next((each.get("resourceType") for each in found), None)


def _equals(condition: Filter) -> Holds:
    name, wanted = condition.argument, condition.value
    return lambda element, place, root: element.get(name) == wanted


def _stands_at(condition: Filter) -> Holds:
    wanted = int(condition.argument)
    return lambda element, place, root: place == wanted


_CHECKS = {"resolve": _resolves, "where": _equals, "index": _stands_at}


def leaves(resource_type: str, paths: tuple[Path, ...] | None, definitions: Definitions) -> list[Node]:
    """The nodes that paths end at, without anything that is emitted there; ``[]`` for what is no plain path."""
    root = Node(resource_type)
    return [node for path in paths or () for node in grow(root, path, definitions) or ()]
