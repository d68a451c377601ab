"""``countyfhir load``: FHIR resources from files, into a running server or straight into a store."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.opening import in_world
from countyfhir.cli.options import FOUND_PROBLEMS, stop, with_settings
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.cli.loading.destination import Destination
    from countyfhir.cli.loading.sending import Tally

SHOWN = 20
"""Refusals that are printed; --refused writes them all."""


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("load", help=COMMANDS["load"])(load)


@with_settings("store")
def load(
    settings: Settings,
    sources: Annotated[
        list[Path],
        typer.Argument(help="Files (.ndjson, .jsonl, .json, .xml, each also with .gz) and folders of such files."),
    ],
    to: Annotated[str | None, typer.Option("--to", help="Address of a running server; unset: into the store.")] = None,
    key: Annotated[str | None, typer.Option("--key", help="API key or token for the server of --to.")] = None,
    group: Annotated[int, typer.Option("--group", min=1, max=5000, help="Resources of a transaction.")] = 100,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=256, help="Transactions at once.")] = 4,
    ledger: Annotated[
        Path, typer.Option("--ledger", help="File that remembers what is loaded, to go on after a stop.")
    ] = Path("countyfhir-load.ledger"),
    again: Annotated[bool, typer.Option("--again", help="Load also what the ledger says is loaded.")] = False,
    refused: Annotated[
        Path | None, typer.Option("--refused", help="Write every refusal to this file, one JSON line each.")
    ] = None,
) -> None:
    """Load FHIR resources from NDJSON, Bundles, JSON, XML, .gz files and folders.

    A resource with an id is put at that id, one without is created. Transaction and batch Bundles are performed as they
    are; entries of collection and searchset Bundles are loaded together. What is refused is listed and does not stop
    the rest. After a stop the same command goes on where it was (the last transactions may be sent twice).
    Exit code: 0 all loaded, 1 something was refused, 2 it could not be tried.
    """
    from countyfhir.cli.loading.destination import Door, Server, Unreachable
    from countyfhir.cli.loading.files import find

    if key and not to:
        stop("--key is for a server: name it with --to")
    files, problems = find(sources)
    if problems:
        stop(*problems)

    async def into_server() -> Tally:
        server = Server(str(to), key, concurrency)
        try:
            return await run(server)
        finally:
            await server.close()

    async def run(destination: Destination) -> Tally:
        return await load_with_progress(files, destination, ledger, group, concurrency, again=again)

    started = time.monotonic()
    try:
        if to:
            tally = asyncio.run(into_server())
        else:
            tally = in_world(settings, lambda world: run(Door(world, settings.store_name)))
    except Unreachable as error:
        stop(str(error), "What was loaded is remembered; the same command goes on from there.")
    report(tally, time.monotonic() - started, refused)
    if tally.refused:
        raise typer.Exit(FOUND_PROBLEMS)


async def load_with_progress(
    files: list[Path], destination: Destination, ledger_path: Path, group: int, concurrency: int, *, again: bool
) -> Tally:
    """Load with a progress bar over the bytes of all files."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from countyfhir.cli.loading.ledger import Ledger
    from countyfhir.cli.loading.sending import Load
    from countyfhir.cli.loading.sending import load as load_files

    ledger = Ledger(ledger_path, destination.name, again=again)
    sizes = {file: file.stat().st_size for file in files}
    reached = dict.fromkeys(files, 0)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("loading", total=sum(sizes.values()))

        def tell(file: Path, offset: int, tally: Tally) -> None:
            reached[file] = max(reached[file], offset or sizes[file])
            text = f"{tally.loaded} loaded, {len(tally.refused)} refused"
            progress.update(bar, completed=sum(reached.values()), description=text)

        try:
            return await load_files(files, Load(destination, ledger, group, concurrency, tell))
        finally:
            ledger.close()


def report(tally: Tally, seconds: float, refused: Path | None) -> None:
    """Print what the load came to, and write the refusals where they were asked for."""
    rate = f", {tally.loaded / seconds:.0f} a second" if seconds > 1 and tally.loaded > seconds else ""
    before = []
    if tally.skipped_files:
        before.append(f"{tally.skipped_files} files were loaded before")
    if tally.resumed:
        before.append(f"{tally.resumed} resources of a file that was begun were loaded before")
    typer.echo("; ".join([f"{tally.loaded} resources loaded{rate}", f"{len(tally.refused)} refused", *before]))
    for file, place, reason in tally.refused[:SHOWN]:
        typer.echo(f"{file}{', ' if place else ''}{place}: {reason}", err=True)
    if len(tally.refused) > SHOWN:
        typer.echo(f"... and {len(tally.refused) - SHOWN} more (--refused FILE lists them all)", err=True)
    if refused:
        lines = (
            json.dumps({"file": str(file), "place": place, "reason": reason}, ensure_ascii=False)
            for file, place, reason in tally.refused
        )
        refused.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
