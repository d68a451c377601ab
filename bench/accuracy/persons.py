"""Whose a resource is: the Patients of the truth's records, and which of them the store links."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from bench.accuracy.served import Resource, Served


@dataclass(slots=True)
class Groups:
    """Sets that grow together (union-find)."""

    parent: dict[str, str] = field(default_factory=dict)

    def of(self, one: str) -> str:
        self.parent.setdefault(one, one)
        while self.parent[one] != one:
            self.parent[one] = self.parent[self.parent[one]]
            one = self.parent[one]
        return one

    def join(self, one: str, other: str) -> None:
        self.parent[self.of(one)] = self.of(other)


def linked(served: Served) -> Groups:
    """Patients that ``Patient.link`` or a Linkage joins."""
    groups = Groups()
    for reference, resource in served.resources.items():
        if resource["resourceType"] == "Patient":
            for link in resource.get("link", ()):
                groups.join(reference, link["other"]["reference"])
        elif resource["resourceType"] == "Linkage" and resource.get("active", True):
            items = [item["resource"]["reference"] for item in resource["item"]]
            for item in items[1:]:
                groups.join(items[0], item)
    return groups


def patients_of(served: Served, file: str, key: str) -> list[str]:
    """The Patients that a record states."""
    return [f"Patient/{one['id']}" for one in served.made_of(file, key) if one["resourceType"] == "Patient"]


def known_persons(served: Served, truth: dict[str, Any]) -> dict[str, set[str]]:
    """Patient -> the persons whose records state it."""
    found: dict[str, set[str]] = defaultdict(set)
    for identity in truth["identities"]:
        for reference in patients_of(served, identity["file"], identity["key"]):
            found[reference].add(identity["person"])
    return found


def belongs(resource: Resource, fact: Resource, persons: dict[str, set[str]]) -> bool:
    """Whether the subject of a resource may be the person of the fact; one that is not known decides nothing."""
    named = [resource.get(name) for name in ("subject", "patient", "for")]
    listed = [one for part in named for one in (part if isinstance(part, list) else [part]) if one]
    whose = {person for one in listed for person in persons.get(one.get("reference", ""), ())}
    return not whose or not fact.get("person") or fact["person"] in whose


def linking(served: Served, truth: dict[str, Any]) -> dict[str, Any]:
    """Precision and recall of links between the Patients of one person, by pairs of Patients."""
    groups, persons = linked(served), known_persons(served, truth)
    single = {reference: next(iter(whose)) for reference, whose in persons.items() if len(whose) == 1}
    by_person: dict[str, list[str]] = defaultdict(list)
    by_group: dict[str, list[str]] = defaultdict(list)
    for reference, person in single.items():
        by_person[person].append(reference)
        by_group[groups.of(reference)].append(reference)
    true = {pair for found in by_person.values() for pair in combinations(sorted(found), 2)}
    made = {pair for found in by_group.values() for pair in combinations(sorted(found), 2)}
    right = len(true & made)
    return {
        "pairs": len(true),
        "linked": len(made),
        "right": right,
        "precision": right / len(made) if made else None,
        "recall": right / len(true) if true else None,
        "mixed": sum(len(whose) > 1 for whose in persons.values()),
        "never_linked_broken": broken(served, truth, groups),
    }


def broken(served: Served, truth: dict[str, Any], groups: Groups) -> int:
    """How many pairs of records that must never be linked are."""
    count = 0
    for pair in truth["never_link_records"]:
        one, other = (patients_of(served, *pair[side]) for side in ("a", "b"))
        count += bool({groups.of(reference) for reference in one} & {groups.of(reference) for reference in other})
    return count
