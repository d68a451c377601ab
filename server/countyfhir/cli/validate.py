"""``countyfhir validate``: files against R4 and profiles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import FOUND_PROBLEMS, stop
from countyfhir.outcome import Issue

if TYPE_CHECKING:
    from countyfhir.cli.validating.inputs import Text

SEVERITIES = ("error", "warning", "information")


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("validate", help=COMMANDS["validate"])(validate)


def validate(
    sources: Annotated[
        list[Path],
        typer.Argument(help="Files (.json, .ndjson, .jsonl, .xml, each also with .gz) and folders of such files."),
    ],
    profile: Annotated[
        list[str] | None, typer.Option(help="Canonical of a profile that every resource must conform to; may repeat.")
    ] = None,
    profiles: Annotated[list[Path] | None, typer.Option(help="Folder of further profiles; may repeat.")] = None,
    terminology: Annotated[
        list[Path] | None, typer.Option(help="Folder of further code systems and value sets; may repeat.")
    ] = None,
    least: Annotated[
        str, typer.Option(help="Least severity that is printed: error, warning or information. Reports hold all.")
    ] = "error",
    json_report: Annotated[
        Path | None, typer.Option("--json", help="Write a report for machines to this file.")
    ] = None,
    html_report: Annotated[Path | None, typer.Option("--html", help="Write a report for people to this file.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes that share the work.", min=1, max=64)] = 1,
    structure: Annotated[bool, typer.Option("--structure", help="Check the structural rules only.")] = False,
) -> None:
    """Check files against the R4 definitions and profiles, without storing anything.

    A file holds a resource, an array of resources, or one on each line. Checked is everything: structure, invariants,
    bindings, bundles, claimed profiles. Each problem is one line: file, place, severity, FHIRPath, what is wrong. Exit
    code: 0 no error, 1 errors, 2 could not be tried.
    """
    from countyfhir.cli.loading.files import find
    from countyfhir.cli.validating.judging import Demand, judged
    from countyfhir.cli.validating.reports import HtmlReport, JsonReport, Tally

    files, problems = find(sources)
    problems += [
        f"{folder}: there is no such folder" for folder in (profiles or []) + (terminology or []) if not folder.is_dir()
    ]
    problems += [] if least in SEVERITIES else [f"--least must be one of {', '.join(SEVERITIES)}"]
    if problems:
        stop(*problems)
    demand = Demand(tuple(profile or ()), tuple(profiles or ()), tuple(terminology or ()), structure)
    reports = [JsonReport(json_report)] if json_report else []
    reports += [HtmlReport(html_report)] if html_report else []  # type: ignore[list-item]
    tally, shown = Tally(), SEVERITIES[: SEVERITIES.index(least) + 1]
    for text, issues in judged(with_progress(files), demand, jobs):
        tally.count(issues)
        for report in reports:
            report.add(text, issues)
        for issue in issues:
            if issue.severity in shown or issue.severity == "fatal":
                typer.echo(line(text.file, text.place, issue))
    for report in reports:
        report.close(tally)
    typer.echo(tally.line(), err=True)
    if tally.with_errors:
        raise typer.Exit(FOUND_PROBLEMS)


def with_progress(files: list[Path]) -> Iterator[Text]:
    """The texts of all files; on a terminal a bar shows how much of their bytes has been read."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from countyfhir.cli.validating.inputs import read

    console = Console(stderr=True)
    sizes = [file.stat().st_size for file in files]
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        bar, done = progress.add_task("validating", total=sum(sizes)), 0
        for file, size in zip(files, sizes, strict=True):
            for number, text in enumerate(read(file)):
                if number % 100 == 0:
                    progress.update(bar, completed=done + text.offset, description=f"validating {file.name}")
                yield text
            done += size
            progress.update(bar, completed=done)


def line(file: Path, place: str, issue: Issue) -> str:
    """One problem for people."""
    spot = f", line {issue.line}, column {issue.column or 1}" if issue.line is not None and not place else ""
    where = f" {', '.join(issue.expression)}:" if issue.expression else ""
    return f"{file}{', ' if place else ''}{place}{spot}: {issue.severity}:{where} {issue.diagnostics}"
