"""``countyfhir intake``: legacy files through their mapping files, straight into the store."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import FOUND_PROBLEMS, stop, with_settings
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.intake.report import Report
    from countyfhir.mapping import Source


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("intake", help=COMMANDS["intake"])(intake)


Paths = Annotated[list[Path] | None, typer.Argument(help="Files and folders to take in.")]
SourceFolders = Annotated[
    list[str] | None,
    typer.Option("--source", help="NAME=FOLDER: the files of FOLDER come from the source NAME. Repeatable."),
]
Databases = Annotated[
    list[str] | None,
    typer.Option(
        "--database",
        help="NAME=VARIABLE: the environment variable with the SQLAlchemy URL of the source NAME's database. "
        "Repeatable.",
    ),
]
ReportFile = Annotated[
    Path | None, typer.Option("--report", help="Write what became of each record to this file, as JSON lines.")
]
Watching = Annotated[bool, typer.Option("--watch", help="Go on: take in files as they come, each when it is complete.")]
MoveTo = Annotated[
    Path | None, typer.Option("--move-to", help="With --watch: move a file there when it has been taken in.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read, map, check and report everything, store nothing.")]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", min=1, help="Processes that prepare; one a core when the files are large enough."),
]
Explained = Annotated[
    str | None,
    typer.Option("--explain", metavar="RECORD", help="Show how each element of a record's resources comes to be."),
]
Replay = Annotated[
    bool,
    typer.Option("--replay", help="Take the quarantined records in again instead; files named are only looked up."),
]
ALONE = {
    "--watch": ("--database", "--report", "--dry-run", "--jobs", "--explain", "--replay"),
    "--database": ("--jobs", "--explain", "--replay"),
}
"""Options that do not go together."""


@with_settings("store", "mappings")
def intake(
    settings: Settings,
    paths: Paths = None,
    source: SourceFolders = None,
    database: Databases = None,
    report: ReportFile = None,
    watch: Watching = False,
    move_to: MoveTo = None,
    dry_run: DryRun = False,
    jobs: Jobs = None,
    explain: Explained = None,
    replay: Replay = False,
) -> None:
    """Take in legacy files through their mapping files.

    A file belongs to the source whose folder name it lies under (mappings/NAME), or that --source names. Every record
    ends as stored, unchanged, quarantined or rejected; taking the same file in again stores nothing. The server may run
    meanwhile. After a mapping was mended, --replay takes in what it had put into quarantine; a mapping that looks rows
    up in other files of its source needs their folder again. --dry-run tells beforehand what would become of each
    record. --explain takes the number or the key (BRID=10001) of a record and shows its values: it is for whoever mends
    the mapping, and stores nothing.
    Archives (.zip, .tar, .tar.gz, .gz) are read like the files in them. --watch looks every two seconds; a file that is
    as it was at the last look is complete, and is remembered by its content, or moved away with --move-to.
    Exit code: 0 every file was read, 1 a file could not be read or has no mapping, 2 it could not be tried.
    """
    from countyfhir.cli.taking_in import sources, take_in_databases

    given = {"--watch": watch, "--database": database, "--report": report, "--dry-run": dry_run, "--jobs": jobs}
    together({**given, "--explain": explain, "--replay": replay})
    known = sources(settings)
    named = dict(folder_of(text, {each.name for each in known}) for text in source or ())
    if missing := [str(path) for path in [*(paths or ()), *named.values()] if not path.exists()]:
        stop(*(f"{path}: there is no such file or folder" for path in missing))
    if watch:
        from countyfhir.cli.watching import watch as go_on

        go_on(settings, known, paths or [], named, move_to)
    elif move_to is not None:
        stop("--move-to is for --watch")
    elif database:
        urls = dict(address_of(text, {each.name for each in known}) for text in database)
        taken = take_in_databases(settings, known, urls, (paths or [], named), report, dry_run=dry_run)
        finished(taken, dry_run=dry_run)
    else:
        take_files(settings, known, (paths or [], named), Wish(report, dry_run, jobs, explain, replay))


def together(given: dict[str, Any]) -> None:
    """Refuse options of which one would go unheard."""
    for option, others in ALONE.items():
        if given[option] and (also := [name for name in others if given[name]]):
            stop(f"{option} and {also[0]} do not go together")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done with files."""

    report: Path | None
    dry_run: bool
    jobs: int | None
    explain: str | None
    replay: bool


def take_files(
    settings: Settings, known: Sequence[Source], given: tuple[Sequence[Path], dict[str, Path]], wish: Wish
) -> None:
    """Take in the files below paths and named folders, those in archives too."""
    from countyfhir.cli.explaining import print_explained
    from countyfhir.cli.taking_in import take_in, take_in_again
    from countyfhir.intake.archives import discover_unpacked

    paths, named = given
    with tempfile.TemporaryDirectory(prefix="countyfhir-") as folder:
        inputs = discover_unpacked(paths, known, named, Path(folder).resolve())
        if wish.explain is not None:
            print_explained(inputs, wish.explain)
            return
        if wish.replay:
            folders = {one.mapping.source: one.path.parent for one in inputs.inputs} | named
            taken = take_in_again(settings, known, folders, wish.report, dry_run=wish.dry_run)
        elif inputs.inputs:
            taken = take_in(settings, inputs, wish.report, dry_run=wish.dry_run, jobs=wish.jobs)
        else:
            stop("No file there belongs to a known source; the sources are " + ", ".join(each.name for each in known))
        finished(taken, dry_run=wish.dry_run)


def finished(taken: Report, *, dry_run: bool) -> None:
    """Print the report; leave with 1 when something could not be read."""
    from countyfhir.cli.taking_in import print_report

    if dry_run:
        typer.echo("Rehearsal: nothing was stored.")
    print_report(taken)
    if taken.unmatched or any(one.problem for one in taken.files):
        raise typer.Exit(FOUND_PROBLEMS)


def folder_of(text: str, known: set[str]) -> tuple[str, Path]:
    """NAME=FOLDER as a pair; one line and the end when it is neither."""
    name, equals, folder = text.partition("=")
    if not equals or not folder:
        stop(f"--source {text}: write NAME=FOLDER")
    if name not in known:
        stop(f"--source {text}: the sources are {', '.join(sorted(known))}")
    return name, Path(folder)


def address_of(text: str, known: set[str]) -> tuple[str, str]:
    """NAME=VARIABLE as a source and the address that the variable holds; one line and the end when it does not. The
    address holds a password: it is never on the command line, in a mapping or in a message."""
    name, _, variable = text.partition("=")
    if name not in known:
        stop(f"--database {name}: the sources are {', '.join(sorted(known))}")
    if not variable.isidentifier() or not os.environ.get(variable):
        stop(f"--database {name}: write {name}=VARIABLE, an environment variable that holds the SQLAlchemy URL")
    return name, os.environ[variable]
