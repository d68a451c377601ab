"""``countyfhir persons``: the index of persons, made anew, and its review queue (docs/persons.md)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.opening import in_world
from countyfhir.cli.options import stop, with_settings
from countyfhir.settings import Settings

BATCH = 500
QUEUED = ("person-review", "person-orphan")


def add(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    group = typer.Typer(no_args_is_help=True)
    for command in (rebuild, review, link, unlink):
        group.command(command.__name__)(command)
    app.add_typer(group, name="persons", help=COMMANDS["persons"])


@with_settings("store", "person_rules", check=False)
def rebuild(settings: Settings) -> None:
    """Compare all Patients anew and link what belongs together by the present rules.

    Needed after a change of the rules. Decisions of humans and merges stay. The server may run meanwhile; when it was
    stopped, start it again: it writes only what is different.
    """
    _check(settings)
    looked, changed = in_world(settings, _rebuilt)
    typer.echo(f"{looked} records looked at, {changed} resources are different now")


@with_settings("store", check=False)
def review(settings: Settings) -> None:
    """List what waits for a human: the two records of each question, the score and by what they agree.

    Decide with `countyfhir persons link A B` or `countyfhir persons unlink A B`, or over REST with $link and $unlink.
    """
    rows = in_world(settings, _waiting)
    for row in rows:
        typer.echo("  ".join(row))
    typer.echo(f"{len(rows)} waiting", err=True)


@with_settings("store", "person_rules", check=False)
def link(
    settings: Settings,
    one: Annotated[str, typer.Argument(help="Logical id of a Patient.")],
    other: Annotated[str, typer.Argument(help="Logical id of another.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take that back.")] = False,
) -> None:
    """Say that two records are of one person."""
    _said("$link", settings, one, other, undo)


@with_settings("store", "person_rules", check=False)
def unlink(
    settings: Settings,
    one: Annotated[str, typer.Argument(help="Logical id of a Patient.")],
    other: Annotated[str, typer.Argument(help="Logical id of another.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take that back.")] = False,
) -> None:
    """Say that two records are of two people; ends a merge, too."""
    _said("$unlink", settings, one, other, undo)


def _check(settings: Settings) -> None:
    if settings.person_index == "off":
        stop("person_index is off: there is no index of persons")


def _said(operation: str, settings: Settings, one: str, other: str, undo: bool) -> None:
    from countyfhir.exchange import SYSTEM, Interaction

    _check(settings)
    parameters: list[dict[str, Any]] = [
        {"name": name, "valueReference": {"reference": f"Patient/{each}"}}
        for name, each in (("source-patient", one), ("target-patient", other))
    ]
    body = {"resourceType": "Parameters", "parameter": [*parameters, {"name": "undo", "valueBoolean": undo}]}
    asked = Interaction("operation", "Patient", operation=operation, body=body, principal=SYSTEM, http_method="POST")
    answer = in_world(settings, lambda opened: opened.perform(asked))
    outcome = next(each["resource"] for each in answer.body["parameter"] if each["name"] == "outcome")
    for issue in outcome["issue"]:
        typer.echo(issue["diagnostics"])


async def _rebuilt(opened: Any) -> tuple[int, int]:
    """All Patients in batches; only a golden record is passed over."""
    from dataclasses import replace

    from countyfhir.identity.golden_ids import is_golden
    from countyfhir.interactions.persons import index
    from countyfhir.search.query import Query, Sort

    query, looked, changed = Query(("Patient",), (), (Sort("_id", "token"),), count=BATCH), 0, 0
    while True:
        page = await opened.store.resources.search(query)
        patients = [one for one in page.matches if not is_golden(one.logical_id)]
        changed += len(await index.take(patients, opened.world))
        looked += len(patients)
        if page.cursor is None:
            return looked, changed
        query = replace(query, cursor=page.cursor)


async def _waiting(opened: Any) -> list[tuple[str, ...]]:
    from dataclasses import replace

    from countyfhir.interactions.persons.reviews import TASKS
    from countyfhir.model import json
    from countyfhir.search.query import Query, Sort, TokenIs

    where = (tuple(TokenIs("code", TASKS, kind) for kind in QUEUED), (TokenIs("status", None, "requested"),))
    query, rows = Query(("Task",), where, (Sort("_id", "token"),), count=BATCH), []
    while True:
        page = await opened.store.resources.search(query)
        for one in page.matches:
            task = json.parse(one.body)
            values = [value for each in task.get("input", ()) for name, value in each.items() if name != "type"]
            told = [str(value["reference"] if isinstance(value, dict) else value) for value in values]
            rows.append((task["code"]["coding"][0]["code"], *(told or [task["focus"]["reference"]])))
        if page.cursor is None:
            return rows
        query = replace(query, cursor=page.cursor)
