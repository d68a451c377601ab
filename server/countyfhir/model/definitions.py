"""The R4 definitions as data: types, elements, search parameters, compartments, operations, value sets (R4 4.0.1).

``data/definitions.msgpack.z`` is compiled from the official package by ``python -m countyfhir.model.compile``;
``docs/decisions/0002-definitions-are-data.md`` says how and why.
"""

from __future__ import annotations

import zlib
from functools import cache, cached_property
from importlib.resources import files

import msgspec


class Invariant(msgspec.Struct, frozen=True, array_like=True):
    """One FHIRPath rule (ElementDefinition.constraint): ``severity`` is error or warning, ``path`` where it was
    stated.
    """

    key: str
    severity: str
    human: str
    expression: str
    path: str


class ElementDefinition(msgspec.Struct, frozen=True, array_like=True):
    """One JSON property of a type.

    ``path`` is the specification's own ("Observation.value[x]"); ``choice`` is the name of the choice group
    ("value") of an expanded choice element, whose ``minimum`` is that of the group. ``maximum`` None means ``*``.
    ``target_types`` are the resource types a Reference or canonical may point to, () any. ``invariants`` are the
    rules stated on this element only; those of its type are on the type.
    """

    name: str
    path: str
    type_name: str
    choice: str | None = None
    minimum: int = 0
    maximum: int | None = 1
    is_array: bool = False
    is_primitive: bool = False
    xml_attribute: bool = False
    in_summary: bool = False
    is_modifier: bool = False
    binding_strength: str | None = None
    binding_value_set: str | None = None
    target_types: tuple[str, ...] = ()
    order: int = 0
    profiles: tuple[str, ...] = ()
    invariants: tuple[Invariant, ...] = ()


class TypeDefinition(msgspec.Struct, frozen=True, array_like=True):
    """A resource, data type, primitive type or backbone element ("Patient.contact"); ``elements`` by JSON property
    name in the specification's order (a primitive type has only ``id`` and ``extension``).
    """

    name: str
    kind: str
    parent_type: str | None
    abstract: bool
    elements: dict[str, ElementDefinition]
    invariants: tuple[Invariant, ...] = ()


class SearchParameter(msgspec.Struct, frozen=True, array_like=True):
    """A search parameter as it applies to one resource type: ``expression`` holds only the alternatives of that
    type and is "" where R4 gives none (_text, _content, _filter, _query). ``components`` are (definition url,
    expression) pairs; ``resource_types`` the whole ``base`` list.
    """

    code: str
    type: str
    expression: str
    url: str
    targets: tuple[str, ...] = ()
    components: tuple[tuple[str, str], ...] = ()
    resource_types: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    comparators: tuple[str, ...] = ()
    multiple_or: bool = True
    multiple_and: bool = True
    chain: tuple[str, ...] = ()
    xpath_usage: str = "normal"
    corrected: str | None = None


class ValueSet(msgspec.Struct, frozen=True, array_like=True):
    """The expansion of a value set with a required binding: code system url -> codes."""

    url: str
    systems: dict[str, tuple[str, ...]]


class Compiled(msgspec.Struct, frozen=True, array_like=True):
    """The file as it is stored. Search parameters are (code table by resource type -> index into the list)."""

    version: str
    types: list[TypeDefinition]
    search_parameters: list[SearchParameter]
    search_index: dict[str, dict[str, int]]
    compartments: dict[str, dict[str, tuple[str, ...]]]
    operations: dict[str, dict[str, object]]
    value_sets: list[ValueSet]


class Definitions:
    """All definitions of R4; read only, shared by all threads.

    ``operations`` maps a code to ``{"code", "definitions": [...]}``, as several base OperationDefinitions share a code
    ("everything" of Patient, Encounter, Group, MedicinalProduct).
    """

    def __init__(self, compiled: Compiled) -> None:
        self.version = compiled.version
        self.types: dict[str, TypeDefinition] = {definition.name: definition for definition in compiled.types}
        self.resource_types: frozenset[str] = frozenset(
            definition.name
            for definition in compiled.types
            if definition.kind == "resource" and not definition.abstract
        )
        self.endpoint_types: frozenset[str] = self.resource_types - {"Parameters"}
        self.search_parameters: dict[str, dict[str, SearchParameter]] = {
            resource_type: {code: compiled.search_parameters[position] for code, position in codes.items()}
            for resource_type, codes in compiled.search_index.items()
        }
        self.compartments: dict[str, dict[str, tuple[str, ...]]] = compiled.compartments
        self.operations: dict[str, dict[str, object]] = compiled.operations
        self._value_sets = {value_set.url: value_set for value_set in compiled.value_sets}
        self._codes: dict[str, frozenset[str]] = {}
        self._codings: dict[str, frozenset[tuple[str, str]]] = {}

    def value_set_codes(self, url: str) -> frozenset[str] | None:
        """All codes of a value set that R4 binds as required; None when it cannot be enumerated (or is not bound
        so).
        """
        url = url.partition("|")[0]
        value_set = self._value_sets.get(url)
        if value_set is None:
            return None
        if url not in self._codes:
            self._codes[url] = frozenset(code for codes in value_set.systems.values() for code in codes)
        return self._codes[url]

    def value_set_codings(self, url: str) -> frozenset[tuple[str, str]] | None:
        """The same value set as (system, code) pairs."""
        url = url.partition("|")[0]
        value_set = self._value_sets.get(url)
        if value_set is None:
            return None
        if url not in self._codings:
            self._codings[url] = frozenset(
                (system, code) for system, codes in value_set.systems.items() for code in codes
            )
        return self._codings[url]

    @cached_property
    def value_set_urls(self) -> frozenset[str]:
        """The value sets that can be enumerated."""
        return frozenset(self._value_sets)

    @cached_property
    def search_parameter_urls(self) -> dict[str, SearchParameter]:
        """Search parameters by canonical url; of one that several types share, the form of one of them."""
        return {parameter.url: parameter for codes in self.search_parameters.values() for parameter in codes.values()}

    def element_at(self, path: str) -> ElementDefinition | None:
        """The element a dotted path of JSON property names leads to ("Patient.contact.name.family"), None if there
        is none.
        """
        type_name, *names = path.split(".")
        element: ElementDefinition | None = None
        for name in names:
            definition = self.types.get(type_name)
            element = definition.elements.get(name) if definition else None
            if element is None:
                return None
            type_name = element.type_name
        return element

    def is_subtype(self, type_name: str, ancestor: str) -> bool:
        """Whether ``type_name`` is ``ancestor`` or derives from it (Patient of DomainResource, code of string)."""
        name: str | None = type_name
        while name is not None and name != ancestor:
            definition = self.types.get(name)
            name = definition.parent_type if definition else None
        return name is not None


def stored() -> Compiled:
    """The content of the compiled file."""
    compressed = files("countyfhir.model").joinpath("data/definitions.msgpack.z").read_bytes()
    return msgspec.msgpack.decode(zlib.decompress(compressed), type=Compiled)


@cache
def definitions() -> Definitions:
    """The compiled R4 definitions, loaded once a process."""
    return Definitions(stored())
