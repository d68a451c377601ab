"""``countyfhir restore``: a backup in the place of the embedded store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.backup import beside, embedded
from countyfhir.cli.options import stop, with_settings
from countyfhir.settings import Settings


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("restore", help=COMMANDS["restore"])(restore)


@with_settings("store", check=False)
def restore(
    settings: Settings,
    source: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
) -> None:
    """Check a backup and install it as the embedded store.

    Nothing is changed when the backup is damaged or newer than this program, or while a server has the store open. The
    store that was there is kept beside the new one, with .replaced at the end of its name. The concept index comes back
    with it.
    """
    from countyfhir.store import sqlite
    from countyfhir.store.sqlite.backup import alone, restore_beside

    place = embedded(settings)
    if found := sqlite.problems(source):
        stop(f"{source} cannot be restored: {found[0]}")
    place.absolute().parent.mkdir(parents=True, exist_ok=True)
    replaced = place.exists()
    sqlite.restore(source, place)
    kept = f"; the store that was there is {place}.replaced" if replaced else ""
    typer.echo(f"{source} is now {place}{kept}")
    concepts, index = beside(source), settings.concept_index_path
    if concepts.exists() and index is not None:
        with alone(str(place)):
            restore_beside(concepts, index)
        typer.echo(f"{concepts} is now {index}")
