"""``countyfhir reindex``: the search index anew from the stored resources."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.opening import in_world
from countyfhir.cli.options import stop, with_settings
from countyfhir.settings import Settings


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("reindex", help=COMMANDS["reindex"])(reindex)


@with_settings("store", "time_zone", "base_url", check=False)
def reindex(
    settings: Settings,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only this resource type. Repeatable; unset: all.")
    ] = None,
) -> None:
    """Compute the search index anew from the stored resources.

    Needed after a change of time_zone or base_url, which entries depend on; after an upgrade the server does so itself.
    It may run meanwhile; resources and their history are not changed. It may be stopped and started again.
    """
    from countyfhir.model.definitions import definitions

    if unknown := sorted(set(types or ()) - definitions().endpoint_types):
        stop(f"{', '.join(unknown)}: no resource type of FHIR R4")
    done = in_world(settings, lambda opened: followed(opened.world, types))
    typer.echo(f"{done['checked']} resources looked at, {done['changed']} had other entries than before")
    if done["failed"]:
        stop(f"{done['failed']} of them are not shaped as their type and cannot be found by anything", code=1)


async def followed(world: Any, types: list[str] | None) -> dict[str, Any]:
    """What the job did; it is gone on with when an earlier one of these types was stopped."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from countyfhir.interactions import reindexing
    from countyfhir.store.ports import Job

    wanted = sorted(types) if types else None
    stopped = [job for job in await reindexing.unfinished(world) if asked_for(job, wanted, reindexing.made_with(world))]
    name = stopped[0].job_id if stopped else await reindexing.add(wanted, world)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reindexing", total=None)

        def told(job: Job) -> None:
            bar.update(task, completed=job.progress["checked"], total=job.progress.get("total"), description=job.job_id)

        job = await reindexing.follow(name, world, secrets.token_hex(8), told)
    return job.progress


def asked_for(job: Any, types: list[str] | None, made_with: list[str]) -> bool:
    """Whether it is a job that somebody asked for, of the same types under the same settings."""
    return bool(job.progress.get("with") == made_with and job.progress["types"] == types)
