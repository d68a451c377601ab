"""FHIR JSON: a CodeSystem of any size as a stream (R4 section 4.8); ValueSets, ConceptMaps and Bundles as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ijson
from ijson.common import ObjectBuilder

from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.terminology.concepts import Entry, entries_of
from countyfhir.terminology.importing.opening import Member, Meter, members, opened
from countyfhir.terminology.importing.order import Import, ImportProblem, Order

LARGE = 8 << 20
"""Bytes from which a file is read as a stream; smaller ones are parsed at once."""
KINDS = ("CodeSystem", "ValueSet", "ConceptMap")


def resources(order: Order) -> Iterator[dict[str, Any]]:
    """The resources of a file that is small enough to be parsed: itself, lines of NDJSON, or entries of a Bundle."""
    for member in members(order.path):
        if not member.name.lower().endswith((".json", ".ndjson")):
            continue
        with opened(member) as stream:
            text = stream.read()
        lines = text.splitlines() if member.name.lower().endswith(".ndjson") else [text]
        for line in lines:
            if line.strip():
                yield from _inside(_parsed(line, member))


def _parsed(text: bytes, member: Member) -> dict[str, Any]:
    try:
        return json.parse(text)
    except FhirError as error:
        raise ImportProblem(f"{member.name}: {error.issues[0].diagnostics}") from error


def _inside(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if resource.get("resourceType") == "Bundle":
        for entry in resource.get("entry", ()):
            yield from _inside(entry.get("resource", {}))
    elif resource.get("resourceType") in KINDS:
        yield resource
    else:
        raise ImportProblem(
            f"{resource.get('resourceType')} is not terminology: {', '.join(KINDS)} and Bundles of them are"
        )


def is_large(order: Order) -> bool:
    """Whether the file is one CodeSystem that is better read as a stream."""
    return order.path.is_file() and order.path.suffix.lower() == ".json" and order.path.stat().st_size >= LARGE


def code_system(order: Order) -> Import:
    """A large CodeSystem: what stands around its concepts, and these as a stream."""
    (member,) = members(order.path)
    head = _around(member)
    if head.get("resourceType") != "CodeSystem":
        raise ImportProblem(f"{member.name} is larger than {LARGE >> 20} MB and is no CodeSystem: split it")
    if not head.get("url"):
        raise ImportProblem(f"{member.name} has no url")
    said = {"url": order.system, "version": order.version}
    head |= {name: value for name, value in said.items() if value}
    meter = Meter(order.tell, member.size)
    return Import(head, _entries(head, member, meter))


def _entries(head: dict[str, Any], member: Member, meter: Meter) -> Iterator[Entry]:
    for concept in _concepts(member, meter):
        yield from entries_of(head, [concept])


def _concepts(member: Member, meter: Meter) -> Iterator[dict[str, Any]]:
    with opened(member) as stream:
        for number, concept in enumerate(ijson.items(stream, "concept.item")):
            if number % 2_000 == 0:
                meter.at(stream.tell())
            yield concept
    meter.finished(member)


def _around(member: Member) -> dict[str, Any]:
    """The resource without its concepts."""
    builder = ObjectBuilder()
    with opened(member) as stream:
        try:
            for prefix, event, value in ijson.parse(stream):
                if prefix == "concept" or prefix.startswith("concept."):
                    continue
                if prefix == "" and event == "map_key" and value == "concept":
                    continue
                builder.event(event, value)
        except ijson.JSONError as error:
            raise ImportProblem(f"{member.name} is not JSON: {error}") from error
    found: Any = builder.value
    if not isinstance(found, dict):
        raise ImportProblem(f"{member.name} is no resource")
    return found
