"""``countyfhir doctor``: what is wrong with a set-up, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import FOUND_PROBLEMS, with_settings
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.cli.checks.finding import Finding

SIGNS = {"good": "[green]good[/green]", "note": "[yellow]note[/yellow]", "bad": "[red]bad [/red]"}


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("doctor", help=COMMANDS["doctor"])(doctor)


@with_settings("store", check=False)
def doctor(
    settings: Settings,
    deep: Annotated[bool, typer.Option("--deep", help="Read the whole store and check it; may take minutes.")] = False,
) -> None:
    """Say what is wrong with this installation, its settings and its store.

    Nothing is changed. Give it the flags and variables that the server gets. Exit code: 0 nothing is wrong (notes may
    be), 1 something is, 2 a setting could not be read.
    """
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    findings = examine(settings, deep=deep)
    for finding in findings:
        console.print(f"{SIGNS[finding.level]}  {escape(finding.subject)}: {escape(finding.text)}")
        if finding.mend:
            console.print(f"      -> {escape(finding.mend)}")
    if any(finding.level == "bad" for finding in findings):
        raise typer.Exit(FOUND_PROBLEMS)


def examine(settings: Settings, *, deep: bool = False) -> list[Finding]:
    """Every check, in the order in which a person would mend what they find."""
    from countyfhir.cli.checks import machine, messages, stored

    single = (
        machine.python,
        machine.sqlite,
        machine.folders,
        machine.terminology,
        machine.clock,
        machine.settings_agree,
        machine.security,
        machine.disk,
        machine.port,
        messages.listener,
    )
    return [*(check(settings) for check in single), *stored.store(settings, deep=deep)]
