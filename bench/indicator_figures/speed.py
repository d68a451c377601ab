"""How long the indicators take over a county of rows, and whether they agree with a plain count at that size."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from bench.indicator_figures import rows
from countyfhir.exchange import ALL, Plan, Write
from countyfhir.interactions.prepare import indexed
from countyfhir.interactions.world import World
from countyfhir.operations.measures.definition import read
from countyfhir.operations.measures.evaluation import Ask, evaluate
from countyfhir.operations.measures.finding import shipped_measures
from countyfhir.operations.measures.period import period_of

TOGETHER = 2_000


def measured(residents: int) -> list[str]:
    """Lines: the size, each Measure with its processor time, all together, and what disagrees."""
    with tempfile.TemporaryDirectory(prefix="countyfhir-") as folder:
        return asyncio.run(_measured(residents, Path(folder) / "county.sqlite"))


async def _measured(residents: int, path: Path) -> list[str]:
    from countyfhir.app import open_world
    from countyfhir.settings import Settings

    off: dict[str, Any] = {"person_index": "off", "load_definitions": "off", "workflow": "off"}
    settings = Settings(store=f"sqlite:{path}", **off)
    county = rows.county(residents)
    async with open_world(settings) as opened:
        count = await _filled(rows.resources(county), opened.world)
        lines = [f"{residents} residents, {count} resources"]
        expected, total = rows.counted(county), 0.0
        for measure in shipped_measures():
            definition = read(measure)
            if definition.needs:
                continue
            begun = time.process_time()
            ask = Ask(period_of(str(rows.YEAR), str(rows.YEAR), opened.world.search.zone), frozenset())
            evaluated = await evaluate(definition, ask, opened.world, ALL)
            seconds = time.process_time() - begun
            total += seconds
            found = {code: len(keys) for code, keys in evaluated.groups[0].whole.populations.items()}
            pair = (found.get("numerator"), found.get("denominator"))
            said = "" if expected.get(measure["id"], pair) == pair else f"  OTHER than {expected[measure['id']]}"
            lines.append(f"{measure['id']:<40}{pair[0]}/{pair[1]}  {seconds:.2f} s{said}")
        return [*lines, f"all: {total:.2f} s of processor time"]


async def _filled(resources: Iterable[dict[str, Any]], world: World) -> int:
    count, left = 0, iter(resources)
    while chunk := list(islice(left, TOGETHER)):
        writes = [Write("PUT", one["resourceType"], one["id"], one) for one in chunk]
        await world.store.resources.commit(Plan(tuple(indexed(one, world.search.base, world) for one in writes)))
        count += len(chunk)
    return count
