"""Labels of sensitive data: which a resource gets when it is written, and which a caller may not see, by the table
``profiles/rules/security-labels.yaml`` (docs/access.md; R4 section 2.40, security labels)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from countyfhir.access.covering import Coding, Guarded
from countyfhir.access.relating import along
from countyfhir.exchange import Resource
from countyfhir.search.token_case import asked

REMEMBERED = 1024
PARTS = re.compile(r"[+\s,;/]+")
"""What stands between the parts of a dual code (``E11.300x011+H36.0*``)."""


@dataclass(frozen=True, slots=True)
class Group:
    """A row of the table: ``security`` is what it gives, ``guards`` what of it is kept from callers without a role."""

    security: tuple[Coding, ...]
    guards: frozenset[Coding]
    roles: frozenset[str]
    own_roles: frozenset[str]
    icd10: tuple[str, ...]
    tests: frozenset[Coding]
    text: re.Pattern[str] | None
    drugs: re.Pattern[str] | None


class Labels:
    """The table, read when it is first needed."""

    def __init__(self, read: Callable[[], Mapping[str, Any]]) -> None:
        self._read = read
        self._guarded: dict[frozenset[str], tuple[Guarded, ...]] = {}

    @cached_property
    def _table(self) -> Mapping[str, Any]:
        return self._read()

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Its rows."""
        return tuple(group_of(row) for row in self._table["groups"])

    @cached_property
    def _systems(self) -> frozenset[str]:
        return frozenset(self._table["icd10_systems"])

    @cached_property
    def _elements(self) -> dict[str, dict[str, list[tuple[str, ...]]]]:
        return {
            name: {kind: [tuple(path.split(".")) for path in paths] for kind, paths in kinds.items()}
            for name, kinds in self._table["elements"].items()
        }

    def labelled(self, resource: Resource) -> Resource:
        """The resource, with the labels it has to have and lacks added to ``meta.security``; what its writer said
        stays."""
        elements = self._elements.get(str(resource.get("resourceType")))
        if elements is None:
            return resource
        wanted = dict.fromkeys(self._wanted(resource, elements))
        if not wanted:
            return resource
        meta = resource.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        there = meta.get("security", [])
        held = {(one.get("system"), one.get("code")) for one in there}
        new = [{"system": system, "code": code} for system, code in wanted if (system, code) not in held]
        return {**resource, "meta": {**meta, "security": [*there, *new]}} if new else resource

    def _wanted(self, resource: Resource, elements: Mapping[str, list[tuple[str, ...]]]) -> Iterator[Coding]:
        diagnoses = list(self._icd10(along(resource, elements.get("diagnoses", ()))))
        tests = [one for one in along(resource, elements.get("tests", ())) if isinstance(one, dict)]
        drugs = [one for one in along(resource, elements.get("drugs", ())) if isinstance(one, dict)]
        if not (diagnoses or tests or drugs):
            return
        codes = {(one.get("system"), one.get("code")) for concept in tests for one in codings(concept)}
        words, names = "\n".join(texts(tests)), "\n".join(texts(drugs))
        for group in self.groups:
            if (
                any(code.startswith(group.icd10) for code in diagnoses)
                or not group.tests.isdisjoint(codes)
                or (group.text is not None and words and group.text.search(words))
                or (group.drugs is not None and names and group.drugs.search(names))
            ):
                yield from group.security

    def _icd10(self, concepts: Iterable[Any]) -> Iterator[str]:
        for concept in concepts:
            for one in codings(concept) if isinstance(concept, dict) else ():
                if one.get("system") in self._systems:
                    yield from (part for part in PARTS.split(str(one.get("code", "")).upper()) if part)

    def guarded(self, roles: Iterable[str]) -> tuple[Guarded, ...]:
        """The labels that a caller with these roles may not see, codes as the index holds them."""
        held = frozenset(roles)
        known = self._guarded.get(held)
        if known is None:
            if len(self._guarded) >= REMEMBERED:
                self._guarded.clear()
            known = self._guarded[held] = self._kept_from(held)
        return known

    def _kept_from(self, held: frozenset[str]) -> tuple[Guarded, ...]:
        found: dict[bool, set[Coding]] = {}
        for group in self.groups:
            if group.roles.isdisjoint(held):
                own = not group.own_roles.isdisjoint(held)
                found.setdefault(own, set()).update((system, asked(system, code)) for system, code in group.guards)
        return tuple(Guarded(frozenset(codes), own) for own, codes in sorted(found.items()))


def codings(concept: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The codings of a CodeableConcept."""
    found = concept.get("coding", ())
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def texts(concepts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Everything of concepts that can be read: texts, codes and displays."""
    for concept in concepts:
        if isinstance(concept.get("text"), str):
            yield concept["text"]
        for one in codings(concept):
            yield from (one[name] for name in ("code", "display") if isinstance(one.get(name), str))


def group_of(row: Mapping[str, Any]) -> Group:
    """A row of the table, its patterns compiled."""
    return Group(
        tuple((one["system"], one["code"]) for one in row["security"]),
        frozenset((one["system"], one["code"]) for one in row["guards"]),
        frozenset(row["roles"]),
        frozenset(row.get("own_roles", ())),
        tuple(row.get("icd10", ("\n",))),
        frozenset((table["system"], str(code)) for table in row.get("tests", ()) for code in table["codes"]),
        pattern(row.get("text", ())),
        pattern(row.get("drugs", ())),
    )


def pattern(expressions: Iterable[str]) -> re.Pattern[str] | None:
    """One pattern of several expressions, in any case; None of none."""
    joined = "|".join(f"(?:{one})" for one in expressions)
    return re.compile(joined, re.IGNORECASE) if joined else None
