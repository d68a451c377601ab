"""``countyfhir reindex``: the search index anew from the stored resources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.opening import in_world
from countyfhir.cli.options import stop, with_settings
from countyfhir.settings import Settings

BATCH = 200


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

    Needed after an upgrade whose notes say so, or after a change of time_zone or base_url, which entries depend on. The
    server may run meanwhile; resources and their history are not changed. It may be stopped and started again.
    """
    from countyfhir.model.definitions import definitions

    if unknown := sorted(set(types or ()) - definitions().endpoint_types):
        stop(f"{', '.join(unknown)}: no resource type of FHIR R4")
    checked, changed = in_world(settings, lambda world: all_batches(world, types))
    typer.echo(f"{checked} resources looked at, {changed} had other entries than before")


async def all_batches(world: Any, types: list[str] | None) -> tuple[int, int]:
    """Batch after batch, with a counter; how many resources were looked at, and how many changed."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from countyfhir.model import json
    from countyfhir.search import extract

    context, base = world.world.search, world.settings.public_base

    def entries(resource_type: str, body: bytes) -> tuple[Iterable[Any], Iterable[tuple[str, str]]]:
        resource = json.parse(body)
        for stamp in ("versionId", "lastUpdated"):  # the store's own, which no write brings
            resource["meta"].pop(stamp, None)
        indexed = extract.index(resource, context, base)
        return indexed.entries, indexed.references

    checked = changed = 0
    after: int | None = 0
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reindexing")
        while after is not None:
            done = await world.store.resources.reindex(entries, resource_types=types, after=after, count=BATCH)
            checked, changed, after = checked + done.checked, changed + done.changed, done.after
            progress.update(task, description=f"{checked} resources, {changed} with other entries")
    return checked, changed
