"""From groups to what is written: golden records, links, memberships (R4 Patient.link; docs/persons.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from countyfhir.audit.record import record_of
from countyfhir.exchange import SYSTEM, Interaction, Plan, Resource, Stored, Write
from countyfhir.identity.golden import empty_record, golden_record, retired_record, with_links
from countyfhir.identity.golden_ids import golden_id, is_golden
from countyfhir.identity.rules import Rules
from countyfhir.interactions.persons import contradicting, reviews
from countyfhir.interactions.persons.neighbourhood import Neighbourhood
from countyfhir.interactions.prepare import indexed
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.store.ports import ReferencedStill

Versions = Mapping[tuple[str, str], Stored]


@dataclass(slots=True)
class Wanted:
    """What should be: ``persons``: record -> golden record; ``resources`` as they should be; ``retired``: golden record
    -> the one that took its place; ``unneeded`` golden records."""

    persons: dict[str, str | None] = field(default_factory=dict)
    resources: list[Resource] = field(default_factory=list)
    retired: dict[str, str] = field(default_factory=dict)
    unneeded: list[str] = field(default_factory=list)


async def write(
    groups: Sequence[frozenset[str]], near: Neighbourhood, stale: set[str], world: World
) -> dict[str, Stored]:
    """Make the record say what the groups are; the versions that came of it, by id. ConditionFailed when something
    changed meanwhile."""
    assert world.person_rules is not None
    rules = world.person_rules()
    members = {one for group in groups for one in group}
    names = members | {golden_id({one}) for one in members} | stale | near.retired.keys()
    versions = await world.store.resources.read_many(("Patient", one) for one in sorted(names))
    bodies = {key[1]: json.parse(one.body) for key, one in versions.items() if one.body is not None}
    _recall(bodies, near)
    known = {one for one in near.persons.values() if one is not None} - names
    versions |= await world.store.resources.read_many(("Patient", one) for one in sorted(known))
    bodies |= {one: json.parse(body) for one in known if (body := _body(versions, one)) is not None}
    stale = stale | known
    wanted = wanted_of(groups, near, stale, bodies, rules)
    newer, left = await _commit(wanted, versions, world)
    await _remember(wanted, near, newer, bodies, world)
    await reviews.orphaned(left, world)
    if newer:
        await contradicting.look({*(one for one in wanted.persons.values() if one), *stale}, world)
    return newer


def wanted_of(
    groups: Iterable[frozenset[str]], near: Neighbourhood, stale: set[str], bodies: Mapping[str, Resource], rules: Rules
) -> Wanted:
    """Every group of two or more gets a golden record: the one it has, or one that follows from its first record."""
    wanted, taken = Wanted(), set[str]()
    merged = near.merged()
    for group in sorted(groups, key=lambda group: (-len(group), min(group))):
        there = sorted(one for one in group if one in bodies)
        golden = chosen(there, near, taken) if len(there) > 1 else None
        wanted.persons |= dict.fromkeys(group, golden)
        if golden is not None:
            taken.add(golden)
            wanted.resources.append(golden_record(golden, {one: bodies[one] for one in there}, rules))
        wanted.resources += [linked(bodies[one], golden, merged, near) for one in there]
    for one in sorted((stale | near.retired.keys()) - taken):
        heirs = [
            wanted.persons[name] for name, person in near.persons.items() if person == one and name in wanted.persons
        ]
        heir = next((each for each in heirs if each is not None), None) or wanted.retired.get(near.retired.get(one, ""))
        heir = heir or (near.retired.get(one) if near.retired.get(one) in taken else None)
        if heir is not None:
            wanted.retired[one] = heir
            wanted.resources.append(retired_record(one, heir))
        else:
            wanted.unneeded.append(one)
    return wanted


def _body(versions: Versions, logical_id: str) -> bytes | None:
    stored = versions.get(("Patient", logical_id))
    return stored.body if stored is not None else None


def _recall(bodies: Mapping[str, Resource], near: Neighbourhood) -> None:
    """The golden records that the records themselves name, where the index was made anew and does not know."""
    for name, person in near.persons.items():
        if person is None and name in bodies:
            links = [str(one.get("other", {}).get("reference", "")) for one in bodies[name].get("link", ())]
            golden = [one for each in links if is_golden(one := each.removeprefix("Patient/"))]
            if golden:
                near.persons[name] = golden[0]
                near.recalled.add(name)


def chosen(there: Sequence[str], near: Neighbourhood, taken: set[str]) -> str:
    """The id of a group's golden record: one it has had that follows from a record of it, else the one that most of its
    records have, else a new one."""
    had = [one for name in there if (one := near.persons.get(name)) is not None and one not in taken]
    derived = [golden_id({name}) for name in there]
    known = set(had) | near.retired.keys()
    for one in derived:
        if one in known and one not in taken:
            return one
    return max(dict.fromkeys(had), key=had.count, default=None) or next(one for one in derived if one not in taken)


def linked(patient: Resource, golden: str | None, merged: Mapping[str, str], near: Neighbourhood) -> Resource:
    """A record with its links: to the golden record, to the one that took its place, to those it took the place of. A
    merged record is not in use; one that is no longer merged is in use as it was before."""
    logical_id = str(patient["id"])
    links = [("refer", golden)] if golden else []
    links += [("replaced-by", merged[logical_id])] if logical_id in merged else []
    links += [("replaces", one) for one in sorted(merged) if merged[one] == logical_id]
    named = frozenset(name for each in near.decisions if logical_id in each for name in each) - {logical_id}
    made = with_links(patient, links, named)
    if logical_id in merged:
        return made if made.get("active") is False else {**made, "active": False}
    undone = [one for one in near.decisions.values() if one.a == logical_id and "active" in one.before]
    if undone and _was_replaced(patient):
        active = undone[0].before["active"]
        made = {name: value for name, value in made.items() if name != "active"}
        return made if active is None else {**made, "active": active}
    return made


def _was_replaced(patient: Resource) -> bool:
    return any(link.get("type") == "replaced-by" for link in patient.get("link", ()))


async def _commit(wanted: Wanted, versions: Versions, world: World) -> tuple[dict[str, Stored], list[str]]:
    """Write what differs from what is there, in one transaction. Returns the versions made, and golden records that
    nobody needs but others point to: they stay, empty."""
    writes = [made for one in wanted.resources if (made := _write(one, versions, world)) is not None]
    unneeded = [
        Write("DELETE", "Patient", one, None, current.version_id, unreferenced=True)
        for one in wanted.unneeded
        if (current := versions.get(("Patient", one))) is not None and current.body is not None
    ]
    if not writes and not unneeded:
        return {}, []
    left: list[str] = []
    try:
        stored = await world.store.resources.commit(_plan([*writes, *unneeded], world))
    except ReferencedStill:  # somebody wrote to the golden record: what it holds is for a human
        left = [one.logical_id for one in unneeded]
        emptied = [made for one in left if (made := _write(empty_record(one), versions, world)) is not None]
        stored = await world.store.resources.commit(_plan([*writes, *emptied], world))
    return {one.logical_id: one for one in stored}, left


def _write(resource: Resource, versions: Versions, world: World) -> Write | None:
    logical_id = str(resource["id"])
    current = versions.get(("Patient", logical_id))
    if current is not None and current.body is not None and not _differs(resource, json.parse(current.body)):
        return None
    if (current is None or current.body is None) and not is_golden(logical_id):
        return None
    version = current.version_id if current is not None else 0
    return indexed(Write("PUT", "Patient", logical_id, resource, version), world.search.base, world)


def _differs(resource: Resource, before: Resource) -> bool:
    return _bare(before) != _bare(resource)


def _bare(resource: Resource) -> Resource:
    meta = resource.get("meta", {})
    return {
        **resource,
        "meta": {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")},
    }


def _plan(writes: Sequence[Write], world: World) -> Plan:
    asked = Interaction("update", "Patient", principal=SYSTEM, http_method="PUT")
    records = [record_of(asked, world.now(), 200, "Patient", one.logical_id, (one.logical_id,)) for one in writes]
    return Plan(tuple(writes), (), tuple(records))


async def _remember(
    wanted: Wanted, near: Neighbourhood, newer: Mapping[str, Stored], bodies: Mapping[str, Resource], world: World
) -> None:
    """Memberships, versions, and what a merge found, for its undo."""
    store = world.store.persons
    changed: dict[str, tuple[str | None, int]] = {}
    for one, person in wanted.persons.items():
        if near.persons.get(one) != person or one in newer or one in near.recalled:
            changed[one] = (person, newer[one].version_id if one in newer else 0)
    for one, heir in wanted.retired.items():
        if near.retired.get(one) != heir:
            changed[one] = (heir, 0)
    await store.settle(changed)
    await store.leave([one for one in near.retired if one not in wanted.retired])
    fresh = [
        replace(one, before={**one.before, "active": bodies[one.a].get("active")})
        for one in near.decisions.values()
        if one.kind == "merge" and "active" not in one.before and one.a in bodies
    ]
    if fresh:
        await store.decide(fresh)
