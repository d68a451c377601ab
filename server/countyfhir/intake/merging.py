"""Records that state a part of a resource: what is stored already and the part become one (``merge`` and ``keeps`` in a
mapping)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from countyfhir.intake.committing import flush
from countyfhir.intake.desk import Desk, Stream
from countyfhir.intake.events.telling import telling
from countyfhir.intake.ledger import Decision, content_digest, older
from countyfhir.intake.withdrawing import current_version
from countyfhir.mapping import MappedRecord
from countyfhir.mapping.finding import Finding
from countyfhir.mapping.keep import completed as filled
from countyfhir.mapping.merge import Conflict, Resource, counted, merged

REPORT = "DiagnosticReport"


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
    found = []
    for resource in made.resources:
        own = reference_of(resource)
        if own in made.kept and own in decision.write:
            before = await stated_before(own, names, stream, desk)
            resource = filled(resource, before, made.kept[own]) if before is not None else resource
        if corrected and resource["resourceType"] == REPORT:
            stored = await current_version(REPORT, names.get(own, own).partition("/")[2], desk)
            resource = with_results(resource, (stored or {}).get("result", ()), names)
        found.append(resource)
    changed = await changes(made, stream, desk, names)
    written = (*decision.write, *map(reference_of, changed))
    made = telling(replace(made, resources=(*found, *changed)))
    return made, replace(decision, write=news_of(made, written, stream))


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


def news_of(made: MappedRecord, written: Sequence[str], stream: Stream) -> tuple[str, ...]:
    """What is still to be written: not a shared resource that turned out as it is stored."""
    there = {reference_of(one): one for one in made.resources}
    standing = {
        reference
        for reference in made.kept.keys() & made.shared & there.keys() & stream.shared.keys()
        if stream.shared[reference].digest == content_digest((there[reference],))
    }
    return tuple(one for one in written if one not in standing)


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
