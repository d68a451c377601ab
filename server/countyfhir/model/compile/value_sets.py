"""Expands the value sets that R4 binds as required, from the package's own code systems (R4 section 4.9.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from countyfhir.model.definitions import ValueSet

Json = dict[str, Any]
Pairs = set[tuple[str, str]]

ADDED_CODES = {"http://hl7.org/fhir/FHIR-version": ("4.0.1",)}
"""R4 4.0.1 forgot itself in its own list of versions (corrected in R4B)."""


class NotEnumerable(Exception):
    """The value set holds a code system or filter that the package cannot list."""


def expanded(urls: Iterable[str], value_sets: Iterable[Json], code_systems: Iterable[Json]) -> list[ValueSet]:
    """The expansions of those of ``urls`` that can be enumerated."""
    terminology = Terminology(value_sets, code_systems)
    found = []
    for url in sorted(urls):
        try:
            pairs = terminology.expand(url)
        except NotEnumerable:
            continue
        systems: dict[str, tuple[str, ...]] = {}
        for system in sorted({system for system, _ in pairs}):
            systems[system] = tuple(sorted(code for s, code in pairs if s == system))
        found.append(ValueSet(url, systems))
    return found


class Terminology:
    """The value sets and code systems of the package by url."""

    def __init__(self, value_sets: Iterable[Json], code_systems: Iterable[Json]) -> None:
        self.value_sets = {v["url"]: v for v in value_sets}
        self.code_systems = {c["url"]: c for c in code_systems}

    def expand(self, url: str) -> Pairs:
        """All (system, code) pairs of a value set; NotEnumerable when they cannot be known."""
        value_set = self.value_sets.get(url.partition("|")[0])
        if value_set is None or "compose" not in value_set:
            raise NotEnumerable(url)
        compose = value_set["compose"]
        pairs = {pair for include in compose["include"] for pair in self.included(include)}
        return pairs - {pair for exclude in compose.get("exclude", ()) for pair in self.included(exclude)}

    def included(self, include: Json) -> Pairs:
        """The pairs of one include or exclude: its system part, cut with every value set it names."""
        sets = [self.expand(url) for url in include.get("valueSet", ())]
        if "system" in include:
            sets.append(self.of_system(include))
        return set.intersection(*sets)

    def of_system(self, include: Json) -> Pairs:
        """The pairs of ``system`` with ``concept`` or ``filter``."""
        system = include["system"]
        if "concept" in include:
            return {(system, concept["code"]) for concept in include["concept"]}
        code_system = self.code_systems.get(system)
        if code_system is None or code_system["content"] != "complete":
            raise NotEnumerable(system)
        concepts = list(flattened(code_system.get("concept", ()), ()))
        parents = parents_of(concepts)
        codes = {concept["code"] for concept, _ in concepts} | set(ADDED_CODES.get(system, ()))
        for condition in include.get("filter", ()):
            codes &= matching(condition, concepts, parents)
        return {(system, code) for code in codes}


def flattened(concepts: Iterable[Json], above: tuple[str, ...]) -> Iterator[tuple[Json, tuple[str, ...]]]:
    """Every concept with the codes it is nested in."""
    for concept in concepts:
        yield concept, above
        yield from flattened(concept.get("concept", ()), (*above, concept["code"]))


def parents_of(concepts: list[tuple[Json, tuple[str, ...]]]) -> dict[str, set[str]]:
    """Code -> direct parents, by nesting and by the subsumedBy property (v3 code systems use both)."""
    parents: dict[str, set[str]] = {}
    for concept, above in concepts:
        found = parents.setdefault(concept["code"], set())
        found.update(above[-1:])
        found.update(p["valueCode"] for p in concept.get("property", ()) if p["code"] in ("subsumedBy", "parent"))
    return parents


def is_a(code: str, ancestor: str, parents: dict[str, set[str]]) -> bool:
    """Whether ``code`` is ``ancestor`` or below it."""
    return code == ancestor or any(is_a(parent, ancestor, parents) for parent in parents.get(code, ()))


def matching(condition: Json, concepts: list[tuple[Json, tuple[str, ...]]], parents: dict[str, set[str]]) -> set[str]:
    """The codes that one ``compose.include.filter`` lets through."""
    name, operator, value = condition["property"], condition["op"], condition["value"]
    codes = [concept["code"] for concept, _ in concepts]
    if name in ("concept", "code") and operator in ("is-a", "descendent-of"):
        return {code for code in codes if is_a(code, value, parents) and (operator == "is-a" or code != value)}
    if name in ("concept", "code") and operator == "is-not-a":
        return {code for code in codes if not is_a(code, value, parents)}
    if operator == "=":
        return {
            concept["code"]
            for concept, _ in concepts
            if any(p["code"] == name and str(first_value(p)) == value for p in concept.get("property", ()))
        }
    raise NotEnumerable(f"filter {name} {operator}")


def first_value(concept_property: Json) -> object:
    """The value[x] of a concept property."""
    return next(value for key, value in concept_property.items() if key.startswith("value"))
