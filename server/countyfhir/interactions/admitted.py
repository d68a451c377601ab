"""Who may write what: reports by the institution that made them, records of residents by those who care for them
(``writing`` of the table ``access``, docs/access.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from countyfhir.access.callers import BOUND, WritingRule
from countyfhir.access.relating import Reading, along
from countyfhir.exchange import Grant, Interaction, Resource, Write
from countyfhir.interactions.acting_for import Acting, acting
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError, Issue, at_entry
from countyfhir.search.query import SeenBy
from countyfhir.search.relations import Target

Key = tuple[str, str]
HOLDERS = ("organization", "providedBy", "managingOrganization", "owner")
"""Elements by which what belongs to an institution names it."""


@dataclass(frozen=True, slots=True)
class _Writing:
    """A plan's writes, and for whom they are written."""

    writes: dict[Key, Write]
    acting: Acting
    reading: Reading
    world: World

    async def refused(self, write: Write) -> list[str]:
        """The texts of the rules that the write breaks."""
        assert self.world.callers is not None
        rules = self.world.callers.writing(write.resource_type, self.acting.tiers)
        return [rule.text for rule in rules if not await self._fulfilled(rule, write)]

    async def _fulfilled(self, rule: WritingRule, write: Write) -> bool:
        assert write.resource is not None
        if rule.needs == "performer":
            named = self.reading.targets(along(write.resource, rule.elements))
            return not named or await self._acts(named)
        return await self._cares({logical_id for kind, logical_id in write.references if kind == "Patient"})

    async def _acts(self, named: Sequence[Target]) -> bool:
        """Whether one of them is the institution, or belongs to it."""
        ours = self.acting.organizations
        if any(kind == "Organization" and logical_id in ours for kind, logical_id in named):
            return True
        others = [one for one in named if one[0] != "Organization"]
        stored = await self.world.store.resources.read_many(others) if others else {}
        for key in others:
            write, there = self.writes.get(key), stored.get(key)
            resource = write.resource if write else json.parse(there.body) if there and there.body else None
            if resource is not None and self._is_of(resource, HOLDERS):
                return True
        return False

    def _is_of(self, resource: Resource, elements: Sequence[str]) -> bool:
        held = self.reading.targets((resource.get(name) for name in elements), ("Organization",))
        return any(logical_id in self.acting.organizations for _, logical_id in held)

    async def _cares(self, patients: set[str]) -> bool:
        """Whether the institution has a relation to all of them; one that it writes anew is its own, unless another
        institution manages it."""
        known = set()
        for one in patients:
            write = self.writes.get(("Patient", one))
            if write is not None and write.resource is not None and write.expected_version in (None, 0):
                if "managingOrganization" in write.resource and not self._is_of(write.resource, HOLDERS):
                    return False
            else:
                known.add(("Patient", one))
        seen = SeenBy(tuple(sorted(self.acting.organizations)))
        grant = Grant({"*": frozenset("r")}, {"Patient": (((seen,),),)})
        return not known or known <= await self.world.store.resources.visible(known, grant)


async def admitted(
    writes: Sequence[Write], interaction: Interaction, world: World, places: Sequence[int] | None = None
) -> tuple[Write, ...]:
    """The writes, each with the institution that writes it. FhirError ``forbidden`` (403) with everything that the
    rules refuse. ``places``: the entry of a bundle that each comes from."""
    principal = interaction.principal
    if principal.organization is None or principal.kind not in BOUND:
        return tuple(writes)
    who = await acting(principal.organization, world)
    author = tuple(sorted(who.own))
    if world.callers is not None and world.callers.is_related(principal):
        await _check(writes, who, interaction, world, places)
    return tuple(replace(one, author=author) if one.resource is not None else one for one in writes)


async def _check(
    writes: Sequence[Write], who: Acting, interaction: Interaction, world: World, places: Sequence[int] | None
) -> None:
    assert world.access is not None
    bases = world.search.indexer(interaction.base).bases
    reading = Reading(bases, world.access.zone)
    writing = _Writing({(one.resource_type, one.logical_id): one for one in writes}, who, reading, world)
    issues: list[Issue] = []
    for number, write in enumerate(writes):
        if write.resource is None:
            continue
        for text in await writing.refused(write):
            error = FhirError("forbidden", text, expression=write.resource_type)
            issues += (error if places is None else at_entry(error, places[number])).issues
    if issues:
        raise FhirError(issues)
