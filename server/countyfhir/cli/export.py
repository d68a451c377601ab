"""``countyfhir export``: every resource as NDJSON, as it is stored."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from countyfhir.cli import COMMANDS
from countyfhir.cli.opening import in_world
from countyfhir.cli.options import stop, with_settings
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.cli.published import R4Definitions
    from countyfhir.store.ports import ResourceStore

PAGE = 1000


def add(app: typer.Typer) -> None:
    """Put the command into the command line."""
    app.command("export", help=COMMANDS["export"])(export)


@with_settings("store", check=False)
def export(
    settings: Settings,
    folder: Annotated[Path, typer.Argument(help="Folder to write to: a new or an empty one.")],
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only this resource type. Repeatable; unset: all.")
    ] = None,
    packed: Annotated[bool, typer.Option("--gzip", help="Write .ndjson.gz files.")] = False,
    with_r4: Annotated[
        bool, typer.Option("--r4-definitions", help="Write R4's own definitions, too, which every server has.")
    ] = False,
) -> None:
    """Write all resources as NDJSON, one file a resource type, byte for byte as they are served.

    Only current versions are written, no history; R4's own definitions are left out where they stand as they were
    published. It may run while the store is served: a resource that changes
    meanwhile is written as it was when its page was read. `countyfhir load FOLDER` takes the result in again.
    """
    from countyfhir.cli.published import R4Definitions
    from countyfhir.model.definitions import definitions

    known = definitions().endpoint_types
    if unknown := sorted(set(types or ()) - known):
        stop(f"{', '.join(unknown)}: no resource type of FHIR R4")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        stop(f"{folder} is not an empty folder")
    wanted = sorted(types or known)
    chosen = Chosen(None if with_r4 else R4Definitions(), packed)
    counts = in_world(settings, lambda world: write_types(world.store.resources, folder, wanted, chosen))
    for resource_type, count in counts.items():
        typer.echo(f"{count:>10} {resource_type}")
    typer.echo(f"{sum(counts.values()):>10} resources in {folder}", err=True)


@dataclass(frozen=True, slots=True)
class Chosen:
    """How to write: what is left out, and whether files are packed."""

    left_out: R4Definitions | None
    packed: bool


async def write_types(store: ResourceStore, folder: Path, types: list[str], chosen: Chosen) -> dict[str, int]:
    """Write each type that has resources to its file; the number of each."""
    from rich.console import Console
    from rich.progress import track

    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for resource_type in track(types, "exporting", console=Console(stderr=True), transient=True):
        file = folder / f"{resource_type}.ndjson{'.gz' if chosen.packed else ''}"
        count = await write_type(store, resource_type, file, chosen.left_out)
        if count:
            counts[resource_type] = count
    return counts


async def write_type(
    store: ResourceStore, resource_type: str, file: Path, left_out: R4Definitions | None = None
) -> int:
    """Write all resources of a type but those left out, page by page; no file when there are none."""
    from countyfhir.search.query import Query

    count, cursor, out = 0, None, None
    try:
        while True:
            page = await store.search(Query((resource_type,), count=PAGE, cursor=cursor))
            kept = [stored for stored in page.matches if left_out is None or not left_out.holds(stored)]
            if kept and out is None:
                out = opened(file)
            for stored in kept:
                out.write((stored.body or b"") + b"\n")  # type: ignore[union-attr]
            count, cursor = count + len(kept), page.cursor
            if cursor is None:
                return count
    finally:
        if out is not None:
            out.close()


def opened(file: Path) -> IO[bytes] | Any:
    """The file to write to; its name says whether it is packed."""
    return gzip.open(file, "wb", compresslevel=6) if file.suffix == ".gz" else file.open("wb")
