"""``bench/search``: fills a store for each rung, checks answers on a small county, measures the rungs in turn."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import place
from bench.county.filling import fill, filled
from bench.county.making import Scale
from bench.searches import shown
from bench.searches.measuring import Effort, Measured, Rung, measured, settled
from bench.searches.patient_centred import OURS
from bench.searches.published import W3, W4
from bench.searches.shape import Shape
from bench.searches.truth import Truth, wrong
from bench.serving import ours
from tests import stores

ALL = (*W3, *W4, *OURS)
CHECKED = 60
"""Residents of the county on which answers are compared with the truth."""
DRAWS = 5


def main() -> int:
    """Check, climb, show; 1 when an answer was wrong or a figure is not as it should be."""
    options = _options()
    shapes = [shape for shape in ALL if shape.workload in options.sets and options.only.search(shape.path)]
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as name:
        folder = Path(name)
        conditions = place.conditions(folder) | {"part": options.part, "seed": options.seed}
        conditions |= {"store": options.on}
        print("  ".join(f"{name}: {value}" for name, value in conditions.items()), file=sys.stderr)
        problems = [] if options.unchecked else checked(folder, shapes, Scale(options.seed, options.part))
        figures = climbed(folder, shapes, options)
    if figures:
        print(shown.table(figures))
        problems += shown.verdict(figures, options.on)
    if options.json:
        conditions |= {"load_after": round(os.getloadavg()[0], 2), "wrong": problems}
        options.json.write_text(shown.as_json(figures, conditions), encoding="utf-8")
    print("\n".join(["NOT GOOD:", *problems] if problems else ["good"]), file=sys.stderr)
    return 1 if problems else 0


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="bench/search", description="Searches on a county of growing size.")
    asked.add_argument("--rungs", type=_rungs, default=_rungs("1k,4k"), help="residents: 1k,4k,16k [default: 1k,4k]")
    asked.add_argument("--part", type=float, default=1.0, help="of the visits of each resident [default: 1]")
    asked.add_argument("--seed", type=int, default=1, help="the same seed makes the same county [default: 1]")
    asked.add_argument("--seconds", type=float, default=1.5, help="of each measurement at each rung [default: 1.5]")
    asked.add_argument("--rounds", type=int, help="in which each measurement asks all rungs [default: 9; 1 on mongodb]")
    asked.add_argument("--clients", type=_numbers, help="[default: 1,8; 1 on mongodb]")
    asked.add_argument("--sets", type=lambda text: text.split(","), default=["W3", "W4", "ours"], help="W3,W4,ours")
    asked.add_argument("--only", type=re.compile, default=re.compile(""), help="shapes whose path has this pattern")
    asked.add_argument("--unchecked", action="store_true", help="do not compare answers with the truth first")
    asked.add_argument("--store", type=Path, help="a store filled before (--rungs says how far); it is not changed")
    asked.add_argument(
        "--on", choices=("sqlite", "mongodb"), default="sqlite",
        help="mongodb: what MONGODB_URI names, else SecantusDB, whose figures say nothing of MongoDB",
    )  # fmt: skip
    asked.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    asked.add_argument(
        "--folder", type=Path, help="for stores; those of the county stay, and are measured again next time"
    )
    options = asked.parse_args()
    stores.chosen = options.on
    options.rounds = options.rounds or (9 if options.on == "sqlite" else 1)
    options.clients = options.clients or ((1, 8) if options.on == "sqlite" else (1,))
    return options


def _rungs(text: str) -> tuple[int, ...]:
    return tuple(
        sorted(int(float(each.removesuffix("k")) * (1000 if each[-1] == "k" else 1)) for each in text.split(","))
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def checked(folder: Path, shapes: Sequence[Shape], scale: Scale) -> list[str]:
    """What is wrong with answers on the small county."""
    store, truth = folder / "small.sqlite", Truth(CHECKED, scale)
    fill(store, 0, CHECKED, scale)
    with ours(folder, store=store) as server:
        problems = [problem for shape in shapes for problem in wrong(server, shape, truth, DRAWS)]
    print(f"{len(shapes)} shapes checked on {CHECKED} residents, {len(problems)} wrong answers", file=sys.stderr)
    return problems


def climbed(folder: Path, shapes: Sequence[Shape], options: argparse.Namespace) -> list[Measured]:
    """The figures of all rungs, each served from a store of its own, and asked in turn."""
    figures, scale = list[Measured](), Scale(options.seed, options.part)
    stores = [options.store or rung(options.folder or folder, count, scale) for count in options.rungs]
    with ExitStack() as serving:
        rungs = []
        for count, store in zip(options.rungs, stores, strict=True):
            server = serving.enter_context(ours(folder, store=store))
            print(f"{count:,} residents: {settled(server):.0f} seconds until the server rested", file=sys.stderr)
            rungs.append(Rung(count, server))
        for figure in measured(rungs, shapes, scale, Effort(options.clients, options.seconds, options.rounds)):
            figures.append(figure)
            run = f"{figure.run.p50:8.2f} {figure.run.p95:8.2f}"
            print(f"{figure.residents:>6} {figure.clients:>2} {run} {figure.path}", file=sys.stderr)
    return figures


def rung(folder: Path, count: int, scale: Scale) -> Path:
    """The store of so many residents: as it was left, else grown from a copy of the largest smaller one."""
    name = f"county-{scale.seed}-{scale.part:g}-"
    store = folder / f"{name}{count}.sqlite"
    if not store.exists():
        smaller = [int(each.stem.removeprefix(name)) for each in folder.glob(f"{name}*.sqlite")]
        grown_from = max((each for each in smaller if each < count), default=None)
        if grown_from is None:
            with ours(folder, store=store):
                pass  # a server that sees the empty store knows its index entries as its own
        else:
            shutil.copy(folder / f"{name}{grown_from}.sqlite", store)
    first = filled(store)
    if first < count:
        loaded = fill(store, first, count, scale)
        print(f"{count:,} residents: {loaded.resources:,} resources filled in, {loaded.rate:,.0f} a second,"
              f" {store.stat().st_size / 1e6 if store.exists() else 0:,.0f} MB", file=sys.stderr)  # fmt: skip
    return store


if __name__ == "__main__":
    sys.exit(main())
