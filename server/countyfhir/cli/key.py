"""``countyfhir key``: API keys, kept hashed in the store (DESIGN decision 12)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from countyfhir.access import keys
from countyfhir.cli import COMMANDS
from countyfhir.cli.opening import in_world
from countyfhir.cli.options import FOUND_PROBLEMS, stop, with_settings
from countyfhir.settings import Settings

MICROSECONDS = 1_000_000

DAY = len("2027-01-31")
FOLDED = ("name", "organization", "roles", "scopes")
"""Columns that take several lines where the screen is narrow."""


def add(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    group = typer.Typer(no_args_is_help=True)
    group.command("create")(create)
    group.command("list")(list_keys)
    group.command("revoke")(revoke)
    app.add_typer(group, name="key", help=COMMANDS["key"])


@with_settings("store", check=False)
def create(
    settings: Settings,
    name: Annotated[str, typer.Argument(help="Who uses the key, for example lis-centre.")],
    scope: Annotated[
        list[str], typer.Option("--scope", help="What it may, in SMART v2 syntax: system/Patient.rs. Repeatable.")
    ],
    organization: Annotated[str, typer.Option("--organization", help="The one Organization it acts for (logical id).")],
    role: Annotated[list[str] | None, typer.Option("--role", help="A role of its user. Repeatable.")] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="Last moment: 2027-01-31, 2027-01-31T12:00:00+08:00, or 90d.")
    ] = None,
) -> None:
    """Make an API key. The secret is printed once and kept nowhere; callers send it as Authorization: Bearer SECRET."""
    until = None if expires is None else instant(expires, settings)

    async def made(world: Any) -> tuple[str, Any]:
        return await keys.create(
            world.store.keys, name=name, organization=organization, scopes=scope, roles=role or (), expires=until
        )

    secret, key = in_world(settings, made)
    typer.echo(secret)
    typer.echo(f"Key {key.key_id} for {name}; this is the only time that the secret is shown.", err=True)


@with_settings("store", check=False)
def list_keys(settings: Settings) -> None:
    """List the API keys: never their secrets, which nobody has."""
    from rich.console import Console
    from rich.table import Table

    async def all_keys(world: Any) -> list[Any]:
        return list(await world.store.keys.all())

    table = Table(
        "id", "name", "organization", "roles", "scopes", "made", "expires", "state", box=None, padding=(0, 2, 0, 0)
    )
    for key in in_world(settings, all_keys):
        state = "revoked" if key.revoked else "expired" if key.expires and key.expires <= now() else "good"
        made, until = shown(key.created)[:DAY], shown(key.expires)[:DAY] if key.expires else "never"
        table.add_row(
            key.key_id, key.name, key.organization or "", " ".join(key.roles), " ".join(key.scopes), made, until, state
        )
    for column in table.columns:
        column.overflow = "fold"
        column.no_wrap = column.header not in FOLDED
    Console().print(table)


@with_settings("store", check=False)
def revoke(settings: Settings, key_id: Annotated[str, typer.Argument(help="The id that `key list` shows.")]) -> None:
    """Revoke an API key: it is refused from now on."""

    async def revoked(world: Any) -> bool:
        return bool(await world.store.keys.revoke(key_id))

    if not in_world(settings, revoked):
        stop(f"There is no key {key_id} that could be revoked; `countyfhir key list` shows all.", code=FOUND_PROBLEMS)
    typer.echo(f"Key {key_id} is revoked.")


def now() -> int:
    """The time in microseconds since 1970-01-01T00:00Z."""
    return int(datetime.now(UTC).timestamp() * MICROSECONDS)


def instant(text: str, settings: Settings) -> int:
    """A day (its end), an instant, or a number of days from now such as 90d, in microseconds since 1970."""
    from zoneinfo import ZoneInfo

    if days := re.fullmatch(r"(\d{1,5})d", text):
        return now() + int(days[1]) * 86_400 * MICROSECONDS
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        stop(f"--expires {text}: write a day (2027-01-31), an instant (2027-01-31T12:00:00+08:00) or days (90d)")
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        moment += timedelta(days=1)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(settings.time_zone))
    return int(moment.timestamp() * MICROSECONDS)


def shown(instant_in_microseconds: int) -> str:
    """An instant for people, in local time."""
    moment = datetime.fromtimestamp(instant_in_microseconds / MICROSECONDS, UTC).astimezone()
    return moment.isoformat(sep=" ", timespec="minutes")
