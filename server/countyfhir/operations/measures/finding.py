"""Which Measure is meant: one of the store by id or canonical, or one that ships (R4 Measure; canonical matching, R4
section 2.1.27)."""

from __future__ import annotations

from functools import cache

from countyfhir import shipped
from countyfhir.exchange import Grant, Interaction, Resource
from countyfhir.interactions.visible import require_visible
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.search.query import Query, UriIs
from countyfhir.store.ports import Gathering

TYPE = "Measure"


async def measure_of(interaction: Interaction, named: str | None, grant: Grant, world: World) -> Resource:
    """The Measure of a call. FhirError: 400 when none or two are named, 404 when it is not known."""
    if interaction.logical_id is not None:
        if named is not None:
            raise FhirError("invalid", "A call on a Measure names no other one.", status=400, expression="measure")
        return await by_id(interaction.logical_id, grant, world)
    if named is None:
        raise FhirError("required", "Which Measure? Name it as measure=, by id or canonical.", expression="measure")
    logical_id = named.removeprefix(f"{TYPE}/")
    return await (by_canonical(named, grant, world) if "/" in logical_id else by_id(logical_id, grant, world))


async def by_id(logical_id: str, grant: Grant, world: World) -> Resource:
    """The Measure of that id, in the store or as it ships."""
    stored = await world.store.resources.read(TYPE, logical_id)
    if stored is not None:
        if stored.body is None:
            raise FhirError("deleted", f"{TYPE}/{logical_id} was deleted.")
        await require_visible(stored, grant, world)
        return json.parse(stored.body)
    for measure in shipped_measures():
        if measure["id"] == logical_id:
            return measure
    raise FhirError("not-found", f"{TYPE}/{logical_id[:64]} is not known.")


async def by_canonical(canonical: str, grant: Grant, world: World) -> Resource:
    """The Measure of that canonical, ``|version`` or not: of several versions the latest, an active one first."""
    url, _, version = canonical.partition("|")
    query = Query((TYPE,), ((UriIs("url", "exact", url),),))
    rows = (await world.store.resources.gather([Gathering(query, shape=json.parse, grant=grant)])).answers[0]
    found = [row[3] for row in rows] or [one for one in shipped_measures() if one["url"] == url]
    fitting = [one for one in found if not version or one.get("version") == version]
    if not fitting:
        raise FhirError("not-found", f"No Measure is known as {canonical[:200]}.")
    return max(fitting, key=lambda one: (one.get("status") == "active", str(one.get("version", ""))))


@cache
def shipped_measures() -> tuple[Resource, ...]:
    """The county's Measures that ship in ``profiles/measures``, in the order of their files."""
    files = sorted((shipped.folder("profiles") / "measures").glob("*.json"))
    return tuple(json.parse(one.read_bytes()) for one in files)


async def all_measures(world: World) -> list[Resource]:
    """The county's Measures: those of the store, and those that ship as far as they are not there, in order of id."""
    found = {one["id"]: one for one in shipped_measures()}
    rows = (await world.store.resources.gather([Gathering(Query((TYPE,)), shape=json.parse)])).answers[0]
    found |= {row[0]: row[3] for row in rows if row[3].get("status") in ("active", "draft")}
    return [found[logical_id] for logical_id in sorted(found)]
