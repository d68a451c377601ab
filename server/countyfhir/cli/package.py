"""``countyfhir package``: FHIR packages into the store, listed, and out again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.opening import in_world
from countyfhir.cli.options import FOUND_PROBLEMS, stop, with_settings
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.cli.packages.dependencies import Order
    from countyfhir.cli.packages.installing import Tally
    from countyfhir.cli.packages.ledger import Installed

SHOWN = 20


def add(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    group = typer.Typer(no_args_is_help=True)
    group.command("install")(install)
    group.command("list")(list_)
    group.command("remove")(remove)
    app.add_typer(group, name="package", help=COMMANDS["package"])


@with_settings("store")
def install(
    settings: Settings,
    sources: Annotated[
        list[Path],
        typer.Argument(help="Package files (.tgz), and folders of such files in which dependencies are looked for."),
    ],
    examples: Annotated[bool, typer.Option("--examples", help="Load the examples of the packages too.")] = False,
) -> None:
    """Install FHIR packages: profiles, extensions, value sets, code systems, search parameters and what else they hold.

    Dependencies are taken from the files and folders given, or are installed already; nothing is fetched from a
    network. Those that are missing are said, and the rest is installed. Every worker of a running server on this store
    uses what is installed within a second.
    Exit code: 0 all installed, 1 a resource was refused, 2 it could not be tried.
    """
    from countyfhir.cli.packages import archive, dependencies, installing, ledger

    absent = [str(source) for source in sources if not source.exists()]
    if absent:
        stop(*(f"{one} is not there" for one in absent))
    try:
        named, beside = dependencies.found(sources)
    except archive.PackageError as problem:
        stop(str(problem))
    if not named:
        stop("name a package file (.tgz); a folder is only where dependencies are looked for")

    async def work(world: Any) -> tuple[Order, list[tuple[str, Tally]]]:
        there: dict[str, list[str]] = {}
        for one in await ledger.installed(world):
            there.setdefault(one.name, []).append(one.version)
        order = dependencies.ordered(named, beside, there)
        return order, [(one.label, await installing.install(one, world, examples=examples)) for one in order.packages]

    try:
        order, tallies = in_world(settings, work)
    except archive.PackageError as problem:
        stop(str(problem))
    for sentence in order.missing:
        typer.echo(sentence, err=True)
    for label, tally in tallies:
        report(label, tally)
    if any(tally.refused for _, tally in tallies):
        raise typer.Exit(FOUND_PROBLEMS)


def report(label: str, tally: Tally) -> None:
    """Print what came of one package."""
    typer.echo(f"{label}: {len(tally.keys)} resources installed, {len(tally.refused)} refused")
    for name, reason in tally.refused[:SHOWN]:
        typer.echo(f"  {name}: {reason}", err=True)
    if len(tally.refused) > SHOWN:
        typer.echo(f"  ... and {len(tally.refused) - SHOWN} more", err=True)


@with_settings("store")
def list_(settings: Settings) -> None:
    """List the installed packages, with how many resources came with each."""
    from countyfhir.cli.packages import ledger

    for one in in_world(settings, ledger.installed):
        typer.echo(f"{one.label}  {len(one.resources)} resources  {one.title}".rstrip())


@with_settings("store")
def remove(
    settings: Settings,
    package: Annotated[str, typer.Argument(help="NAME, or NAME@VERSION where several versions are installed.")],
) -> None:
    """Remove an installed package with all resources that came with it; those that other packages brought too, or that
    others point to, stay and are named.

    Exit code: 0 removed, 1 some resources had to stay, 2 it could not be tried.
    """
    from countyfhir.cli.packages import installing, ledger

    async def work(world: Any) -> tuple[Installed | None, int, list[str], list[str]]:
        present = await ledger.installed(world)
        found = [one for one in present if package in (one.name, one.label)]
        if len(found) != 1:
            return None, 0, [], [one.label for one in (found or present)]
        return (found[0], *await installing.remove(found[0], present, world), [])

    found, removed, held, choice = in_world(settings, work)
    if found is None:
        known = ", ".join(choice) or "none"
        stop(f"{package} is not one installed package; installed: {known}")
    typer.echo(f"{found.label}: {removed} resources removed")
    for sentence in held[:SHOWN]:
        typer.echo(f"  stays: {sentence}", err=True)
    if held:
        raise typer.Exit(FOUND_PROBLEMS)
