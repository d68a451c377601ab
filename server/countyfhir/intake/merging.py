"""Records that state a part of a resource: what is stored already and the part become one (``merge`` in a mapping)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from countyfhir.intake.committing import flush
from countyfhir.intake.desk import Desk, Stream
from countyfhir.intake.events.telling import telling
from countyfhir.intake.withdrawing import current_version
from countyfhir.mapping import MappedRecord
from countyfhir.mapping.finding import Finding
from countyfhir.mapping.merge import Conflict, Resource, counted, merged

REPORT = "DiagnosticReport"


async def kept(made: MappedRecord, stream: Stream, desk: Desk, names: Mapping[str, str]) -> MappedRecord:
    """The record with its reports as they are to be written, where a later version only repeats what it corrects: the
    results that an earlier one stated stay in the report, as they stay themselves. ``names``: by which resources its
    events stand."""
    if not stream.mapping.keeps or made.subject not in stream.prior:
        return made
    resources = []
    for resource in made.resources:
        if resource["resourceType"] == REPORT:
            own = f"{REPORT}/{resource['id']}"
            stored = await current_version(REPORT, names.get(own, own).partition("/")[2], desk)
            resource = with_results(resource, (stored or {}).get("result", ()), names)
        resources.append(resource)
    return telling(replace(made, resources=tuple(resources)))


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
