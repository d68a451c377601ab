"""Legacy files into the record, with a progress bar and a table of what became of each record."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from countyfhir import shipped
from countyfhir.cli.opening import in_world
from countyfhir.cli.options import stop
from countyfhir.exchange import Answer, Interaction
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.intake.ahead import Ahead
    from countyfhir.intake.desk import Desk, Progress
    from countyfhir.intake.inputs import Inputs
    from countyfhir.intake.report import RecordOutcome, Report
    from countyfhir.mapping import Source

COLUMNS = ("file", "read", "stored", "unchanged", "quarantined", "rejected")


def sources(settings: Settings) -> tuple[Source, ...]:
    """Every source of the shipped and the operator's mapping folders; one line and the end for a wrong mapping file."""
    from countyfhir.mapping import MappingError, load_all

    try:
        return load_all(shipped.folders("mappings", settings.mappings))
    except MappingError as error:
        stop(str(error))


def take_in(
    settings: Settings,
    inputs: Inputs,
    report: Path | None = None,
    *,
    dry_run: bool = False,
    jobs: int | None = None,
) -> Report:
    """Take the inputs in, straight into the store of the settings; ``report`` gets a JSON line for each record.
    ``dry_run`` does all but storing; ``jobs`` processes map
    and prepare what is stored."""
    from countyfhir.cli.preparing import jobs_for, preparing
    from countyfhir.intake.run import run

    size = sum({one.path: one.path.stat().st_size for one in inputs.inputs}.values())
    mappings = {one.mapping.name: one.mapping for one in inputs.inputs}
    with preparing(settings, mappings, 1 if dry_run else jobs_for(size, jobs)) as ahead:
        return _at_desk(settings, report, lambda desk: run(inputs, with_workers(desk, ahead)), dry_run)


def with_workers(desk: Desk, ahead: Ahead | None) -> Desk:
    """The desk, with processes that map and prepare for it."""
    return desk if ahead is None else replace(desk, ahead=ahead)


def take_in_databases(
    settings: Settings,
    known: Sequence[Source],
    databases: dict[str, str],
    files: tuple[Sequence[Path], dict[str, Path]],
    report: Path | None = None,
    *,
    dry_run: bool = False,
) -> Report:
    """Take in the views of databases (source -> URL), and files (paths, folders by source) with them."""
    from countyfhir.intake.database import take_databases

    paths, named = files
    with tempfile.TemporaryDirectory(prefix="countyfhir-") as name:
        folder = Path(name).resolve()
        return _at_desk(
            settings, report, lambda desk: take_databases(databases, paths, known, named, desk, folder), dry_run
        )


def take_in_again(
    settings: Settings,
    known: Sequence[Source],
    folders: dict[str, Path],
    report: Path | None = None,
    *,
    dry_run: bool = False,
    places: Sequence[int] = (),
) -> Report:
    """Take the quarantined records in again (those at ``places``; all when none are named), through the mappings as
    they are now; ``folders`` says where a source's files lie, for lookups."""
    from countyfhir.intake.replay import replay

    return _at_desk(settings, report, lambda desk: replay(known, desk, folders, places), dry_run)


def _at_desk(settings: Settings, lines: Path | None, work: Callable[[Desk], Any], dry_run: bool) -> Report:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as ProgressBars

    from countyfhir.intake.desk import Desk

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    out = lines.open("w", encoding="utf-8") if lines else None
    try:
        with ProgressBars(*columns, console=Console(stderr=True), transient=True) as bars:
            show, note = _shown(bars), _noted(out)

            async def at_desk(opened: Any) -> Report:
                if not dry_run:
                    return cast("Report", await work(Desk(opened.store.intake, _door(opened), show, note)))
                async with _rehearsed(opened) as (ledger, write):
                    return cast("Report", await work(Desk(ledger, write, show, note)))

            return in_world(settings, at_desk)
    finally:
        if out is not None:
            out.close()


def _door(opened: Any) -> Callable[[Sequence[Interaction]], Any]:
    """The one door."""

    async def write(interactions: Sequence[Interaction]) -> list[Answer]:
        return [await opened.perform(interaction) for interaction in interactions]

    return write


@asynccontextmanager
async def _rehearsed(opened: Any) -> AsyncIterator[tuple[Any, Callable[[Sequence[Interaction]], Any]]]:
    """A ledger that is thrown away, and a door that checks what comes and lets nothing through."""
    from countyfhir.exchange import Write
    from countyfhir.intake.dry_run import Rehearsal
    from countyfhir.interactions.prepare import prepared
    from countyfhir.store.sqlite import open as open_store

    with tempfile.TemporaryDirectory(prefix="countyfhir-") as folder:
        scratch = open_store(str(Path(folder) / "ledger.sqlite"))
        ledger = Rehearsal(opened.store.intake, scratch.intake)

        async def write(interactions: Sequence[Interaction]) -> list[Answer]:
            answers = []
            for one in interactions:
                if one.kind != "transaction":
                    answers.append(await opened.perform(one))
                    continue
                for resource in (entry["resource"] for entry in one.body["entry"] if "resource" in entry):
                    prepared(Write("PUT", resource["resourceType"], resource["id"], resource), one, opened.world)
                await ledger.append(one.account.ledger if one.account else ())
                answers.append(Answer())
            return answers

        try:
            yield ledger, write
        finally:
            await scratch.close()


def _shown(bars: Any) -> Callable[[Progress], None]:
    tasks: dict[str, Any] = {}

    def show(progress: Progress) -> None:
        if progress.file not in tasks:
            tasks[progress.file] = bars.add_task(progress.file)
        bars.update(tasks[progress.file], completed=progress.done, total=progress.total)

    return show


def _noted(out: TextIO | None) -> Callable[[RecordOutcome], None]:
    from countyfhir.intake.report import report_line

    def note(outcome: RecordOutcome) -> None:
        if out is not None:
            out.write(json.dumps(report_line(outcome), ensure_ascii=False) + "\n")

    return note


def print_report(report: Report) -> None:
    """The table of files, the issues that were met, and the files that no mapping is for."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    table = Table(*COLUMNS, box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.columns[0].overflow = "fold"
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    *rows, total = report.rows()
    before = None
    for name, *counts in rows:
        source, _, file = name.rpartition("/")
        if source and source != before:
            table.add_row(source)
        before = source
        table.add_row(f"  {file}" if source else file, *map(str, counts))
    table.add_section()
    table.add_row(*map(str, total))
    console.print(table)
    for one in report.files:
        if one.problem:
            console.print(f"{one.file}: {one.problem}")
    if issues := _issues(report):
        console.print("What was met on the way:")
        console.print(issues)
    if report.unmatched:
        console.print("no mapping is for: " + ", ".join(_grouped(report.unmatched)))


def _issues(report: Report) -> Any:
    """A table of the issues: how often, code, what it means; None when there are none."""
    from rich.table import Table

    from countyfhir.mapping.finding import MEANINGS

    counts: dict[str, int] = {}
    for one in report.files:
        for (code, _), count in one.issues.items():
            counts[code] = counts.get(code, 0) + count
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    for code, count in sorted(counts.items()):
        table.add_row(str(count), code, MEANINGS.get(code, ""))
    return table if counts else None


FEW = 3  # files of one kind that are still listed by name


def _grouped(names: Sequence[str]) -> list[str]:
    """File names, many of one folder and ending as one pattern with their number."""
    kinds: dict[str, list[str]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        ending = file.rpartition(".")[2]
        kinds.setdefault(f"{folder}/*.{ending}" if folder else f"*.{ending}", []).append(name)
    listed = ([f"{pattern} ({len(own)} files)"] if len(own) > FEW else own for pattern, own in kinds.items())
    return [name for group in listed for name in group]
