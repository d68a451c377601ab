"""``bench/run``: the benches in their order, a table on the screen, figures as JSON (docs/benches.md)."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import driving, place
from bench.asked import Asked
from bench.figures import Figure, as_json, table
from bench.workloads import legacy, mixed, reading, searching, several_workers, starting, terminology, writing
from tests import stores

BENCHES: dict[str, Callable[[Asked], Iterator[Figure]]] = {
    "read": reading.read,
    "create": writing.create,
    "update": writing.update,
    "conditional-create": writing.conditional_create,
    "transaction": writing.transaction,
    "search": searching.search,
    "W1": mixed.w1,
    "W2": mixed.w2,
    "W5": mixed.w5,
    "W7": mixed.w7,
    "legacy": legacy.legacy,
    "terminology": terminology.terminology,
    "start": starting.cold_start,
    "memory": starting.memory,
    "workers": several_workers.workers,
}


def main() -> int:
    """Run what was asked for; 1 when a request was answered wrongly or a bench could not run."""
    options = _options()
    figures: list[Figure] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
        conditions = place.conditions(Path(folder)) | {"driver": driving.tool(), "full": options.full}
        conditions |= {"store": options.store}
        print("  ".join(f"{name}: {value}" for name, value in conditions.items()), file=sys.stderr)
        for name in options.only or BENCHES:
            with tempfile.TemporaryDirectory(dir=folder) as own:
                figures += _measured(name, Asked(Path(own), options.seconds, options.full), failed)
    print(table(figures))
    text = as_json(figures, conditions | {"load_after": round(os.getloadavg()[0], 2), "failed": failed})
    if options.json:
        options.json.write_text(text, encoding="utf-8")
    return _verdict(figures, failed)


def _options() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="bench/run", description="Measure the server beside its ceilings.")
    asked.add_argument("--full", action="store_true", help="climb the ladders: 1,000, 4,000 and 16,000 residents")
    asked.add_argument("--only", action="append", choices=list(BENCHES), help="only this bench; repeatable")
    asked.add_argument("--seconds", type=float, help="of each measurement [default: 2, with --full 10]")
    asked.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    asked.add_argument("--folder", type=Path, help="where temporary stores go [default: the system's]")
    asked.add_argument(
        "--store", choices=("sqlite", "mongodb"), default="sqlite",
        help="mongodb: what MONGODB_URI names, else SecantusDB, whose figures say nothing of MongoDB",
    )  # fmt: skip
    options = asked.parse_args()
    stores.chosen = options.store
    options.seconds = options.seconds or (10 if options.full else 2)
    return options


def _measured(name: str, asked: Asked, failed: list[str]) -> list[Figure]:
    """The figures of one bench; what stops it is said and counted, and the others go on."""
    figures, begun = [], time.monotonic()
    try:
        for figure in BENCHES[name](asked):
            figures.append(figure)
            print(f"  {table([figure]).splitlines()[1]}", file=sys.stderr)
    except (driving.Refused, RuntimeError, AssertionError) as error:
        failed.append(name)
        print(f"{name} FAILED: {error}", file=sys.stderr)
    print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return figures


def _verdict(figures: list[Figure], failed: list[str]) -> int:
    wrong = sum(figure.errors for figure in figures)
    if wrong or failed:
        print(f"NOT GOOD: {wrong} wrong answers; failed: {', '.join(failed) or 'none'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
