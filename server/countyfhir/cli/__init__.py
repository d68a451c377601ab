"""The command ``countyfhir``: a table of commands. Only the one that was asked for is imported, so help is quick."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Annotated, Any

import typer

from countyfhir import __version__
from countyfhir.cli.unswept import seldom_swept, unswept

COMMANDS: dict[str, str] = {
    "demo": "Take in the demo county and serve it: the quickest way to see what this is.",
    "serve": "Serve the FHIR REST API.",
    "intake": "Take in legacy files through their mapping files.",
    "mapping": "Check and test mapping files, or propose one for a sample file.",
    "quarantine": "List, show, replay and discard the legacy records that wait for a person.",
    "notifications": "List what waits to be delivered to subscribers; list, replay and discard what was given up.",
    "listen": "Take in HL7 v2 messages that systems send over MLLP, and acknowledge them.",
    "indicators": "Print the table of indicators, write it as CSV or XLSX, keep and compare a baseline.",
    "persons": "Link the records of persons anew, and show what waits for a human.",
    "load": "Load FHIR resources from NDJSON, Bundles, JSON, XML, .gz files and folders.",
    "validate": "Check files against the R4 definitions, without storing anything.",
    "terminology": "Import, list and remove code systems: ICD, NHSA lists, LOINC, SNOMED CT, tables, FHIR JSON.",
    "export": "Write all resources as NDJSON, one file a resource type.",
    "package": "Install, list and remove FHIR packages: profiles, extensions, value sets and what else they hold.",
    "reindex": "Compute the search index anew from the stored resources.",
    "doctor": "Say what is wrong with this installation, its settings and its store.",
    "backup": "Make a consistent copy of the embedded store, also while it is served.",
    "restore": "Check a backup and install it as the embedded store.",
    "migrate": "Copy everything from one store to another, history included, and compare.",
    "key": "Make, list and revoke API keys.",
    "settings": "Show every setting: name, default, what it does, and its value here.",
    "version": "Print the version.",
}
"""Name and first sentence of each command; its module is ``countyfhir.cli.<name>`` with a function ``add(app)``."""

SERVING = ("demo", "serve", "listen")
"""Those that answer others and stay: they look for garbage as usual."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; leaves by SystemExit: 0 done, 1 the work found problems, 2 it could not be tried."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with unswept():
        app = application(given[0] if given else None)
    with nullcontext() if given[:1] and given[0] in SERVING else seldom_swept():
        app(given, prog_name="countyfhir")


def application(chosen: str | None = None) -> typer.Typer:
    """The whole command line when ``chosen`` is no command, else the part that ``chosen`` needs."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_root)
    for name in [chosen] if chosen in COMMANDS else COMMANDS:
        if chosen == name:
            importlib.import_module(f"countyfhir.cli.{name}").add(app)
        else:
            app.command(name, help=COMMANDS[name])(_placeholder())
    return app


def _placeholder() -> Callable[[], None]:
    def not_loaded() -> None:
        """Stands in the list of commands; never called."""

    return not_loaded


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> Any:
    """CountyFHIR: one shared FHIR R4 record for every institution of a county medical consortium.

    `countyfhir COMMAND --help` explains a command; `countyfhir settings` lists every setting.
    """
