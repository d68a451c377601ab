"""Records that state a part of a resource: what is stored already and the part become one (``merge`` and ``keeps`` in a
mapping)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from countyfhir.exchange import SourceRecord
from countyfhir.intake.committing import flush
from countyfhir.intake.desk import Desk, Stream
from countyfhir.intake.events.telling import telling
from countyfhir.intake.ledger import Decision, content_digest, older
from countyfhir.intake.withdrawing import current_version
from countyfhir.mapping import MappedRecord
from countyfhir.mapping.finding import Finding
from countyfhir.mapping.keep import completed as filled
from countyfhir.mapping.keep import explicit, has, without
from countyfhir.mapping.merge import Conflict, Resource, counted, merged

REPORT = "DiagnosticReport"
MEMBERS = "kept-members"
"""The ledger's name for the members of resources that keep what a record leaves out; their key is the reference."""


async def kept(
    made: MappedRecord, decision: Decision, stream: Stream, desk: Desk, names: Mapping[str, str]
) -> tuple[MappedRecord, Decision]:
    """The record with its resources as they are to be written, where it states only what changed: reports keep the
    results that an earlier version stated, as these stay themselves, and resources that the mapping ``keeps`` what the
    record leaves out. ``names``: by which resources its events stand."""
    corrected = stream.mapping.keeps and made.subject in stream.prior
    if not made.kept and not corrected:
        return made, decision
    if stream.pending.touches(made.subject, set(made.kept)):
        await flush(stream, desk)
    found: list[Resource] = []
    same = set()
    told = await members_told([one for one in decision.write if one in made.kept], desk)
    for resource in made.resources:
        own = reference_of(resource)
        if own in told:
            before = await stated_before(own, names, stream, desk)
            known = told[own]
            resource, told[own] = folded(resource, before, made, stream, known)
            unchanged = before is not None and all(
                resource.get(one) == before.get(one) for one in made.kept[own].members
            )
            if unchanged and told[own] == known:
                same.add(own)
        if corrected and not decision.late and resource["resourceType"] == REPORT:
            stored = await current_version(REPORT, names.get(own, own).partition("/")[2], desk)
            resource = with_results(resource, (stored or {}).get("result", ()), names)
        found.append(resource)
    changed = await changes(made, stream, desk, names) if not decision.late else []
    written = (*decision.write, *map(reference_of, changed))
    told_of = {own: one for own, one in told.items() if one is not None}
    made = telling(replace(made, resources=(*found, *changed), told=told_of))
    decision = replace(decision, write=news_of(made, written, stream, same if decision.late else ()))
    return made, decision if decision.write or not decision.late else Decision("unchanged", decision.digest)


async def changes(made: MappedRecord, stream: Stream, desk: Desk, names: Mapping[str, str]) -> list[Resource]:
    """What the record states of resources that are stored, by no later version; of the others nothing."""
    found = []
    for resource in made.changes:
        own = reference_of(resource)
        prior = stream.shared.get(own)
        if prior is not None and older(made.version_key, prior.version_key):
            continue
        before = await stated_before(own, names, stream, desk)
        if before is not None:
            found.append(filled(resource, before, made.kept[own]))
    return found


async def members_told(references: Sequence[str], desk: Desk) -> dict[str, Mapping[str, str] | None]:
    """By which version each member of a resource was said; None where nothing is known of it."""
    rows = await desk.ledger.latest(MEMBERS, sorted(references)) if references else {}
    return {
        one: {each["member"]: each["version"] for each in rows[one].issues} if one in rows else None
        for one in references
    }


def folded(
    resource: Resource, before: Resource | None, made: MappedRecord, stream: Stream, told: Mapping[str, str] | None
) -> tuple[Resource, Mapping[str, str]]:
    """What the record makes of a resource, member by member: the latest version that says something of a member stands,
    in whatever order the versions come; and by which versions its members stand now."""
    own, version = reference_of(resource), made.version_key
    how, said = made.kept[own], explicit(resource, made.kept[own])
    known = told if told is not None else known_until_now(own, before, said, made, stream)
    lost = frozenset(path for path in said if older(version, known.get(path, "")))
    if before is not None:
        stated, how = without(resource, how, lost)
        resource = filled(stated, before, how)
    return resource, {**known, **dict.fromkeys(said - lost, version)}


def known_until_now(
    own: str, before: Resource | None, said: Collection[str], made: MappedRecord, stream: Stream
) -> Mapping[str, str]:
    """Where no version is known of any member: all that stands is as new as the resource, or its subject."""
    prior = stream.shared.get(own) if own in made.shared else stream.prior.get(made.subject)
    if before is None or prior is None:
        return {}
    return {path: prior.version_key for path in said if has(before, path)}


def told_rows(made: MappedRecord, written: Sequence[str], like: SourceRecord) -> tuple[SourceRecord, ...]:
    """The rows of the ledger that remember them."""
    rows = []
    for own in (one for one in written if one in made.told):
        members = tuple({"member": member, "version": one} for member, one in sorted(made.told[own].items()))
        rows.append(replace(like, source=MEMBERS, key=own, digest="", version_key="", resources=(), issues=members))
    return tuple(rows)


async def stated_before(own: str, names: Mapping[str, str], stream: Stream, desk: Desk) -> Resource | None:
    """What the source itself stated of a resource before: of an event that others state too its own statement, else
    what is stored."""
    if stream.events is not None:
        statements = await stream.events.statements(names.get(own, own))
        mine = next((one for one in statements if one.own == own), None)
        if mine is not None:
            return mine.resource()
    resource_type, _, logical_id = own.partition("/")
    return await current_version(resource_type, logical_id, desk)


def news_of(made: MappedRecord, written: Sequence[str], stream: Stream, same: Collection[str]) -> tuple[str, ...]:
    """What is still to be written: not a shared resource that turned out as it is stored, nor what is the ``same``."""
    there = {reference_of(one): one for one in made.resources}
    standing = {
        reference
        for reference in made.kept.keys() & made.shared & there.keys() & stream.shared.keys()
        if stream.shared[reference].digest == content_digest((there[reference],)) and reference not in made.told
    }
    return tuple(one for one in written if one not in standing and one not in same)


def reference_of(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def with_results(report: Resource, before: Sequence[Resource], names: Mapping[str, str]) -> Resource:
    """The report with the results before, then those that are new."""
    known = {one.get("reference") for one in before}
    own = report.get("result", ())
    new = [one for one in own if names.get(one.get("reference", ""), one.get("reference")) not in known]
    listed = [*before, *new]
    return report | {"result": listed} if listed and len(listed) != len(own) else report


async def completed(made: MappedRecord, stream: Stream, desk: Desk, corrects: bool) -> MappedRecord:
    """The record with its merged resources as they are to be written; quarantined as ``merge-conflict`` when what is
    stored is about someone else. ``corrects``: an earlier version of the record was stored before."""
    if not made.merges:
        return made
    if stream.pending.touches(made.subject, set(made.merges)):
        await flush(stream, desk)
    resources = []
    for resource in made.resources:
        reference = f"{resource['resourceType']}/{resource['id']}"
        how = made.merges.get(reference)
        if how is not None:
            stored = await current_version(resource["resourceType"], resource["id"], desk)
            try:
                resource = merged(stored, resource, how, corrects) if stored else counted(resource, how)
            except Conflict:
                found = Finding("merge-conflict", (), "error", held_back=True)
                return replace(made, resources=(), issues=(*made.issues, found), outcome="quarantined")
        resources.append(resource)
    return telling(replace(made, resources=tuple(resources)))
