"""Which records a caller may see: its grant, narrowed to what its institution has a relation to (docs/access.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from countyfhir.access.callers import BOUND
from countyfhir.access.grants import for_letter
from countyfhir.exchange import Grant, Principal
from countyfhir.interactions.acting_for import acting_for

if TYPE_CHECKING:
    from countyfhir.interactions.world import World

Key = tuple[str, str]


async def covered(grant: Grant, principal: Principal, world: World) -> Grant:
    """The grant, narrowed to what the institution of a key or token may see. Others, and grants that are narrowed
    already, as they are."""
    if grant.covered or world.callers is None or principal.organization is None or principal.kind not in BOUND:
        return grant
    return world.callers.cover(grant, principal, await acting_for(principal, world))


async def visible_to(principal: Principal, keys: Iterable[Key], world: World) -> set[Key]:
    """Those of the resources (type, id) that are there and that the principal may read now: for whoever shows
    something to somebody who does not ask at the moment, such as notifications."""
    grant = await covered(world.grant_of(principal), principal, world)
    wanted = set(keys)
    found: set[Key] = set()
    for letter in ("r", "s"):
        named = {key for key in wanted - found if grant.may(letter, key[0])}
        if named:
            found |= await world.store.resources.visible(named, for_letter(grant, letter))
    return found
