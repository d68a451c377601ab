"""From the facts of an element to entries under the names of its parameters; what repeats from resource to resource is
remembered (DESIGN decision 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from countyfhir.search.elements import KEYS, Fact, Reader
from countyfhir.search.walk import Sink, Visit

MOST_KEPT = 512
"""Elements remembered at one place of the tree; then it begins anew."""
LONGEST_KEY = 512

Tables = Sequence[Mapping[str, str]]
Kept = tuple[tuple[tuple[object, ...], ...], tuple[tuple[int, str, tuple[object, ...]], ...]]
"""The entries outside of composites, and what they are made of."""


def emitter(reader: Reader, type_name: str, tables: Tables) -> Visit:
    """Adds what ``reader`` finds in an element of the type, under the names that each table gives to its suffix; facts
    whose suffix has no name are left out."""
    key_of = KEYS.get(type_name)
    return _reading(reader, tables) if key_of is None else _remembering(reader, tables, key_of)


def _reading(reader: Reader, tables: Tables) -> Visit:
    if len(tables) == 1:
        return _reading_one(reader, tables[0])

    def emit(element: Any, sink: Sink, part: int) -> None:
        for kind, suffix, values in reader(element):
            for names in tables:
                if suffix in names:
                    sink.append((kind, names[suffix], part, *values))

    return emit


def _reading_one(reader: Reader, names: Mapping[str, str]) -> Visit:
    name_of = names.get

    def emit(element: Any, sink: Sink, part: int) -> None:
        for kind, suffix, values in reader(element):
            name = name_of(suffix)
            if name is not None:
                sink.append((kind, name, part, *values))

    return emit


def _remembering(reader: Reader, tables: Tables, key_of: Callable[[Any], object]) -> Visit:
    memory: dict[object, Kept] = {}
    kept_of = memory.get

    def emit(element: Any, sink: Sink, part: int) -> None:
        key = key_of(element)
        kept = kept_of(key)
        if kept is None:
            kept = _kept(reader(element), tables)
            if isinstance(key, (str, bytes)) and len(key) <= LONGEST_KEY:
                if len(memory) >= MOST_KEPT:
                    memory.clear()
                memory[key] = kept
        if part:
            sink.extend([(kind, name, part, *values) for kind, name, values in kept[1]])
        else:
            sink.extend(kept[0])

    return emit


def _kept(facts: Iterable[Fact], tables: Tables) -> Kept:
    named = tuple(
        (kind, names[suffix], values) for kind, suffix, values in facts for names in tables if suffix in names
    )
    return tuple((kind, name, 0, *values) for kind, name, values in named), named
