"""$everything of a Patient and an Encounter: the compartment and what it points to, paged (OperationDefinition
Patient-everything, Encounter-everything)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from countyfhir.access.check import may_include
from countyfhir.exchange import Answer, Grant, Interaction, Preconditions, Stored, changed
from countyfhir.interactions.bundle_text import bundle, match_entry
from countyfhir.interactions.persons.whole import whole_query
from countyfhir.interactions.read import read
from countyfhir.interactions.request_parameters import moment, page_size
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError
from countyfhir.search import cursor
from countyfhir.search.compartments import COMPARTMENT
from countyfhir.search.query import (
    FOREVER,
    AllOf,
    Clause,
    DateIs,
    IdIs,
    Include,
    InCompartment,
    LastUpdatedIs,
    OfType,
    Query,
    ReferenceIs,
)

_KNOWN = ("_since", "_type", "_count", "start", "end", "_cursor")
_FORM = ("_format", "_pretty")


@dataclass(frozen=True, slots=True)
class _Asked:
    """The parameters of the call: types to show (in order), clauses on each, page size, and where to go on."""

    resource_types: tuple[str, ...]
    since: int | None
    period: tuple[int, int] | None
    count: int | None
    sent: dict[str, str]


async def everything(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """A searchset of the focus, its compartment, and what those point to; without ``_count`` all of it in one
    bundle. On the type it is that of every patient, in pages."""
    asked = _asked(interaction, grant, world)
    if interaction.logical_id is not None:
        await read(changed(interaction, preconditions=Preconditions()), grant, world)
    after = _start(asked, interaction, grant, world)
    shown: dict[tuple[str, str], Stored] = {}
    included: dict[tuple[str, str], Stored] = {}
    going = bool(asked.resource_types)
    while going:
        query = await whole_query(_query(interaction, asked, after, world), world)
        page = await world.store.resources.search(query, grant)
        shown |= {(one.resource_type, one.logical_id): one for one in page.matches}
        included |= {(one.resource_type, one.logical_id): one for one in page.included}
        after = page.cursor
        going = asked.count is None and after is not None
    further = [one for key, one in included.items() if key not in shown]
    inside = await _inside(further, interaction, asked, grant, world)
    extra = [
        one for key, one in included.items() if key not in shown and key not in inside and may_include(grant, key[0])
    ]
    rows = [match_entry(interaction.base, one, one.body) for one in shown.values() if one.body is not None]
    rows += [match_entry(interaction.base, one, one.body, b"include") for one in extra if one.body is not None]
    links = list(_links(interaction, asked, after, grant, world))
    concerned = {one.patient for one in (*shown.values(), *included.values()) if one.patient is not None}
    total = len(shown) if asked.count is None else None
    return Answer(200, body=bundle("searchset", rows, links=links, total=total), patients=tuple(sorted(concerned)))


def _asked(interaction: Interaction, grant: Grant, world: World) -> _Asked:
    sent = _sent(interaction)
    zone = world.search.zone
    listed = [name for name in sent.get("_type", "").split(",") if name]
    for name in listed:
        if name not in world.definitions.endpoint_types:
            raise FhirError("value", f"_type names '{name[:64]}', which is no resource type.", expression="_type")
    focus = str(interaction.resource_type)
    inside = [focus, *(name for name in sorted(world.definitions.compartments[focus]) if name != focus)]
    types = [name for name in inside if (not listed or name in listed) and may_include(grant, name)]
    period = None
    if "start" in sent or "end" in sent:
        low = moment("start", sent["start"], zone)[0] if "start" in sent else -FOREVER
        high = moment("end", sent["end"], zone)[1] if "end" in sent else FOREVER
        period = (low, high)
    since = moment("_since", sent["_since"], zone)[0] if "_since" in sent else None
    count = min(page_size(sent["_count"], 1), world.policy.max_count) if "_count" in sent else None
    if interaction.logical_id is None:
        count = count or world.policy.max_count
    return _Asked(tuple(types), since, period, count, sent)


def _sent(interaction: Interaction) -> dict[str, str]:
    pairs: list[tuple[str, str]] = list(interaction.query)
    if isinstance(interaction.body, dict):
        pairs += [
            (str(one.get("name")), _value(one))
            for one in interaction.body.get("parameter", [])
            if isinstance(one, dict)
        ]
    sent: dict[str, str] = {}
    for name, value in pairs:
        if name not in _KNOWN and name not in _FORM:
            raise FhirError(
                "not-supported",
                f"$everything takes {', '.join(_KNOWN[:-1])}; '{name[:64]}' is none of them.",
                status=400,
            )
        sent[name] = f"{sent[name]},{value}" if name == "_type" and name in sent else value
    return sent


def _value(parameter: dict[str, Any]) -> str:
    return next((str(value) for name, value in parameter.items() if name.startswith("value")), "")


def _query(interaction: Interaction, asked: _Asked, after: tuple[object, ...] | None, world: World) -> Query:
    """The types one after another, in one search."""
    where = [_in_compartment(interaction)]
    if asked.since is not None:
        where.append((LastUpdatedIs("ge", asked.since, asked.since + 1),))
    if asked.period is not None:
        where.append(_in_period(asked.resource_types, asked.period, world))
    includes = () if "_type" in asked.sent else (Include("*", "*"),)
    count = asked.count or world.policy.max_count
    return Query(asked.resource_types, tuple(where), count=count, includes=includes, cursor=after, in_turn=True)


def _in_period(resource_types: tuple[str, ...], period: tuple[int, int], world: World) -> Clause:
    """Resources whose clinical date overlaps the period, and all of the types that have none."""
    known = world.definitions.search_parameters
    dated = {name for name in resource_types if "date" in known[name] and known[name]["date"].type == "date"}
    of_dated = tuple(OfType(name) for name in resource_types if name in dated)
    others = tuple(OfType(name) for name in resource_types if name not in dated)
    return (*others, AllOf((of_dated, (DateIs("date", "ap", *period),)))) if dated else others


async def _inside(
    included: list[Stored], interaction: Interaction, asked: _Asked, grant: Grant, world: World
) -> set[tuple[str, str]]:
    """Those of the included resources that belong to the compartment: they are matches, of this page or another."""
    found: set[tuple[str, str]] = set()
    open_ones: set[tuple[str, str]] = set()
    for one in included:
        known = _is_inside(one, interaction)
        if known is not False:
            (found if known else open_ones).add((one.resource_type, one.logical_id))
    types = {name for name, _ in open_ones} & set(asked.resource_types)
    ids = tuple(sorted({logical_id for name, logical_id in open_ones if name in types}))
    if not ids:
        return found
    where = ((IdIs(ids),), _in_compartment(interaction))
    query = Query(tuple(sorted(types)), where, count=len(ids) * len(types), in_turn=True)
    page = await world.store.resources.search(await whole_query(query, world), grant)
    return found | ({(one.resource_type, one.logical_id) for one in page.matches} & open_ones)


def _is_inside(stored: Stored, interaction: Interaction) -> bool | None:
    """Whether a resource is in the compartment, where the first Patient it is about tells; None where it does not."""
    if interaction.resource_type != "Patient":
        return None
    if stored.patient is None:
        return False
    return True if interaction.logical_id in (None, stored.patient) else None


def _in_compartment(interaction: Interaction) -> Clause:
    """What resources must meet to be in the compartment of the focus, or of any resource of its type."""
    focus = str(interaction.resource_type)
    if interaction.logical_id is not None:
        return (InCompartment(focus, interaction.logical_id, (COMPARTMENT,)),)
    return (ReferenceIs(COMPARTMENT, focus, None),)


def _digest(interaction: Interaction, asked: _Asked) -> str:
    said = {name: value for name, value in asked.sent.items() if name != "_cursor"}
    return cursor.query_digest((interaction.resource_type, interaction.logical_id, sorted(said.items())))


def _start(asked: _Asked, interaction: Interaction, grant: Grant, world: World) -> tuple[object, ...] | None:
    if "_cursor" not in asked.sent:
        return None
    return cursor.decode(asked.sent["_cursor"], world.store.secret, _digest(interaction, asked), grant.digest)


def _links(
    interaction: Interaction, asked: _Asked, after: tuple[object, ...] | None, grant: Grant, world: World
) -> list[tuple[str, str]]:
    focus = "/".join(filter(None, (interaction.resource_type, interaction.logical_id)))
    place = f"{interaction.base}/{focus}/$everything"
    said = {name: value for name, value in asked.sent.items() if name != "_cursor"}
    links = [("self", _url(place, asked.sent))]
    if after is not None:
        token = cursor.encode(after, world.store.secret, _digest(interaction, asked), grant.digest)
        links.append(("next", _url(place, said | {"_cursor": token})))
    return links


def _url(place: str, said: dict[str, str]) -> str:
    return place + (f"?{urlencode(said)}" if said else "")
