"""Compares the indicators of the record with a file that says what they are, figure by figure."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from bench.indicator_figures.comparing import Compared, compare
from bench.indicator_figures.speed import measured


def line(one: Compared) -> str:
    """A figure beside the expected one."""
    wanted = one.expected
    found = f"{one.above}/{one.below}" if wanted.below is not None else str(one.above)
    told = f"{wanted.above}/{wanted.below}" if wanted.below is not None else str(wanted.above)
    records = "; ".join(f"{code}: {'; '.join(each[:3])}" for code, each in one.records.items()) or "same records"
    return f"{'same ' if one.agrees else 'OTHER'} {wanted.name:<44}{found:>10}{told:>10}  {records}"


def main() -> int:
    """0 when every figure and the records behind it agree."""
    parser = argparse.ArgumentParser(prog="bench/indicators", description=__doc__)
    parser.add_argument("truth", type=Path, nargs="?", help="the file that says what is true, beside the export")
    parser.add_argument("--store", help="a store that has taken the export in; made anew when not named")
    parser.add_argument("--speed", type=int, metavar="RESIDENTS", help="instead, how long a made-up county takes")
    chosen = parser.parse_args()
    if chosen.speed:
        print("\n".join(measured(chosen.speed)))
        return 0
    if chosen.truth is None:
        parser.error("name a truth file, or --speed RESIDENTS")
    truth = json.loads(chosen.truth.read_text("utf-8"))
    with tempfile.TemporaryDirectory(prefix="countyfhir-") as folder:
        store = chosen.store or f"sqlite:{folder}/county.sqlite"
        if chosen.store is None:
            from bench.accuracy.__main__ import take_in

            take_in(chosen.truth.resolve().parent, store, None)
        found, seconds = asyncio.run(computed(truth, store))
    for one in found:
        print(line(one))
    wrong = sum(not one.agrees or bool(one.records) for one in found)
    print(f"{len(found)} figures, {wrong} of them other than expected; {seconds:.2f} s of processor time")
    return int(wrong > 0)


async def computed(truth: dict[str, object], store: str) -> tuple[list[Compared], float]:
    """The figures, and the processor time that they took."""
    from countyfhir.app import open_world
    from countyfhir.settings import Settings

    async with open_world(Settings(store=store)) as opened:
        begun = time.process_time()
        found = await compare(truth, opened.world)
        return found, time.process_time() - begun


if __name__ == "__main__":
    sys.exit(main())
