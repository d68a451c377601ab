"""Contained resources in the index: entries under names of their own beside those of the container, so that a change of
the container changes them in the same breath (R4 section 3.1.1.5.5; ``entries.py`` tells the names)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from countyfhir.search.entries import TOKEN, Entry
from countyfhir.search.query import (
    AllOf,
    Clause,
    CompositeIs,
    Contained,
    FullText,
    Has,
    IdIs,
    InCompartment,
    LastUpdatedIs,
    Missing,
    Not,
    OfType,
    OwnBy,
    Predicate,
    SeenBy,
    TokenIs,
    Unlabelled,
)

LINK = ":contained"
"""The suffix of the entries that tell which contained resource a reference parameter points to."""

_NAME = re.compile(r"#(\d+)\.([A-Za-z]+)\._id")
_NEVER = IdIs(())


def prefix(number: int, resource_type: str) -> str:
    """What the entry names of the ``number``-th (from 1) contained resource of the type begin with."""
    return f"#{number}.{resource_type}."


def numbered(resource: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The contained resources, each with its number among those of its type."""
    counted: dict[str, int] = {}
    for each in resource.get("contained") or ():
        kind = each.get("resourceType", "")
        counted[kind] = counted.get(kind, 0) + 1
        yield counted[kind], each


def entries(
    resource: Mapping[str, Any], extract: Callable[[Mapping[str, Any]], Iterable[Entry]], own: Iterable[Entry]
) -> tuple[Entry, ...]:
    """The container's own entries, their links to contained resources resolved, and those of what it contains."""
    found: list[Entry] = []
    called: dict[str, str] = {}
    for number, each in numbered(resource):
        start = prefix(number, each["resourceType"])
        called[f"#{each.get('id')}"] = start[1:-1]
        found.append((TOKEN, f"{start}_id", 0, "", str(each.get("id", ""))))
        found += ((kind, start + str(name), *rest) for kind, name, *rest in extract(each) if not _is_link(name))
    return (*linked(own, called), *found)


def linked(own: Iterable[Entry], called: Mapping[str, str]) -> Iterator[Entry]:
    """The entries with the names of contained resources in place of their ids; links that lead nowhere left out."""
    for entry in own:
        if not _is_link(entry[1]):
            yield entry
        elif entry[4] in called:
            yield (*entry[:4], called[str(entry[4])])


def _is_link(name: object) -> bool:
    return str(name).endswith(LINK)


def numbers(resource_type: str, names: Iterable[str]) -> list[int]:
    """The numbers under which resources of the type are contained, from the entry names of a container's type."""
    found = (_NAME.fullmatch(name) for name in names)
    return sorted({int(each[1]) for each in found if each and each[2] == resource_type})


def alternatives(predicate: Contained, among: Iterable[int]) -> Clause:
    """The predicate as ordinary ones over the container's entries, an alternative for each of the numbers."""
    return tuple(AllOf(of_number(predicate, number)) for number in among)


def of_number(predicate: Contained, number: int) -> tuple[Clause, ...]:
    """What must hold for the contained resource of that number."""
    start = prefix(number, predicate.resource_type)
    where = tuple(_clause(clause, start) for clause in predicate.where)
    if predicate.through is not None:
        return ((TokenIs(predicate.through + LINK, "", start[1:-1]),), *where)
    if any(map(_needs_a_value, predicate.where)):
        return where
    return ((TokenIs(f"{start}_id", "", None),), *where)


def _needs_a_value(clause: Clause) -> bool:
    """Whether the clause can only hold where there is something."""
    return not any(isinstance(each, Not | AllOf) or (isinstance(each, Missing) and each.missing) for each in clause)


def _clause(clause: Clause, start: str) -> Clause:
    return tuple(_inside(predicate, start) for predicate in clause)


def _inside(predicate: Predicate, start: str) -> Predicate:
    """The predicate about a contained resource as one about its container. Nothing points to a contained resource
    from outside, and it has no version, compartment or text of its own."""
    if isinstance(
        predicate, Has | LastUpdatedIs | FullText | InCompartment | Contained | OfType | SeenBy | OwnBy | Unlabelled
    ):
        return _NEVER
    if isinstance(predicate, IdIs):
        return AllOf((tuple(TokenIs(f"{start}_id", "", each) for each in predicate.logical_ids),))
    if isinstance(predicate, Not):
        return Not(_clause(predicate.clause, start))
    if isinstance(predicate, AllOf):
        return AllOf(tuple(_clause(clause, start) for clause in predicate.clauses))
    if isinstance(predicate, CompositeIs):
        return CompositeIs(start + predicate.parameter, tuple(_inside(part, start) for part in predicate.parts))
    return replace(predicate, parameter=start + predicate.parameter)
