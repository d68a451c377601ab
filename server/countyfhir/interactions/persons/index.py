"""The index of persons follows what is written: before the answer, and at the next start when the process died in
between (docs/persons.md)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from countyfhir.exchange import Stored, Write
from countyfhir.identity.golden_ids import is_golden
from countyfhir.identity.grouping import Pair, grouped, pair
from countyfhir.identity.judging import Verdict
from countyfhir.interactions import search_parameters
from countyfhir.interactions.persons import contradicting, linking, reviews
from countyfhir.interactions.persons.compared import Foreseen, compared
from countyfhir.interactions.persons.earlier import earlier, kept
from countyfhir.interactions.persons.neighbourhood import OPEN, REVIEW, Neighbourhood, around
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.store.ports import ConditionFailed, HistoryQuery, PersonDecision

log = logging.getLogger(__name__)

ATTEMPTS = 8
PAGE = 200
LOOK = 30.0  # seconds between looks for what a process that died has left


async def follow(writes: Sequence[Write], stored: Sequence[Stored], world: World) -> tuple[Stored, ...]:
    """Compare and link the Patients that were just committed. Returns the versions that are current now, in the same
    order."""
    if world.person_rules is None:
        return tuple(stored)
    patients = [one for one in stored if one.resource_type == "Patient" and not is_golden(one.logical_id)]
    newer = await take(patients, world, world.compared.taken(writes)) if patients else {}
    await contradicting.follow(stored, world)
    if linkages := [one for one in stored if one.resource_type == "Linkage"]:
        from countyfhir.interactions.persons.deciding import follow_linkages  # it regroups, too

        await follow_linkages(linkages, world)
    if not newer:
        return tuple(stored)
    return tuple(newer.get(one.logical_id, one) if one.resource_type == "Patient" else one for one in stored)


async def take(
    patients: Sequence[Stored], world: World, known: Mapping[str, Foreseen] = MappingProxyType({})
) -> dict[str, Stored]:
    """Enter these versions and link what belongs together; the newer versions that linking made, by id. ``known``:
    what was worked out about some of them before; those that were alone then are, where nobody has changed the index
    since."""
    assert world.person_rules is not None
    store, rules = world.store.persons, world.person_rules()
    entered = [
        known[one.logical_id].record
        if one.logical_id in known
        else compared(one.logical_id, json.parse(one.body), rules)
        for one in patients
        if one.body is not None
    ]
    gone = [one.logical_id for one in patients if one.body is None]
    left = await store.records(gone) if gone else {}
    await store.leave(list(left))
    changes = await store.enter(entered, world.finished.taken())
    persons = {record.person for record in left.values() if record.person is not None}
    together = [one.patient for one in entered if one.patient not in known or known[one.patient].alone != changes]
    newer = await linked(together, world, persons) if together or persons else {}
    if newer is None:
        return {}
    world.finished.add({one.logical_id: one.version_id for one in patients if one.body is not None})
    return newer


async def link(patients: Sequence[str], world: World, persons: set[str] | None = None) -> dict[str, Stored]:
    """Group records anew with all that may belong to them (and the members of golden records), and write what is
    different; the versions made, by id."""
    return await linked(patients, world, persons) or {}


async def linked(patients: Sequence[str], world: World, persons: set[str] | None = None) -> dict[str, Stored] | None:
    """The same; None when they kept changing meanwhile."""
    assert world.person_rules is not None
    rules = world.person_rules()
    for _ in range(ATTEMPTS):
        near = await around(patients, persons or (), world.store.persons, rules)
        await _stated_merges(patients, near, world)
        groups: list[frozenset[str]] = []
        doubtful: dict[Pair, Verdict] = {}
        decided = near.decided()
        for part in near.parts():
            result = grouped(part, decided, rules, known=near.judged)
            groups += result.groups
            doubtful |= result.reviews
        stale = {person for person in near.persons.values() if person is not None} | (persons or set())
        concerned = [group for group in groups if len(group) > 1 or near.persons.get(min(group)) is not None]
        try:
            newer = await linking.write(concerned, near, stale, world) if concerned or stale else {}
        except ConditionFailed as failed:
            if failed.kind == "definitions":
                await search_parameters.reload(world)
            continue
        await reviews.queue(doubtful, groups, near, world)
        return newer
    log.warning("%d records of persons keep changing while they are linked; the next look links them", len(patients))
    return None


async def _stated_merges(patients: Sequence[str], near: Neighbourhood, world: World) -> None:
    """A ``replaced-by`` link that a record carries itself is a merge; when it goes, so does the merge."""
    changed = []
    for name in patients:
        stated = near.records[name].replaced_by if name in near.records else ()
        for other in stated:
            known = near.decisions.get(pair(name, other))
            if other != name and (known is None or known.kind in (REVIEW, OPEN, "link")):
                changed.append(PersonDecision(name, other, "merge", f"Patient/{name}", world.now(), kept(known)))
        own = [one for one in near.decisions.values() if one.by == f"Patient/{name}" and one.kind == "merge"]
        changed += [earlier(one) for one in own if one.b not in stated]
    if changed:
        await world.store.persons.decide(changed)
        near.decisions |= {pair(one.a, one.b): one for one in changed}


async def let_go(writes: Sequence[Write], holders: Sequence[str], world: World) -> bool:
    """Take Patients that are to be deleted out of their persons, where nothing but golden records holds them; whether
    it is worth trying again."""
    if world.person_rules is None or not all(is_golden(one.removeprefix("Patient/")) for one in holders):
        return False
    store = world.store.persons
    gone = [one.logical_id for one in writes if one.resource_type == "Patient" and one.resource is None]
    left = await store.records(gone)
    await store.leave(list(left))
    await link([], world, {record.person for record in left.values() if record.person is not None})
    return bool(left)


async def catch_up_forever(world: World) -> None:
    """``catch_up`` again and again, until cancelled."""
    while world.person_rules is not None:
        try:
            await catch_up(world)
        except FhirError as error:
            log.warning("the index of persons could not be looked after: %s", error)
        await asyncio.sleep(LOOK)


async def catch_up(world: World) -> int:
    """Look at the changes of Patients that the index has not seen: after a crash, or after it was switched on. Returns
    how many there were."""
    store, resources = world.store.persons, world.store.resources
    await store.enter((), world.finished.taken())
    last, newest, cursor, count = await store.seen(), None, None, 0
    first = await resources.history(HistoryQuery("Patient", count=1))
    if not first.versions or first.versions[0].sequence <= last:
        return 0
    while True:
        page = await resources.history(HistoryQuery("Patient", count=PAGE, cursor=cursor))
        fresh = [one for one in page.versions if one.sequence > last]
        newest = newest or (fresh[0].sequence if fresh else None)
        count += await _taken(fresh, world)
        if page.cursor is None or len(fresh) < len(page.versions):
            break
        cursor = page.cursor
    if newest is not None:
        await store.seen(newest)
    return count


async def _taken(versions: Sequence[Stored], world: World) -> int:
    """Those of the versions that are current and that the index does not know yet."""
    present = {one.logical_id: one for one in reversed(versions) if not is_golden(one.logical_id)}
    known = await world.store.persons.records(list(present))
    missing = [
        one
        for name, one in present.items()
        if (name in known) != (one.body is not None) or (name in known and known[name].version < one.version_id)
    ]
    current = await world.store.resources.read_many(("Patient", one.logical_id) for one in missing)
    await take(list(current.values()), world)
    return len(current)
