"""``countyfhir terminology``: code systems that a county obtains itself, into the concept index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import FOUND_PROBLEMS, stop, with_settings
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.terminology.importing.kinds import Written
    from countyfhir.terminology.knowledge import Terminology


def add(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    group = typer.Typer(no_args_is_help=True)
    group.command("import")(import_)
    group.command("list")(list_)
    group.command("remove")(remove)
    app.add_typer(group, name="terminology", help=COMMANDS["terminology"])


@with_settings("store", "concept_index")
def import_(
    settings: Settings,
    source: Annotated[
        Path,
        typer.Argument(
            help="CSV or XLSX table, LOINC release (zip or folder), SNOMED CT RF2 snapshot (zip or folder), FHIR JSON."
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="icd10, icd9cm3, nhsa-drugs, nhsa-consumables, loinc, snomed, table, fhir; unset: what it looks like.",
        ),
    ] = None,
    system: Annotated[str | None, typer.Option("--system", help="Address (url) of the code system.")] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="Its version; unset: what the file says, for a list today's date.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Its title.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            help="What a column of a table is: code=NAME, display=, english=, definition=, parent=, inactive=, "
            "property:CODE=, designation:LANGUAGE=. Repeatable; usual names are known.",
        ),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="Encoding of a table; unset: UTF-8, else GB18030.")
    ] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", help="Sheet of a workbook; unset: the first.")] = None,
    language_refset: Annotated[
        str | None,
        typer.Option("--language-refset", help="SNOMED CT reference set that chooses displays; unset: US English."),
    ] = None,
) -> None:
    """Import a code system (or FHIR value sets and concept maps) into the concept index.

    The new content takes its place in one step when all of it is there; after a failure or a stop nothing has changed.
    The same address and version again is replaced; another version stands beside it, and the newest is used unless a
    request names one. Running servers on this host see it within a second. Exit code: 0 imported, 2 not tried.
    """
    from countyfhir.terminology.importing.kinds import bring_in
    from countyfhir.terminology.importing.order import ImportProblem, Order

    with in_index(settings) as terminology, progress() as tell:
        order = Order(source, system, version, title, columns(column or ()), encoding, sheet, language_refset, tell)
        try:
            written = bring_in(terminology, order, kind)
        except ImportProblem as error:
            stop(str(error))
    for one in written:
        typer.echo(line(one))
        for note in one.notes:
            typer.echo(f"  {note}", err=True)


@with_settings("store", "concept_index")
def list_(
    settings: Settings,
    everything: Annotated[
        bool, typer.Option("--all", help="Also R4's own content, and what a server took up from folders and REST.")
    ] = False,
) -> None:
    """List what was imported: kind, address and version, number of concepts in the index, where it came from."""
    from countyfhir.terminology import contents

    with in_index(settings) as terminology:
        if everything:
            contents.with_r4(terminology.database)
        for kind in contents.KINDS:
            for one in contents.all_of(terminology.database, kind):
                if everything or one.origin == "import":
                    concepts = f"{size(terminology, one.content_id)} concepts" if kind == "CodeSystem" else ""
                    typer.echo("\t".join((kind, f"{one.url}|{one.version}", concepts, one.origin)))


@with_settings("store", "concept_index")
def remove(
    settings: Settings,
    url: Annotated[str, typer.Argument(help="Address of the code system, value set or concept map.")],
    version: Annotated[
        str | None, typer.Option("--version", help="Only this version; unset: every imported one.")
    ] = None,
) -> None:
    """Remove what was imported under an address. Exit code: 0 removed, 1 there was nothing."""
    from countyfhir.terminology import contents

    with in_index(settings) as terminology:
        found = [
            one
            for kind in contents.KINDS
            for one in contents.of_url(terminology.database, kind, url)
            if one.origin == "import" and version in (None, one.version)
        ]
        for one in found:
            terminology.forget(one.kind, f"{one.url}|{one.version}", "import")
            typer.echo(f"{one.kind} {one.url}|{one.version} removed")
    if not found:
        typer.echo(f"nothing was imported under {url}", err=True)
        raise typer.Exit(FOUND_PROBLEMS)


@contextmanager
def in_index(settings: Settings) -> Iterator[Terminology]:
    """The concept index that the settings name."""
    from countyfhir import shipped
    from countyfhir.terminology.knowledge import open_terminology

    path = settings.concept_index_path
    if path is None:
        stop("With this store the concept index has no file: name one with --concept-index, for the server, too.")
    terminology = open_terminology(path, shipped.folders("terminology", settings.terminology))
    try:
        yield terminology
    finally:
        terminology.close()


@contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar over the bytes that are read."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    bars = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*bars, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("reading", total=None)

        def tell(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total, description="reading" if done < total else "indexing")

        yield tell


def columns(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    """``code=编码`` as (code, 编码)."""
    made = {}
    for one in given:
        role, equals, name = one.partition("=")
        if not equals or not role or not name:
            stop(f"--column {one}: expected ROLE=NAME, for example code=编码")
        made[role.strip()] = name.strip()
    return made


def line(one: Written) -> str:
    """One resource that is imported, for people."""
    counted = f", {one.concepts} concepts" if one.kind == "CodeSystem" else ""
    repeated = f", {one.repeated} rows repeat a code and were passed over" if one.repeated else ""
    return f"{one.kind} {one.url}|{one.version}{counted}{repeated}"


def size(terminology: Terminology, content: int) -> int:
    """The concepts of a code system that are in the index."""
    found = terminology.database.first("SELECT count(*) FROM concept WHERE system=?", (content,))
    return int(found[0]) if found else 0
