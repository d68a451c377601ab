"""Search parameters of a type compiled into one extractor: resource in, index entries out (R4 section 3.1.1; DESIGN
6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from countyfhir.model.definitions import Definitions, SearchParameter
from countyfhir.search.elements import SUFFIXES, UNRESOLVED, Reader
from countyfhir.search.emitters import emitter
from countyfhir.search.entries import Entry
from countyfhir.search.paths import Path, branches
from countyfhir.search.walk import Node, Sink, Visit, compile_node, grow

Extractor = Callable[[Mapping[str, Any]], tuple[Entry, ...]]
Readers = Mapping[tuple[str, str], Reader]

SORTED_APART = ":sort"
"""The suffix under which a parameter of human names keeps how it sorts; the index under its own name holds pinyin,
too."""

NOT_EXTRACTED = frozenset({"_id", "_lastUpdated"})
"""Columns of the store, not entries."""


@dataclass(frozen=True, slots=True)
class Source:
    """What extraction needs to know: the definitions, how each element type is read, and the type of each component."""

    definitions: Definitions
    readers: Readers
    component_type: Callable[[str], str]


def extractor(resource_type: str, parameters: Iterable[SearchParameter], source: Source) -> Extractor:
    """The function from a resource of the type to its entries, each once, in the order they are met."""
    root = Node(resource_type)
    for parameter in parameters:
        if parameter.code not in NOT_EXTRACTED and parameter.expression:
            _plant(root, parameter, source)
    _merge_emitters(root)
    visit = compile_node(root) if root.edges or root.emitters else None

    def extract(resource: Mapping[str, Any]) -> tuple[Entry, ...]:
        sink = Sink(resource)
        if visit is not None:
            visit(resource, sink, 0)
        return tuple(dict.fromkeys(sink))

    return extract


@dataclass(frozen=True, slots=True)
class _Plain:
    """A parameter that reads the element it stands at."""

    reader: Reader
    parameter: SearchParameter
    type_name: str


def _plant(root: Node, parameter: SearchParameter, source: Source) -> None:
    """Put the parameter where its paths end; through the FHIRPath engine when they are no plain paths."""
    paths = branches(parameter.expression)
    reached = [grow(root, path, source.definitions) for path in paths or ()]
    if paths is None or None in reached:
        root.emitters.append(_by_fhirpath(root.type_name, parameter, source))
        return
    assert paths is not None
    for node in (node for nodes in reached for node in nodes or ()):
        if parameter.type == "composite":
            node.emitters.append(_composite(node.type_name, parameter, source))
            continue
        sounded = parameter.code == "phonetic" and node.type_name == "string"
        reader = _reader(source, parameter.type, "phonetic" if sounded else node.reader_name)
        if reader is not None:
            node.emitters.append(_Plain(reader, parameter, node.type_name))
    if parameter.type == "reference":
        _plant_unresolved(root, paths, parameter, source)


def _plant_unresolved(root: Node, paths: Iterable[Path], parameter: SearchParameter, source: Source) -> None:
    """References by identifier alone may lead to the type that ``resolve() is`` asks for: chains find out."""
    for path in paths:
        if path.steps and any(condition.kind == "resolve" for condition in path.steps[-1].filters):
            bare = replace(path, steps=(*path.steps[:-1], replace(path.steps[-1], filters=())))
            for node in grow(root, bare, source.definitions) or ():
                reader = source.readers.get((UNRESOLVED, node.type_name))
                if reader is not None:
                    node.emitters.append(_Plain(reader, parameter, node.type_name))


def _reader(source: Source, search_type: str, type_name: str) -> Reader | None:
    """The reader of an element type; of an Extension, that of its value."""
    if type_name == "Extension":
        return _extension_reader(source, search_type)
    return source.readers.get((search_type, type_name))


def _extension_reader(source: Source, search_type: str) -> Reader:
    elements = source.definitions.types["Extension"].elements.values()
    by_property = {
        element.name: reader
        for element in elements
        if element.choice == "value" and (reader := source.readers.get((search_type, element.type_name)))
    }

    def read(extension: Mapping[str, Any]) -> Iterable[Any]:
        for name, value in extension.items():
            if name in by_property:
                yield from by_property[name](value)

    return read


def _merge_emitters(node: Node) -> None:
    """Parameters that read one element the same way share the reading."""
    by_reader: dict[Reader, list[_Plain]] = {}
    for each in node.emitters:
        if isinstance(each, _Plain):
            by_reader.setdefault(each.reader, []).append(each)
    others = [each for each in node.emitters if not isinstance(each, _Plain)]
    shared = [_emitter(reader, plain) for reader, plain in by_reader.items()]
    node.emitters = [*shared, *others]
    for child in node.edges.values():
        _merge_emitters(child)


def _emitter(reader: Reader, plain: list[_Plain]) -> Visit:
    if plain[0].type_name == "Resource":
        return _inlined_emitter(reader, plain)
    tables = [names_of(code) for code in dict.fromkeys(each.parameter.code for each in plain)]
    return emitter(reader, plain[0].type_name, tables)


def names_of(code: str) -> dict[str, str]:
    """The entry names of a parameter by suffix."""
    return {suffix: code + suffix for suffix in SUFFIXES}


def _inlined_emitter(reader: Reader, plain: list[_Plain]) -> Visit:
    """A resource inside a resource (Bundle.entry[0].resource) is a target only when its type is one of the
    parameter's."""
    targets = [(names_of(each.parameter.code)[""], each.parameter.targets) for each in plain]

    def emit(element: Any, sink: Sink, part: int) -> None:
        for kind, _, values in reader(element):
            for name, types in targets:
                if not types or values[0] in types:
                    sink.append((kind, name, part, *values))

    return emit


def _by_fhirpath(type_name: str, parameter: SearchParameter, source: Source) -> Visit:
    from countyfhir import fhirpath  # few expressions need the engine, and a server starts without it

    evaluate = fhirpath.compile(parameter.expression, type_name)
    names = names_of(parameter.code)
    search_type = parameter.type

    def emit(element: Any, sink: Sink, part: int) -> None:
        try:
            items = evaluate(element)
        except fhirpath.FhirPathError:  # what cannot be evaluated has no entries; the resource itself is sound
            return
        for item in items:
            inlined = isinstance(item.value, dict) and "resourceType" in item.value
            reader = _reader(source, search_type, "Resource" if inlined else item.type_name)
            if reader is None or item.value is None:
                continue
            for kind, suffix, values in reader(item.value):
                sink.append((kind, names[suffix], part, *values))

    return emit


def _composite(type_name: str, parameter: SearchParameter, source: Source) -> Visit:
    """The components of one element under one part number, when every component is there."""
    components = [
        _component(type_name, f"{parameter.code}${place}", expression, source.component_type(definition), source)
        for place, (definition, expression) in enumerate(parameter.components, 1)
    ]
    rarest_first = [visit for visit, _ in reversed(components)]
    needed = components[-1][1]

    def emit(element: Any, sink: Sink, part: int) -> None:
        if needed is not None and needed.isdisjoint(element):
            return
        number = len(sink) + 1
        found: list[Any] = []
        for visit in rarest_first:
            entries = Sink(sink.root)
            visit(element, entries, number)
            if not entries:
                return
            found[:0] = entries
        sink.extend(found)

    return emit


def _component(
    type_name: str, code: str, expression: str, search_type: str, source: Source
) -> tuple[Visit, frozenset[str] | None]:
    """What visits a component, and the properties of which the element must have one (None: it reads elsewhere)."""
    paths = branches(expression)
    if paths is None:
        raise ValueError(f"the component {expression!r} is not a path")
    names = {"": code}
    relative, absolute = Node(type_name), [path for path in paths if path.root == "%resource"]
    visits = [_absolute(path, names, search_type, source) for path in absolute]
    _component_leaves(relative, [path for path in paths if not path.root], names, search_type, source)
    if relative.edges:
        visits.append(compile_node(relative))

    def visit(element: Any, sink: Sink, part: int) -> None:
        for each in visits:
            each(element, sink, part)

    needed = None if absolute or relative.emitters else frozenset(name for name, _ in relative.edges)
    return visits[0] if len(visits) == 1 else visit, needed


def _component_leaves(
    root: Node, paths: list[Path], names: Mapping[str, str], search_type: str, source: Source
) -> None:
    for path in paths:
        for node in grow(root, path, source.definitions) or ():
            reader = _reader(source, search_type, node.reader_name)
            if reader is not None:
                node.emitters.append(emitter(reader, node.type_name, (names,)))


def _absolute(path: Path, names: Mapping[str, str], search_type: str, source: Source) -> Visit:
    """A component that starts from the resource again; compiled for the type that is met first."""
    compiled: dict[str, Visit] = {}

    def visit(element: Any, sink: Sink, part: int) -> None:
        resource_type = sink.root["resourceType"]
        if resource_type not in compiled:
            root = Node(resource_type)
            _component_leaves(root, [Path(path.steps)], names, search_type, source)
            compiled[resource_type] = compile_node(root)
        compiled[resource_type](sink.root, sink, part)

    return visit
