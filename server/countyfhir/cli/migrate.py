"""``countyfhir migrate``: everything from one store to another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.options import stop, with_settings
from countyfhir.cli.unswept import unswept
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.store.copying import Sum


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("migrate", help=COMMANDS["migrate"])(migrate)


@with_settings("time_zone", "base_url", check=False)
def migrate(
    settings: Settings,
    source: Annotated[str, typer.Option("--from", help="Store to read: sqlite:PATH or mongodb://HOST/DATABASE.")],
    target: Annotated[str, typer.Option("--to", help="Store to fill; empty, or begun by an earlier migrate.")],
) -> None:
    """Copy everything from one store to another: resources with their history, audit records, keys, ledger, jobs.

    Stop the server first: what is written meanwhile would be found missing at the end. It may be stopped and started
    again and goes on where it was. At the end both stores are read and compared by count and hash.
    """
    from countyfhir.cli.reindex import followed

    both = [_settings(settings, place) for place in (source, target)]
    if both[0].store == both[1].store:
        stop("--from and --to name the same store")
    if both[0].sqlite_path is not None and not both[0].sqlite_path.exists():
        stop(f"{both[0].sqlite_path}: there is no store")
    with unswept():
        from countyfhir.app import open_world

    async def copied() -> list[dict[str, Sum]]:
        await _copy(*both)
        async with open_world(both[1]) as opened:
            done = await followed(opened.world, None)
        typer.echo(f"{done['checked']} resources indexed")
        return await _compared(*both)

    found, made = asyncio.run(copied())
    for name, its in found.items():
        typer.echo(
            f"{name}: {its.count}, SHA-256 {its.digest[:16]}: {'the same' if made[name] == its else 'DIFFERENT'}"
        )
    if different := [name for name, its in found.items() if made[name] != its]:
        stop(f"{', '.join(different)} differ: was the source written meanwhile? Run the command again", code=1)


def _settings(settings: Settings, place: str) -> Settings:
    from pydantic import ValidationError

    try:
        return Settings(**(settings.model_dump() | {"store": place, "audit": "off"}))
    except ValidationError:
        stop(f"{place.partition('://')[0]}: must be sqlite:PATH or mongodb://HOST/DATABASE")


async def _open(settings: Settings) -> Any:
    from countyfhir.app import open_store

    return await open_store(settings)


async def _copy(source: Settings, target: Settings) -> None:
    from countyfhir.store import copying

    left, right = await _open(source), await _open(target)
    try:
        await copying.copy(left.copying(), right.copying(), _told)
    finally:
        await left.close()
        await right.close()


async def _compared(source: Settings, target: Settings) -> list[dict[str, Sum]]:
    from countyfhir.store import copying

    found = []
    for each in (source, target):
        store = await _open(each)
        try:
            found.append(await copying.sums(store.copying(), _told))
        finally:
            await store.close()
    for its in found:
        del its["job"]  # the target has a job of its own, that of its index
    return found


def _told(what: str, count: int) -> None:
    """A line for every ten thousand, on the side of the screen."""
    if count % 10_000 < 500 and count >= 10_000:
        typer.echo(f"{what}: {count}", err=True)
