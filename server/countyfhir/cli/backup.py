"""``countyfhir backup``: a consistent copy of the embedded store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import stop, with_settings
from countyfhir.settings import Settings


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("backup", help=COMMANDS["backup"])(backup)


@with_settings("store", check=False)
def backup(
    settings: Settings,
    target: Annotated[Path, typer.Argument(help="File to write; it must not be there yet.")],
) -> None:
    """Make a consistent copy of the embedded store, also while it is served.

    The copy holds everything: resources, history, audit records, keys, quarantine. Its name appears only when it
    is complete, and is checked before the command ends. The concept index, with what was imported into it, is copied
    beside it, with .terminology at the end of its name.
    """
    from countyfhir.store.sqlite import problems
    from countyfhir.store.sqlite.backup import copy, copy_beside
    from countyfhir.store.sqlite.options import Options

    source = embedded(settings)
    if not source.exists():
        stop(f"{source}: there is no store")
    concepts = beside(target)
    for taken in (target, concepts):
        if taken.exists():
            stop(f"{taken} is there already: name a new file")
    if not target.absolute().parent.is_dir():
        stop(f"{target.absolute().parent}: there is no such folder")
    copy(str(source), target, Options())
    if found := problems(target):
        stop(f"{target} is not sound: {found[0]}")
    typer.echo(f"{target}: {target.stat().st_size / 2**20:.1f} MB, checked")
    index = settings.concept_index_path
    if index is not None and index.exists():
        copy_beside(index, concepts)
        typer.echo(f"{concepts}: {concepts.stat().st_size / 2**20:.1f} MB")


def beside(backup_file: Path) -> Path:
    """Where the concept index lies in a backup."""
    return backup_file.with_name(backup_file.name + ".terminology")


def embedded(settings: Settings) -> Path:
    """The file of the embedded store; one line and the end for another store."""
    if settings.sqlite_path is None:
        stop(f"{settings.store_name} is not the embedded store; use the tools of its own for backups")
    return settings.sqlite_path
