"""$reindex and $reindex-status: make the search index anew, and see how far it is (an operation of this server; R4
section 3.1.6 for the asynchronous form)."""

from __future__ import annotations

import asyncio
import secrets

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions import reindexing
from countyfhir.interactions.reindex_jobs import KIND, UNFINISHED
from countyfhir.interactions.world import World
from countyfhir.outcome import FhirError, Issue, operation_outcome
from countyfhir.store.ports import Job

PATIENCE = 30.0
"""Seconds that a call without ``Prefer: respond-async`` waits before it is answered as one with it."""
_FORM = ("_format", "_pretty")
_COUNTED = ("checked", "changed", "failed", "total")


async def reindex(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Index the resources of a type, of the types named by ``type``, or all anew. 200 with what was done, or 202 with
    ``Content-Location`` of the status when that was preferred or takes long."""
    name = await reindexing.add(_types(interaction, world), world)
    if not interaction.preferences.respond_async:
        try:
            owner = secrets.token_hex(8)
            job = await asyncio.wait_for(reindexing.follow(name, world, owner), PATIENCE)
            return Answer(200, body=_parameters(job))
        except TimeoutError:
            pass  # it goes on beside
    place = f"{interaction.base}/$reindex-status?job={name}"
    text = f"The job {name} makes the index entries anew; {place} tells how far it is."
    outcome = operation_outcome((Issue("informational", text, severity="information"),))
    return Answer(202, {"Content-Location": place}, outcome)


async def status(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """202 with ``X-Progress`` while the job named by ``job`` goes on, then 200 with what was done; without a name all
    jobs that are not finished. 409 for a job whose search parameters changed before it was done."""
    named = [value for name, value in interaction.query if name == "job"]
    unknown = sorted({name for name, _ in interaction.query} - {"job", *_FORM})
    if unknown or len(named) > 1:
        raise FhirError("not-supported", "$reindex-status takes one parameter, job.", status=400, expression="job")
    if not named:
        jobs = [_described(job) for job in await reindexing.unfinished(world)]
        parts = [{"name": "job", "part": one} for one in jobs]
        return Answer(200, body={"resourceType": "Parameters", **({"parameter": parts} if parts else {})})
    job = await world.store.jobs.read(named[0])
    if job is None or job.kind != KIND:
        raise FhirError("not-found", "There is no reindex job of this name.", expression="job")
    if job.state == "failed":
        raise FhirError("conflict", "The search parameters changed; a newer job does the work.", expression="job")
    if job.state in UNFINISHED:
        return Answer(202, {"X-Progress": _progress(job), "Retry-After": "1"})
    return Answer(200, body=_parameters(job))


def _types(interaction: Interaction, world: World) -> list[str] | None:
    """The types that are asked for; None for all."""
    pairs = [pair for pair in interaction.query if pair[0] not in _FORM]
    body = interaction.body.get("parameter", []) if isinstance(interaction.body, dict) else []
    pairs += [(str(one.get("name")), str(one.get("valueCode") or one.get("valueString", ""))) for one in body]
    if any(name != "type" for name, _ in pairs) or (pairs and interaction.resource_type is not None):
        raise FhirError("not-supported", "$reindex takes only type, and that not on a type.", status=400)
    listed = [name for _, value in pairs for name in value.split(",")]
    for name in listed:
        if name not in world.definitions.endpoint_types:
            raise FhirError("value", f"'{name[:64]}' is no resource type that can be searched.", expression="type")
    return [interaction.resource_type] if interaction.resource_type else listed or None


def _progress(job: Job) -> str:
    checked, total = job.progress["checked"], job.progress.get("total")
    return f"{checked} of {total} resources" if total is not None else f"{checked} resources"


def _parameters(job: Job) -> Resource:
    return {"resourceType": "Parameters", "parameter": _described(job)}


def _described(job: Job) -> list[Resource]:
    """The job as parameters: its name and state, the types, and the counts."""
    told: list[Resource] = [{"name": "job", "valueString": job.job_id}, {"name": "state", "valueCode": job.state}]
    told += [{"name": "type", "valueCode": name} for name in job.progress["types"] or ()]
    counts = ((name, job.progress.get(name)) for name in _COUNTED)
    return told + [{"name": name, "valueInteger": number} for name, number in counts if number is not None]
