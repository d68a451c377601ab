"""Bodies read no further than the expressions of a Measure need: the elements that they name, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from countyfhir.model import json
from countyfhir.model.definitions import definitions

_WORD = re.compile(r"[A-Za-z_]\w*")
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'")
_EVERYTHING = frozenset({"children", "descendants", "repeat"})
_ALWAYS = ("resourceType", "id")

Shape = Callable[[bytes], dict[str, Any]]


def words(expressions: Iterable[str]) -> frozenset[str]:
    """The names that stand in expressions: elements, functions, variables."""
    return frozenset(word for text in expressions for word in _WORD.findall(_STRING.sub("", text)))


@cache
def shape(resource_type: str, named: frozenset[str]) -> Shape:
    """A reader of bodies of the type, for expressions with these names."""
    if named & _EVERYTHING:
        return json.parse
    elements = definitions().types[resource_type].elements
    kept = [name for name, element in elements.items() if name in named or element.choice in named]
    if not kept and not named.isdisjoint({"resource", "context", "this"}):
        return json.parse
    names = [*_ALWAYS, *(name for name in kept if name not in _ALWAYS)]
    names += [f"_{name}" for name in kept if elements[name].is_primitive]
    fields = [(f"f{place}", Any, msgspec.UNSET) for place in range(len(names))]
    renamed = {f"f{place}": name for place, name in enumerate(names)}
    partial = msgspec.defstruct(f"Part{resource_type}", fields, rename=renamed, kw_only=True)
    decode = msgspec.json.Decoder(partial, float_hook=Decimal).decode
    pairs = [(f"f{place}", name) for place, name in enumerate(names)]

    def read(body: bytes) -> dict[str, Any]:
        found = decode(body)
        values = ((name, getattr(found, own)) for own, name in pairs)
        return {name: value for name, value in values if value is not msgspec.UNSET}

    return read
