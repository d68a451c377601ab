"""Records that state a part of a resource: what is stored already and the part become one (``merge`` in a mapping)."""

from __future__ import annotations

from dataclasses import replace

from countyfhir.intake.committing import flush
from countyfhir.intake.desk import Desk, Stream
from countyfhir.intake.withdrawing import current_version
from countyfhir.mapping import MappedRecord
from countyfhir.mapping.finding import Finding
from countyfhir.mapping.merge import Conflict, counted, merged


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
    return replace(made, resources=tuple(resources))
