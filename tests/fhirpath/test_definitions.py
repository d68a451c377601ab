"""HL7's own expressions: all R4 search parameters and invariants compile, and evaluate on the official examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from countyfhir.fhirpath import Item, compile  # noqa: A004
from countyfhir.model import library
from countyfhir.model.definitions import Invariant, definitions

EXAMPLES = Path(__file__).resolve().parents[1] / "data" / "r4-examples.tar.xz"
PUBLISHED_WRONG = {"txt-1", "txt-2", "que-7"}
"""Some examples have an empty narrative; que-7 says Boolean, a System type, where it means boolean."""
LARGEST = 12_000
"""Bytes of an example on which every invariant is evaluated; the larger ones say the same more often."""


@cache
def examples() -> list[tuple[str, int, dict[str, Any]]]:
    return [
        (name, len(content), json.loads(content, parse_float=Decimal)) for name, content in library.examples(EXAMPLES)
    ]


def test_search_parameters() -> None:
    """Every search parameter evaluates on every example of its type; most examples are found by something."""
    found = 0
    for _, _, resource in examples():
        resource_type = resource["resourceType"]
        for parameter in definitions().search_parameters.get(resource_type, {}).values():
            if not parameter.expression:
                continue
            items = compile(parameter.expression, resource_type)(resource)
            found += bool(items)
            for _, expression in parameter.components:
                for item in items:
                    compile(expression, item.type_name)(item, resource=resource)
    assert found > 6000


def elements(item: Item, resource: dict[str, Any]) -> Iterator[tuple[Invariant, Item, dict[str, Any]]]:
    """The invariants of an element and of everything in it."""
    definition = definitions().types.get(item.type_name)
    if definition is None:
        return
    for invariant in definition.invariants:
        yield invariant, item, resource
    if not isinstance(item.value, dict):
        return
    for key, value in item.value.items():
        element = definition.elements.get(key)
        for one in (value if isinstance(value, list) else [value]) if element is not None else ():
            if isinstance(one, dict) and "resourceType" in one:
                yield from elements(Item(one, one["resourceType"]), one)
            elif one is not None and element is not None:
                child = Item(one, element.type_name)
                yield from ((invariant, child, resource) for invariant in element.invariants)
                yield from elements(child, resource)


def test_invariants() -> None:
    """Every invariant compiles, and evaluates on the examples; only what HL7 published wrong does not hold."""
    known = {invariant.expression for _, invariant in all_invariants()}
    assert len(known) > 190
    for type_name, invariant in all_invariants():
        compile(invariant.expression, type_name)
    broken = set()
    evaluated = 0
    for name, size, resource in examples():
        if size > LARGEST:
            continue
        for invariant, item, holder in elements(Item(resource, resource["resourceType"]), resource):
            evaluated += 1
            answer = compile(invariant.expression, item.type_name).holds(item, resource=holder, root=resource)
            if answer is False and invariant.severity == "error":
                broken.add((invariant.key, name))
    assert evaluated > 20_000
    assert {key for key, _ in broken} <= PUBLISHED_WRONG


def all_invariants() -> Iterator[tuple[str, Invariant]]:
    for definition in definitions().types.values():
        yield from ((definition.name, invariant) for invariant in definition.invariants)
        for element in definition.elements.values():
            yield from ((element.type_name, invariant) for invariant in element.invariants)
