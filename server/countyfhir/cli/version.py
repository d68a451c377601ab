"""``countyfhir version``."""

from __future__ import annotations

import typer

from countyfhir import __version__
from countyfhir.cli import COMMANDS


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("version", help=COMMANDS["version"])(version)


def version() -> None:
    """Print the version."""
    typer.echo(__version__)
