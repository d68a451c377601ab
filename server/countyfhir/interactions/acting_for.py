"""The Organizations that a principal acts for: its own, and the departments below it (DESIGN decision 12)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from countyfhir.access.relating import compiled, holds
from countyfhir.exchange import Principal, Resource
from countyfhir.model import json
from countyfhir.search.query import Clause, IdIs, Query, ReferenceIs, Sort, TokenIs

if TYPE_CHECKING:
    from countyfhir.interactions.world import World

DEPTH = 4
"""Levels of departments that are followed."""
MOST = 1000
KEPT = 1000  # answers remembered; the oldest goes first
SECONDS = 3.0
"""How long an answer is remembered. A write of an Organization in this process forgets them all at once."""
TIER = "https://fhir.county-hc.example/cs/institution-tier"


@dataclass(frozen=True, slots=True)
class Acting:
    """``own``: the Organizations that are meant by the name of a key or token (one, as a rule); ``organizations``: with
    their departments; ``tiers``: county, township, village, as far as they are known. Good ``until`` (monotonic
    seconds)."""

    own: frozenset[str]
    organizations: frozenset[str]
    tiers: frozenset[str]
    until: float


async def acting_for(principal: Principal, world: World) -> frozenset[str]:
    """Logical ids of the Organization that the principal names, by its id or by a business identifier, and of the
    departments that are part of it, a few levels down. An institution of its own below it (``institution`` of the
    table ``access``) is none. Empty for a principal without an organization; the name itself where there is no such
    Organization."""
    return (await acting(principal.organization, world)).organizations if principal.organization else frozenset()


async def acting(named: str, world: World) -> Acting:
    """Whom the Organization of that name acts for."""
    kept = world.acting.get(named)
    if kept is not None and kept.until > time.monotonic():
        return kept
    found = await _looked_up(named, world)
    while len(world.acting) >= KEPT:
        world.acting.pop(next(iter(world.acting)), None)
    world.acting[named] = found
    return found


async def _looked_up(named: str, world: World) -> Acting:
    either = (IdIs((named,)), TokenIs("identifier", None, named))
    there = {str(one["id"]): one for one in await _organizations((either,), world)}
    own = frozenset({named} if named in there or not there else there)
    found = level = own
    institution = compiled(world.access.table["institution"], "Organization") if world.access else None
    for _ in range(DEPTH):
        parts: Clause = tuple(ReferenceIs("partof", "Organization", one) for one in sorted(level))
        below = await _organizations((parts,), world)
        level = frozenset(str(one["id"]) for one in below if institution is None or not holds(institution, one)) - found
        if not level:
            break
        found |= level
    tiers = frozenset(tier for one in own if one in there for tier in _tiers(there[one]))
    return Acting(own, found, tiers, time.monotonic() + SECONDS)


def _tiers(organization: Resource) -> Iterable[str]:
    for kind in organization.get("type", ()):
        yield from (str(one.get("code")) for one in kind.get("coding", ()) if one.get("system") == TIER)


async def _organizations(where: tuple[Clause, ...], world: World) -> list[Resource]:
    query = Query(("Organization",), where, (Sort("_id", "token"),), count=MOST)
    page = await world.store.resources.search(query)
    return [json.parse(one.body) for one in page.matches if one.body is not None]
