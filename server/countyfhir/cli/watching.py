"""``countyfhir intake --watch``: the loop around the intake, until a signal comes."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from countyfhir.cli.opening import in_world
from countyfhir.settings import Settings

if TYPE_CHECKING:
    from countyfhir.mapping import Source


def watch(
    settings: Settings, known: Sequence[Source], paths: Sequence[Path], named: dict[str, Path], moved: Path | None
) -> None:
    """Take in files as they come, below the paths and the named folders, until SIGINT or SIGTERM."""
    from countyfhir.cli.taking_in import print_report
    from countyfhir.exchange import Answer, Interaction
    from countyfhir.intake.archives import discover_unpacked
    from countyfhir.intake.desk import Desk
    from countyfhir.intake.inputs import Inputs, files
    from countyfhir.intake.watching import Watch

    async def work(opened: Any) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)

        async def write(interactions: Sequence[Interaction]) -> list[Answer]:
            return [await opened.perform(interaction) for interaction in interactions]

        with tempfile.TemporaryDirectory(prefix="countyfhir-") as name:
            rounds = iter(range(1 << 62))

            def inputs(only: frozenset[Path]) -> Inputs:
                into = Path(name).resolve() / str(next(rounds))
                into.mkdir()
                return discover_unpacked(paths, known, named, into, only)

            def listed() -> list[Path]:
                found = files([*paths, *named.values()])
                return [one for one in found if moved is None or not one.is_relative_to(moved.resolve())]

            typer.echo("Watching; stop with Ctrl-C.", err=True)
            await Watch(known, listed, inputs, print_report, moved=moved).until(stop, Desk(opened.store.intake, write))

    in_world(settings, work)
