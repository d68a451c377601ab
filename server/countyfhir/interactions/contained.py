"""The matches of a search for contained resources, taken out of the containers that the store found (R4 section
3.1.1.5.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from countyfhir.exchange import Grant, Stored
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.search.contained import numbered, of_number
from countyfhir.search.query import AllOf, Clause, Contained, IdIs, Query
from countyfhir.store.ports import Page

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Inside:
    """What a page of containers holds: the numbers of the matching contained resources by container, and which
    containers match themselves."""

    resource_type: str
    numbers: dict[Key, set[int]]
    themselves: frozenset[Key]

    def matches_itself(self, stored: Stored) -> bool:
        """Whether the container is a match of its own (``_contained=both``)."""
        return (stored.resource_type, stored.logical_id) in self.themselves

    def bodies(self, base: str, stored: Stored) -> Iterator[tuple[str, bytes]]:
        """Full URL (``…/MedicationRequest/1#m``) and text of each matching contained resource."""
        wanted = self.numbers.get((stored.resource_type, stored.logical_id), set())
        for number, each in _contained(stored, self.resource_type):
            if number in wanted:
                url = f"{base}/{stored.resource_type}/{stored.logical_id}#{each.get('id', '')}"
                yield url, json.dumps(each)


def _contained(stored: Stored, resource_type: str) -> Iterator[tuple[int, dict[str, object]]]:
    assert stored.body is not None
    for number, each in numbered(json.parse(stored.body)):
        if each["resourceType"] == resource_type:
            yield number, dict(each)


async def matching_inside(query: Query, page: Page, grant: Grant, world: World) -> Inside:
    """Ask the store which contained resources of the page's containers match: one question for each type of container
    and number."""
    (inside,) = (each for each in query.where[-1] if isinstance(each, Contained))
    itself = next((each.clauses for each in query.where[-1] if isinstance(each, AllOf)), None)
    by_type: dict[str, list[Stored]] = {}
    for stored in page.matches:
        by_type.setdefault(stored.resource_type, []).append(stored)
    numbers: dict[Key, set[int]] = {}
    themselves: set[Key] = set()
    for kind, containers in by_type.items():
        for number in {number for one in containers for number, _ in _contained(one, inside.resource_type)}:
            for key in await _found(kind, containers, of_number(inside, number), grant, world):
                numbers.setdefault(key, set()).add(number)
        if itself is not None and kind == inside.resource_type:
            themselves |= await _found(kind, containers, itself, grant, world)
    return Inside(inside.resource_type, numbers, frozenset(themselves))


async def _found(kind: str, among: Iterable[Stored], where: tuple[Clause, ...], grant: Grant, world: World) -> set[Key]:
    ids = tuple(each.logical_id for each in among)
    page = await world.store.resources.search(Query((kind,), ((IdIs(ids),), *where), count=len(ids)), grant)
    return {(each.resource_type, each.logical_id) for each in page.matches}
