"""Legacy rows end to end by ``countyfhir intake``: the demo county, and the larger one where it is there."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import countyfhir.intake
from bench.asked import LEGACY_COUNTY, Asked
from bench.figures import Figure
from bench.loading import run_command
from tests.stores import store_at

DEMO = Path(countyfhir.intake.__file__).parent / "demo_county"
SOURCES = ("county-hospital", "public-health", "township-shiqiao", "contracts")
"""Folders of the larger county whose formats and mappings are there."""


def legacy(asked: Asked) -> Iterator[Figure]:
    """Records a second, the start of the program included: first everything is new, then nothing is."""
    counties = [("demo county", [DEMO])]
    if LEGACY_COUNTY.is_dir():
        counties.append(("larger county", [LEGACY_COUNTY / name for name in SOURCES]))
    for name, folders in counties:
        store = asked.folder / f"{name}.sqlite".replace(" ", "-")
        for again in ("new", "again"):
            yield taken_in(asked, store, f"{name}, {again}", folders)


def taken_in(asked: Asked, store: Path, name: str, folders: list[Path]) -> Figure:
    """One intake of all the folders; what became of the records stands beside it."""
    outcomes = asked.folder / "outcomes.jsonl"
    outcomes.unlink(missing_ok=True)
    begun = time.perf_counter()
    run_command(
        "intake", *map(str, folders), "--store", store_at(store), "--report", str(outcomes),
        folder=asked.folder, good=(0, 1),
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    lines = outcomes.read_text(encoding="utf-8").splitlines()
    became = Counter(json.loads(line)["outcome"] for line in lines)
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(became.items()))
    return Figure("legacy", name, len(lines) / seconds, "records/s", note=f"{said} in {seconds:.1f} s")
