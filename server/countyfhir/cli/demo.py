"""``countyfhir demo``: the main job on the demo county."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import FOUND_PROBLEMS, stop, with_settings
from countyfhir.settings import Settings

STORE = "demo.sqlite"


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("demo", help=COMMANDS["demo"])(demo)


@with_settings("host", "port")
def demo(
    settings: Settings,
    folder: Annotated[Path, typer.Argument(help="Folder for the store; made when it is not there.")] = Path("var"),
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the result, or only make it.")] = True,
) -> None:
    """Take in the demo county and serve it: the quickest way to see what this is.

    The demo county's six legacy systems are read through their mapping files into an embedded store in FOLDER; a table
    shows what became of each record, and three curl lines show one resident's record put together from three
    institutions. All people in it are invented. Run it again: every record is unchanged.
    """
    from countyfhir.cli.serve import port_taken, run_server

    if "store" in settings.model_fields_set:
        stop("demo keeps its store in the folder that you name, not in the one of the setting store")
    if serve and (reason := port_taken(settings.host, settings.port)):
        stop(reason)
    settings = settings.model_copy(update={"store": f"sqlite:{folder / STORE}"})
    complete = take_in_county(settings)
    show_commands(settings, served=serve)
    if serve:
        run_server(settings)
    elif not complete:
        raise typer.Exit(FOUND_PROBLEMS)


def take_in_county(settings: Settings) -> bool:
    """Take in the demo county's files and print the table; whether every file was read."""
    from countyfhir.cli.taking_in import print_report, sources, take_in
    from countyfhir.intake import demo as county
    from countyfhir.intake.inputs import discover

    typer.echo("Taking in the demo county (白石县, Baishi; all people are invented) ...", err=True)
    inputs = discover([path for path in county.folder().iterdir() if path.is_dir()], sources(settings))
    report = take_in(settings, inputs)
    print_report(report)
    return bool(report.files) and not report.unmatched and not any(one.problem for one in report.files)


def show_commands(settings: Settings, *, served: bool) -> None:
    """Print the three curl lines."""
    from countyfhir.intake.demo import demo_curl_lines

    start = "" if served else f" (start the server first: countyfhir serve --store {settings.store})"
    typer.echo(f"\nOne resident's record, put together from three institutions{start}:\n")
    for line in demo_curl_lines(settings.public_base):
        typer.echo(line + "\n")
