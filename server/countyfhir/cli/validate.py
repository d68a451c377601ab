"""``countyfhir validate``: files against the R4 definitions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import FOUND_PROBLEMS, stop
from countyfhir.outcome import FhirError, Issue


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("validate", help=COMMANDS["validate"])(validate)


def validate(
    sources: Annotated[
        list[Path],
        typer.Argument(help="Files (.json, .ndjson, .jsonl, .xml, each also with .gz) and folders of such files."),
    ],
) -> None:
    """Check files against the R4 definitions, without storing anything.

    Checked are the structural rules: names, types, cardinality, choice types, formats, required bindings. Each problem
    is one line: file, place, severity, FHIRPath, what is wrong. Exit code: 0 no error, 1 errors, 2 could not be tried.
    """
    from countyfhir.cli.loading.files import find
    from countyfhir.validation import structure

    files, problems = find(sources)
    if problems:
        stop(*problems)
    checked = faulty = 0
    for file in files:
        for place, parsed in resources(file):
            checked += 1
            issues = list(parsed) if isinstance(parsed, tuple) else structure.check(parsed)
            faulty += any(issue.severity in ("error", "fatal") for issue in issues)
            for issue in issues:
                typer.echo(line(file, place, issue))
    typer.echo(f"{checked} checked, {faulty} with errors", err=True)
    if faulty:
        raise typer.Exit(FOUND_PROBLEMS)


def resources(file: Path) -> Iterator[tuple[str, dict[str, Any] | tuple[Issue, ...]]]:
    """Each resource of the file with its place, or the issues for which it cannot be read."""
    from countyfhir.cli.loading.files import READ_ERRORS, has_lines, is_xml, texts
    from countyfhir.model import json, xml

    parse = xml.parse if is_xml(file) else json.parse
    try:
        for index, text, _ in texts(file):
            if text.strip():
                place = f"line {index + 1}" if has_lines(file) else ""
                try:
                    yield place, parse(text)
                except FhirError as error:
                    yield place, error.issues
    except READ_ERRORS as error:
        yield "", (Issue("structure", f"The file cannot be read to its end: {error}"),)


def line(file: Path, place: str, issue: Issue) -> str:
    """One problem for people."""
    spot = f", line {issue.line}, column {issue.column or 1}" if issue.line is not None and not place else ""
    where = f" {', '.join(issue.expression)}:" if issue.expression else ""
    return f"{file}{', ' if place else ''}{place}{spot}: {issue.severity}:{where} {issue.diagnostics}"
