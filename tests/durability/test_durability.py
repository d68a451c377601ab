"""An acknowledged write survives ``kill -9`` and a power cut, and no bundle is ever there by half (issue: embedded
store)."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from countyfhir.store import sqlite

from .bundles import Verdict, examine, write_bundles
from .crash import rounds
from .power import ForgetfulDisk

ROUNDS = 3
CUTS = 12


@pytest.mark.slow
def test_killed_processes_lose_nothing(tmp_path: Path) -> None:
    """A few rounds of SIGKILL under three writing processes; ``python -m tests.durability.crash`` runs a hundred."""
    for _, acknowledged, verdict in rounds(tmp_path, ROUNDS, 3, seed=5):
        assert acknowledged > 0
        assert verdict.sound, verdict


def verdicts_of_power_cuts(folder: Path, synchronous: str, *, torn: bool) -> list[Verdict]:
    """Cut the power at moments spread over a run of commits; what the next start finds each time."""
    disk = ForgetfulDisk(f"forgetful-{synchronous}-{torn}")
    acknowledged: list[str] = []
    cuts: list[tuple[Path, list[str]]] = []

    def cut_now_and_then() -> None:
        if disk.operations % 41 == 0 and len(cuts) < CUTS and len(acknowledged) > 5:
            chance = random.Random(len(cuts)) if torn else None
            cuts.append((folder / f"cut{len(cuts)}", acknowledged.copy()))
            disk.write_images(cuts[-1][0], chance)

    async def story() -> None:
        store = sqlite.open(
            folder / "live" / "power.sqlite", vfs=disk.vfs_name, synchronous=synchronous, wal_soft=200_000
        )
        disk.on_operation = cut_now_and_then
        await write_bundles(store, "p", acknowledged.append, count=150)
        await store.close()

    asyncio.run(story())
    disk.unregister()
    assert len(cuts) == CUTS
    return [examine(place / "power.sqlite", known) for place, known in cuts]


@pytest.mark.parametrize("torn", [False, True], ids=["nothing unsynced survives", "some sectors survive"])
def test_power_cuts_lose_nothing(tmp_path: Path, torn: bool) -> None:
    """With ``synchronous=FULL`` every acknowledged bundle is there, whole, whatever of the unsynced writes survived."""
    for verdict in verdicts_of_power_cuts(tmp_path, "FULL", torn=torn):
        assert verdict.sound, verdict


def test_the_check_would_notice(tmp_path: Path) -> None:
    """With ``synchronous=NORMAL`` the same cuts do lose acknowledged bundles, though none is there by half."""
    verdicts = verdicts_of_power_cuts(tmp_path, "NORMAL", torn=False)
    assert any(verdict.lost for verdict in verdicts)
    assert not any(verdict.halves or verdict.damage for verdict in verdicts)
