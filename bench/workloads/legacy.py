"""Legacy rows end to end by ``countyfhir intake``: the demo county, and the larger one where it is there."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import countyfhir.intake
from bench.asked import LEGACY_COUNTY, Asked
from bench.county.residents import resident
from bench.figures import Figure
from bench.loading import run_command
from countyfhir import shipped
from countyfhir.intake.inputs import discover
from countyfhir.intake.readers.formats import READERS
from countyfhir.mapping import apply, load
from tests import stores
from tests.stores import store_at

DEMO = Path(countyfhir.intake.__file__).parent / "demo_county"
SOURCES = ("county-hospital", "public-health", "township-shiqiao", "contracts")
"""Folders of the larger county whose formats and mappings are there."""


def legacy(asked: Asked) -> Iterator[Figure]:
    """Records a second, the start of the program included: first everything is new, then nothing is."""
    yield mapped_alone(asked)
    yield from simple(asked)
    counties = [("demo county", [DEMO])]
    if LEGACY_COUNTY.is_dir() and stores.chosen == "sqlite":  # thousands of records are too much for SecantusDB
        counties.append(("larger county", [LEGACY_COUNTY / name for name in SOURCES]))
    for name, folders in counties:
        store = asked.folder / f"{name}.sqlite".replace(" ", "-")
        for again in ("new", "again"):
            yield taken_in(asked, store, f"{name}, {again}", folders)


RECORDS = 20_000
"""Simple records of the mapping that is measured alone."""


def mapped_alone(asked: Asked) -> Figure:
    """Records a second of CPU time on one core, from the open file to finished resources; nothing is written."""
    folder = asked.folder / "baishi-hospital"
    folder.mkdir(exist_ok=True)
    header = (DEMO / "baishi-hospital" / "patients.csv").read_text("gb18030").splitlines()[0]
    rows = (f"{n},张三丰,,1,1956-03-12,138{n:08d},上河村{n}号,2025-01-02 08:00:00\n" for n in range(RECORDS))
    (folder / "patients.csv").write_text(f"{header}\n{''.join(rows)}", "gb18030")
    sources = load(shipped.folder("mappings") / "baishi-hospital")
    (one,) = discover([folder], sources).inputs
    begun = time.process_time()
    count = sum(1 for record in READERS["csv"].records(one.path, one.mapping.format) if apply(one.mapping, record.row))
    return Figure(
        "legacy", "mapping alone", count / (time.process_time() - begun), "records/s of CPU", note=f"{count:,}"
    )


def simple(asked: Asked) -> Iterator[Figure]:
    """Simple records end to end: a file of residents, each a Patient and its Provenance, looked for among those before;
    by one process, then with one for each core that prepares."""
    source = asked.folder / "simple" / "baishi-hospital"
    source.mkdir(parents=True, exist_ok=True)
    chance, count = Random(7), asked.residents
    header = (DEMO / "baishi-hospital" / "patients.csv").read_text("gb18030").splitlines()[0]
    rows = (_row(number, resident(number, chance)) for number in range(count))
    (source / "patients.csv").write_text(f"{header}\n{''.join(rows)}", "gb18030")
    for jobs in (1, os.cpu_count() or 1):
        store = asked.folder / f"simple-{jobs}.sqlite"
        yield taken_in(asked, store, f"residents, {jobs} jobs", [source], "--jobs", str(jobs))


def _row(number: int, patient: dict[str, Any]) -> str:
    """The row of a resident, as the hospital of the demo county keeps it."""
    identity, phone = patient["identifier"][0]["value"], patient["telecom"][0]["value"]
    sex = 1 if patient["gender"] == "male" else 2
    name, address = patient["name"][0]["text"], patient["address"][0]["line"][0]
    return f"{number},{name},{identity},{sex},{patient['birthDate']},{phone},{address},2025-01-02 08:00:00\n"


def taken_in(asked: Asked, store: Path, name: str, folders: list[Path], *options: str) -> Figure:
    """One intake of all the folders; what became of the records stands beside it."""
    outcomes = asked.folder / "outcomes.jsonl"
    outcomes.unlink(missing_ok=True)
    begun = time.perf_counter()
    run_command(
        "intake", *map(str, folders), "--store", store_at(store), "--report", str(outcomes), *options,
        folder=asked.folder, good=(0, 1),
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    lines = outcomes.read_text(encoding="utf-8").splitlines()
    became = Counter(json.loads(line)["outcome"] for line in lines)
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(became.items()))
    return Figure("legacy", name, len(lines) / seconds, "records/s", note=f"{said} in {seconds:.1f} s")
