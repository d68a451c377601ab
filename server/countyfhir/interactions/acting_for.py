"""The Organizations that a principal acts for: its own, and the departments below it (DESIGN decision 12)."""

from __future__ import annotations

from countyfhir.exchange import Principal
from countyfhir.interactions.world import World
from countyfhir.search.query import Clause, IdIs, Query, ReferenceIs, Sort, TokenIs

DEPTH = 4
"""Levels of departments that are followed."""
MOST = 1000


async def acting_for(principal: Principal, world: World) -> frozenset[str]:
    """Logical ids of the Organization that the principal names, by its id or by a business identifier, and of all
    that are part of it, a few levels down."""
    named = principal.organization
    if named is None:
        return frozenset()
    found = set(await _ids(((IdIs((named,)), TokenIs("identifier", None, named)),), world)) or {named}
    level = found
    for _ in range(DEPTH):
        parts: Clause = tuple(ReferenceIs("partof", "Organization", one) for one in sorted(level))
        level = set(await _ids((parts,), world)) - found
        if not level:
            break
        found |= level
    return frozenset(found)


async def _ids(where: tuple[Clause, ...], world: World) -> list[str]:
    query = Query(("Organization",), where, (Sort("_id", "token"),), count=MOST)
    return [one.logical_id for one in (await world.store.resources.search(query)).matches]
