"""Numbered bundles of resources that tell whether they arrived whole: what the durability checks write and look for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countyfhir.exchange import Body, Plan, Write
from countyfhir.search.entries import REFERENCE, STRING, TOKEN
from countyfhir.search.query import Query, TokenIs
from countyfhir.store import sqlite
from countyfhir.store.ports import HistoryQuery
from countyfhir.store.sqlite import SqliteStore

SIZE = 4
"""Resources of one bundle."""
SYSTEM = "urn:bundle"


def bundle(name: str) -> Plan:
    """A plan of ``SIZE`` resources that carry the bundle's name."""
    return Plan(tuple(_write(name, place) for place in range(SIZE)))


def _write(name: str, place: int) -> Write:
    entries = (
        (TOKEN, "identifier", 0, SYSTEM, name),
        (STRING, "name", 0, f"part {place}", f"Part {place}"),
        (REFERENCE, "partof", 0, "Location", f"{name}-0"),
    )
    body = Body(
        f'{{"resourceType":"Location","id":"{name}-{place}","meta":{{'.encode(), b'},"name":"' + b"x" * 400 + b'"}'
    )
    return Write("PUT", "Location", f"{name}-{place}", {}, None, body, entries, (("Location", f"{name}-0"),))


async def write_bundles(
    store: SqliteStore, prefix: str, acknowledge: Callable[[str], None], *, writers: int = 4, count: int = 2**40
) -> None:
    """Commit bundles from several tasks at once, telling each only after the store said it is durable."""

    async def writer(task: int) -> None:
        for number in range(task, count, writers):
            name = f"{prefix}-{number}"
            await store.resources.commit(bundle(name))
            acknowledge(name)

    await asyncio.gather(*(writer(task) for task in range(writers)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong after a crash: acknowledged bundles that are not there, bundles of which only a part is, and
    damage."""

    lost: tuple[str, ...]
    halves: tuple[str, ...]
    damage: tuple[str, ...]
    bundles: int

    @property
    def sound(self) -> bool:
        """Nothing is wrong."""
        return not (self.lost or self.halves or self.damage)


def examine(path: Path, acknowledged: Iterable[str], *, deep: bool = True) -> Verdict:
    """Open the store as the next start does, and compare it with what was acknowledged."""
    return asyncio.run(_examine(path, set(acknowledged), deep))


async def _examine(path: Path, acknowledged: set[str], deep: bool) -> Verdict:
    store = sqlite.open(path)
    try:
        found = Counter[str]()
        cursor: Any = None
        while True:
            page = await store.resources.history(HistoryQuery(count=5000, cursor=cursor))
            found.update(version.logical_id.rpartition("-")[0] for version in page.versions)
            cursor = page.cursor
            if cursor is None:
                break
        halves = {name for name, parts in found.items() if parts != SIZE}
        for name in sorted(found)[:: max(1, len(found) // 50)]:  # a sample of them through the index
            query = Query(("Location",), ((TokenIs("identifier", SYSTEM, name),),))
            if len((await store.resources.search(query)).matches) != SIZE:
                halves.add(name)
        damage = tuple(await store.problems()) if deep else ()
        return Verdict(tuple(sorted(acknowledged - found.keys())), tuple(sorted(halves)), damage, len(found))
    finally:
        await store.close()
