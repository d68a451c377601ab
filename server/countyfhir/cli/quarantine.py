"""``countyfhir quarantine``: the legacy records that wait for a person. Every look is recorded in the audit log."""

from __future__ import annotations

import base64
import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.opening import in_world
from countyfhir.cli.options import FOUND_PROBLEMS, stop, with_settings
from countyfhir.settings import Settings

Part = dict[str, Any]


def add(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_records)
    group.command("show")(show)
    group.command("replay")(replay)
    group.command("discard")(discard)
    app.add_typer(group, name="quarantine", help=COMMANDS["quarantine"])


@with_settings("store")
def list_records(
    settings: Settings,
    mapping: Annotated[str | None, typer.Option("--mapping", help="Only records of this mapping.")] = None,
) -> None:
    """List what lies in quarantine: number, mapping, file, record, key and issues; never a value."""
    pairs: list[tuple[str, str]] = [("mapping", mapping)] if mapping else []
    after: list[tuple[str, str]] = []
    while True:
        told = asked(settings, "$quarantine", [*pairs, *after, ("_count", "1000")])
        for record in (one["part"] for one in told if one["name"] == "record"):
            typer.echo(line(record))
        more = value_of(told, "after")
        if more is None:
            return
        after = [("after", str(more))]


@with_settings("store")
def show(
    settings: Settings,
    number: Annotated[int, typer.Argument(help="The number that list shows.")],
) -> None:
    """Show one record: its issues, and the raw record as it was read."""
    (record,) = (one["part"] for one in asked(settings, "$quarantine-record", [("id", str(number))]))
    typer.echo(line(record))
    for name in ("mapping-version", "file-digest", "recorded"):
        typer.echo(f"  {name}: {value_of(record, name)}")
    for issue in (part["part"] for part in record if part["name"] == "issue"):
        typer.echo("  " + " ".join(str(one["valueString"]) for one in issue))
    typer.echo(base64.b64decode(value_of(record, "raw") or "").decode("utf-8", "replace"))


@with_settings("store", "mappings")
def replay(
    settings: Settings,
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Numbers that list shows; all when none is named.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", help="NAME=FOLDER: where the files lie that records of NAME are looked up in."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write what became of each record, as JSON lines.")
    ] = None,
) -> None:
    """Take records through their mappings again, after a mapping was mended. What is stored leaves the quarantine."""
    from countyfhir.cli.intake import folder_of
    from countyfhir.cli.taking_in import print_report, sources, take_in_again

    known = sources(settings)
    folders = dict(folder_of(text, {each.name for each in known}) for text in source or ())
    for number in numbers or ():
        asked(settings, "$quarantine-record", [("id", str(number))])
    taken = take_in_again(settings, known, folders, report, places=numbers or ())
    print_report(taken)
    if any(one.problem for one in taken.files):
        raise typer.Exit(FOUND_PROBLEMS)


@with_settings("store")
def discard(
    settings: Settings,
    number: Annotated[int, typer.Argument(help="The number that list shows.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with your name and the time.")],
) -> None:
    """Give a record up: it leaves the quarantine without being stored, and does not come back."""
    asked(settings, "$quarantine-discard", [("id", str(number)), ("reason", reason)], "POST")
    typer.echo(f"Record {number} was discarded.")


def asked(settings: Settings, operation: str, query: list[tuple[str, str]], method: str = "GET") -> list[Part]:
    """The parameters that an operation answers; recorded in the audit log like a call over REST."""
    from countyfhir.audit.record import record_of
    from countyfhir.exchange import LOCAL, Interaction, changed
    from countyfhir.outcome import FhirError

    caller = changed(LOCAL, name=f"cli:{getpass.getuser()}")
    interaction = Interaction(
        "operation", operation=operation, query=tuple(query), principal=caller, http_method=method
    )

    async def perform(opened: Any) -> list[Part]:
        status = 200
        try:
            answer = await opened.perform(interaction)
            return list(answer.body.get("parameter", []))
        except FhirError as error:
            status = error.status
            raise
        finally:
            await opened.world.audit((record_of(interaction, opened.world.now(), status),))

    try:
        return in_world(settings, perform)
    except FhirError as error:
        stop(*(issue.diagnostics for issue in error.issues))


def value_of(parts: list[Part], name: str) -> Any:
    """The value of the first part of that name."""
    found = next((part for part in parts if part["name"] == name), {})
    return next((value for key, value in found.items() if key.startswith("value")), None)


def line(record: list[Part]) -> str:
    """One record in one line."""
    issues = [part["part"] for part in record if part["name"] == "issue"]
    told = sorted({" ".join(filter(None, (value_of(one, "code"), value_of(one, "column")))) for one in issues})
    where = f"{value_of(record, 'file')} record {value_of(record, 'number')}"
    shown = (
        value_of(record, "id"),
        value_of(record, "mapping"),
        where,
        value_of(record, "key") or "-",
        "; ".join(told),
    )
    return "  ".join(str(part) for part in shown)
