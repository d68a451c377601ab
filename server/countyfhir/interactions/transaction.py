"""transaction: all entries or none, in FHIR's order, with their references resolved (R4 section 3.1.0.11.2).

Order: DELETE, POST, PUT and PATCH, GET. GETs are read right after the commit, reads in one snapshot; one that
could not succeed (its target is neither there nor written by this bundle, or its search is wrong) fails the bundle
before anything is written.
"""

from __future__ import annotations

import asyncio
from types import ModuleType

from countyfhir.audit.record import record_of
from countyfhir.exchange import Answer, Grant, Interaction, Plan, Stored, Write
from countyfhir.interactions import create, delete, patch, update
from countyfhir.interactions.admitted import admitted
from countyfhir.interactions.batch import answer_row
from countyfhir.interactions.bundle_entries import BundleEntry, entries_of, entry_of
from countyfhir.interactions.bundle_text import bundle
from countyfhir.interactions.draft import Draft
from countyfhir.interactions.needs import Found, Key, Needs, merged, read
from countyfhir.interactions.persons.foreseeing import foreseen
from countyfhir.interactions.persons.whole import whole_grant
from countyfhir.interactions.prepare import prepared
from countyfhir.interactions.reference_checks import placeholders
from countyfhir.interactions.resolve import Resolved, resolve
from countyfhir.interactions.ruling import Ruled, ruled
from countyfhir.interactions.transaction_identities import check_full_urls, check_unambiguous
from countyfhir.interactions.transaction_reads import check_reads, perform_read, read_together
from countyfhir.interactions.visible import leave_out_hidden, require_within
from countyfhir.interactions.world import World
from countyfhir.interactions.write import (
    answered,
    as_judged,
    check_create_scope,
    commit,
    lost_race,
    patients,
    require_draft_visible,
    with_warnings,
)
from countyfhir.outcome import FhirError, at_entry
from countyfhir.store.ports import ConditionFailed

BUILDERS: dict[str, ModuleType] = {"delete": delete, "create": create, "update": update, "patch": patch}
"""The kinds a transaction writes, in the order FHIR processes them (update and patch together)."""
_ORDER = {"delete": 0, "create": 1, "update": 2, "patch": 2}
_AT_A_TIME = 200
"""Entries that are prepared before other requests get a turn."""


async def transaction(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Perform the bundle; FhirError with the entry's place when any part of it cannot be done."""
    entries = [entry_of(index, raw, interaction, world) for index, raw in enumerate(entries_of(interaction, world))]
    check_full_urls(entries)
    grants = {entry.index: await _granted(entry, grant, world) for entry in entries}
    writing = sorted((entry for entry in entries if entry.interaction.kind in BUILDERS), key=_order)
    reading = [entry for entry in entries if entry.interaction.kind not in BUILDERS]
    needed = merged(_needs(entry, world) for entry in writing)
    for _ in range(world.policy.attempts):
        found = await read(world.store.resources, needed, grant)
        await _leave_out_hidden(writing, found, grants, world)
        drafts = drafted(writing, found, grant, world)
        await _check_visible(writing, drafts, found, grants, world)
        await check_reads(reading, _identities(drafts), grants, world)
        resolved = await resolve(writing, drafts, grant, world)
        made_with = world.search
        plan, judged = await _plan(interaction, writing, drafts, resolved, found, grants, grant, world)
        if world.search is not made_with:  # entries of other search parameters than the present ones
            continue
        try:
            stored = await commit(plan, world, grant)
        except ConditionFailed:
            continue
        if interaction.account is not None:  # the intake asks for nothing but whether it was done
            return Answer(200, body=bundle("transaction-response", ()))
        return await _answer(entries, writing, drafts, stored, judged, grants, world)
    raise lost_race()


def _order(entry: BundleEntry) -> int:
    return _ORDER[entry.interaction.kind]


def _needs(entry: BundleEntry, world: World) -> Needs:
    try:
        return BUILDERS[entry.interaction.kind].needs(entry.interaction, world)  # type: ignore[no-any-return]
    except FhirError as error:
        raise at_entry(error, entry.index) from error


async def _granted(entry: BundleEntry, grant: Grant, world: World) -> Grant:
    """The grant as it holds for the entry; FhirError when it does not. Reads reach all records of a person."""
    try:
        granted = world.check_access(entry.interaction, grant)
        return granted if entry.interaction.kind in BUILDERS else await whole_grant(granted, world)
    except FhirError as error:
        raise at_entry(error, entry.index) from error


def drafted(writing: list[BundleEntry], found: Found, grant: Grant, world: World) -> list[Draft]:
    """What each entry writes, in processing order. Two conditional creates by the same criteria are one resource; any
    other two entries that touch the same resource are refused."""
    drafts: list[Draft] = []
    touched: dict[Key, int] = {}
    same: dict[object, Draft] = {}
    for entry in writing:
        try:
            draft = _draft(entry, found, same, world)
            check_create_scope(draft, entry.interaction, grant)
        except FhirError as error:
            raise at_entry(error, entry.index) from error
        for key in _keys(entry.interaction, draft):
            _touch(touched, key, entry)
        if entry.interaction.kind == "delete":
            found.hidden |= {(one.resource_type, one.logical_id) for one in draft.writes}
        drafts.append(draft)
    return drafts


def _draft(entry: BundleEntry, found: Found, same: dict[object, Draft], world: World) -> Draft:
    interaction = entry.interaction
    criteria = interaction.preconditions.if_none_exist if interaction.kind == "create" else None
    if criteria is not None and (earlier := same.get((interaction.resource_type, criteria))):
        return Draft((), earlier.criteria, 200, earlier.existing or placeholder(earlier.writes[0]))
    draft: Draft = BUILDERS[interaction.kind].build(interaction, found, world)
    if criteria is not None:
        same[(interaction.resource_type, criteria)] = draft
    return draft


def placeholder(write: Write) -> Stored:
    """The identity of a resource that this transaction is about to create."""
    return Stored(write.resource_type, write.logical_id, 0, 0, b"")


def _keys(interaction: Interaction, draft: Draft) -> dict[Key, None]:
    """What an entry writes, and what it names even where nothing is left to write (a delete of what is gone)."""
    keys = dict.fromkeys((one.resource_type, one.logical_id) for one in draft.writes)
    if interaction.resource_type is not None and interaction.logical_id is not None:
        keys[(interaction.resource_type, interaction.logical_id)] = None
    return keys


def _touch(touched: dict[Key, int], key: Key, entry: BundleEntry) -> None:
    if key in touched:
        raise FhirError(
            "invalid",
            f"Entries {touched[key]} and {entry.index} both change {key[0]}/{key[1]}; "
            "a transaction may touch a resource once.",
            expression=(f"Bundle.entry[{touched[key]}]", f"Bundle.entry[{entry.index}]"),
        )
    touched[key] = entry.index


async def _leave_out_hidden(writing: list[BundleEntry], found: Found, grants: dict[int, Grant], world: World) -> None:
    """What entries name and may not see is as if it were not there, before anything is told about it."""
    for entry in writing:
        grant, asked = grants[entry.index], entry.interaction
        if grant.narrowing and asked.resource_type is not None and asked.logical_id is not None:
            try:
                await leave_out_hidden(asked, [(asked.resource_type, asked.logical_id)], found, grant, world)
            except FhirError as error:
                raise at_entry(error, entry.index) from error


async def _check_visible(
    writing: list[BundleEntry], drafts: list[Draft], found: Found, grants: dict[int, Grant], world: World
) -> None:
    for entry, draft in zip(writing, drafts, strict=True):
        grant = grants[entry.index]
        if not grant.narrowing:
            continue
        try:
            await require_draft_visible(draft, found, grant, world)
        except FhirError as error:
            raise at_entry(error, entry.index) from error


def _identities(drafts: list[Draft]) -> dict[Key, bool]:
    """What the bundle writes: key -> whether it will be there afterwards."""
    return {(one.resource_type, one.logical_id): one.resource is not None for draft in drafts for one in draft.writes}


async def _plan(
    interaction: Interaction,
    writing: list[BundleEntry],
    drafts: list[Draft],
    resolved: Resolved,
    found: Found,
    grants: dict[int, Grant],
    grant: Grant,
    world: World,
) -> tuple[Plan, Ruled]:
    writes, criteria, records = [], list(resolved.criteria), []
    places: list[int] = []
    drafted = iter(
        await foreseen([resolved.written(one) for draft in drafts for one in draft.writes], interaction, world)
    )
    for number, (entry, draft) in enumerate(zip(writing, drafts, strict=True)):
        if number % _AT_A_TIME == _AT_A_TIME - 1:
            await asyncio.sleep(0)
        criteria += draft.criteria
        for one in draft.writes:
            ready = _ready(entry, next(drafted), interaction, grants[entry.index], world)
            writes.append(ready)
            places.append(entry.index)
            concerned = patients(ready, found)
            records.append(
                record_of(entry.interaction, world.now(), draft.status, one.resource_type, one.logical_id, concerned)
            )
    check_unambiguous(writing, drafts, writes, world)
    writes = list(await admitted(writes, interaction, world, places))
    extra = await placeholders(writes, interaction, grant, world)
    judged = await ruled(tuple(writes), found.versions, interaction, world, places)
    records += [
        record_of(interaction, world.now(), 201, one.resource_type, one.logical_id, ())
        for one in (*extra, *judged.further)
    ]
    writes = [*judged.writes, *extra, *judged.further]
    criteria += judged.criteria
    plan = Plan(tuple(writes), tuple(dict.fromkeys(criteria)), tuple(records), account=interaction.account)
    return plan, judged


def _ready(entry: BundleEntry, write: Write, interaction: Interaction, grant: Grant, world: World) -> Write:
    try:
        ready = prepared(write, interaction, world)
        if grant.narrowing:
            require_within(ready, grant)
    except FhirError as error:
        raise at_entry(error, entry.index) from error
    return ready


async def _answer(
    entries: list[BundleEntry],
    writing: list[BundleEntry],
    drafts: list[Draft],
    stored: tuple[Stored, ...],
    judged: Ruled,
    grants: dict[int, Grant],
    world: World,
) -> Answer:
    rows: dict[int, bytes] = {}
    remaining = iter(enumerate(judged.by_place(stored)))
    by_key: dict[Key, Stored] = {(one.resource_type, one.logical_id): one for one in stored}
    for entry, draft in zip(writing, drafts, strict=True):
        numbered = [next(remaining) for _ in draft.writes]
        mine = tuple(one for _, one in numbered)
        answer = answered(draft, mine)
        said = tuple(issue for place, _ in numbered for issue in judged.warnings.get(place, ()))
        if not mine and draft.existing is not None and draft.existing.version_id == 0:
            answer = Answer(200, stored=by_key[(draft.existing.resource_type, draft.existing.logical_id)])
        for place, _ in numbered[:1]:
            answer = as_judged(answer, judged, place, entry.interaction)
        answer = with_warnings(answer, draft.writes, entry.interaction, world, said)
        rows[entry.index] = answer_row(entry.interaction, answer)
    reading = [entry for entry in entries if entry.index not in rows]
    snapshot = await read_together(reading, world)
    for entry in reading:
        rows[entry.index] = await perform_read(entry, grants[entry.index], world, snapshot)
    return Answer(200, body=bundle("transaction-response", (rows[entry.index] for entry in entries)))
