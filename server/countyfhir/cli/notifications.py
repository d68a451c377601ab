"""``countyfhir notifications``: what waits to be delivered to subscribers, and what was given up."""

from __future__ import annotations

from typing import Annotated

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import with_settings
from countyfhir.cli.quarantine import Part, asked, value_of
from countyfhir.settings import Settings

Chosen = Annotated[list[int] | None, typer.Argument(help="Numbers that dead shows; all when none is named.")]
Of = Annotated[str, typer.Option("--subscription", help="The id of the Subscription.")]
Only = Annotated[str | None, typer.Option("--subscription", help="Only those of this Subscription.")]


def add(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_waiting)
    group.command("dead")(dead)
    group.command("replay")(replay)
    group.command("discard")(discard)
    app.add_typer(group, name="notifications", help=COMMANDS["notifications"])


@with_settings("store")
def list_waiting(settings: Settings, subscription: Only = None) -> None:
    """List what is still to be delivered: Subscription, number, resource, change, since when."""
    _print(settings, "waiting", subscription)


@with_settings("store")
def dead(settings: Settings, subscription: Only = None) -> None:
    """List what was given up: Subscription, number, resource, change, since when, why."""
    _print(settings, "dead", subscription)


@with_settings("store")
def replay(settings: Settings, subscription: Of, numbers: Chosen = None) -> None:
    """Have dead letters of a Subscription delivered after all, in their order; a running server begins at once."""
    told = asked(settings, "$notifications-replay", _of(subscription, numbers), "POST")
    typer.echo(f"{value_of(told, 'moved')} notifications wait again.")


@with_settings("store")
def discard(
    settings: Settings,
    subscription: Of,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with them.")],
    numbers: Chosen = None,
) -> None:
    """Give dead letters of a Subscription up for good."""
    asking = [*_of(subscription, numbers), ("reason", reason)]
    told = asked(settings, "$notifications-discard", asking, "POST")
    typer.echo(f"{value_of(told, 'moved')} notifications were discarded.")


def _of(subscription: str, numbers: list[int] | None) -> list[tuple[str, str]]:
    return [("subscription", subscription), *(("number", str(one)) for one in numbers or ())]


def _print(settings: Settings, state: str, subscription: str | None) -> None:
    pairs = [("state", state), *([("subscription", subscription)] if subscription else [])]
    after: list[tuple[str, str]] = []
    while True:
        told = asked(settings, "$notifications", [*pairs, *after, ("_count", "1000")])
        for one in (part["part"] for part in told if part["name"] == "notification"):
            typer.echo(_line(one))
        more = value_of(told, "after")
        if more is None:
            return
        after = [("after", str(more))]


def _line(one: list[Part]) -> str:
    names = ("subscription", "number", "resource", "change", "recorded", "reason")
    return "  ".join(str(value) for name in names if (value := value_of(one, name)) is not None)
