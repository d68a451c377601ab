"""What the embedded store costs beneath the server: processor time of commits, audit records and reads.

``PYTHONPATH=server:. .venv/bin/python -m bench.store_rows [--json FILE]``

Index entries are made before the clock starts, so that only the store is measured: shaping and numbering rows, SQLite,
the log and its fsync, the hop to the writer's thread and back. Figures are microseconds of processor time of the whole
process (user and system) for one resource, record or call, the least of several rounds, because processor time hardly
depends on what else the machine does. Compare two states of the program by two runs with different ``PYTHONPATH``.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

from bench.bodies import record
from countyfhir.exchange import ALL, AuditRecord, Body, Plan, Write
from countyfhir.search.extract import Indexer
from countyfhir.search.parameters import active
from countyfhir.search.query import DateIs, Query, ReferenceIs, TokenIs
from countyfhir.store import sqlite
from countyfhir.store.ports import HistoryQuery, Store

Measured = Callable[[], Awaitable[Any]]
ROUNDS = 5
SINGLE, CONCURRENT, BUNDLE, AUDITED = 100, 64, 500, 1000
LOADED = 3_000


class Writes:
    """Writes of ever new residents and their records, as a create makes them."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer
        self._residents = itertools.count()
        self._made = self._all()

    def take(self, count: int) -> list[Write]:
        """The next so many."""
        return list(itertools.islice(self._made, count))

    def _all(self) -> Iterator[Write]:
        for number in self._residents:
            for resource in record(number):
                yield self.of(resource, "POST")

    def of(self, resource: dict[str, Any], method: str) -> Write:
        """One resource with what it is found by."""
        indexed = self._indexer.index(resource)
        kind = resource["resourceType"]
        rest = json.dumps({key: value for key, value in resource.items() if key != "resourceType"}, ensure_ascii=False)
        body = Body(f'{{"resourceType":"{kind}","meta":{{'.encode(), f"}},{rest[1:]}".encode())
        return Write(method, kind, resource["id"], resource, None, body, indexed.entries, indexed.references,
                     indexed.patient)  # fmt: skip


def access(number: int, *, patients: bool) -> AuditRecord:
    """A read as the server records it."""
    return AuditRecord(
        1_790_000_000_000_000 + number, "read", "R", "0", "bench-key", "county-hospital",
        "Patient" if patients else "Organization", f"p{number % 500}", "1", (f"p{number % 500}",) if patients else (),
        None, "127.0.0.1", f"0f1e2d3c4b5a6978{number:016x}", None, 200,
    )  # fmt: skip


async def least(work: Iterator[tuple[int, Measured]]) -> float:
    """Microseconds of processor time for one piece, in the round that took the least."""
    found = []
    for pieces, measured in work:
        begun = time.process_time()
        await measured()
        found.append((time.process_time() - begun) / pieces * 1e6)
        await asyncio.sleep(0.02)
    return round(min(found), 1)


def writing(store: Store, writes: Writes) -> dict[str, Iterator[tuple[int, Measured]]]:
    """What is measured of commits."""
    commit = store.resources.commit

    async def one_by_one(made: list[Write]) -> None:
        for each in made:
            await commit(Plan((each,)))

    async def at_once(made: list[Write]) -> None:
        await asyncio.gather(*(commit(Plan((each,))) for each in made))

    async def audited(made: list[Write]) -> None:
        records = [access(place, patients=True) for place in range(len(made))]
        await asyncio.gather(*(commit(Plan((w,), audit=(a,))) for w, a in zip(made, records, strict=True)))

    async def whole(made: list[Write]) -> None:
        await commit(Plan(tuple(made)))

    def rounds(size: int, way: Callable[[list[Write]], Awaitable[None]]) -> Iterator[tuple[int, Measured]]:
        for _ in range(ROUNDS):
            made = writes.take(size)
            yield size, lambda made=made: way(made)  # type: ignore[misc]

    return {
        "create, one caller": rounds(SINGLE, one_by_one),
        "create, 64 callers": rounds(CONCURRENT * 6, at_once),
        "create with its audit record, 64 callers": rounds(CONCURRENT * 6, audited),
        "bundle of 500 creates": rounds(BUNDLE, whole),
        "bundle of 500 updates": ((BUNDLE, lambda made=made: whole(made)) for made in _updates(writes._indexer)),
    }


def _updates(indexer: Indexer) -> Iterator[list[Write]]:
    """New contents for what was loaded: other dates and values, the same references and codes."""
    for turn in range(1, ROUNDS + 1):
        made = []
        for number in range(BUNDLE // 6 + 1):
            for mine, other in zip(record(number), record(number + turn * 1000), strict=True):
                keep = {key: mine[key] for key in ("id", "subject", "identifier") if key in mine}
                made.append(Writes(indexer).of({**other, **keep}, "PUT"))
        yield made[:BUNDLE]


def recording(store: Store) -> dict[str, Iterator[tuple[int, Measured]]]:
    """What is measured of the audit store."""

    def rounds(*, patients: bool) -> Iterator[tuple[int, Measured]]:
        for turn in range(ROUNDS):
            records = [access(turn * AUDITED + place, patients=patients) for place in range(AUDITED)]
            yield AUDITED, lambda records=records: store.audit.append(records)  # type: ignore[misc]

    return {
        "audit record with a patient, 1000 at once": rounds(patients=True),
        "audit record without, 1000 at once": rounds(patients=False),
    }


def reading(store: Store) -> dict[str, Iterator[tuple[int, Measured]]]:
    """What is measured of reads and searches, each called so often a round."""
    resources = store.resources
    weight = (TokenIs("code", "http://loinc.org", "29463-7"),)
    years = (DateIs("date", "ge", 1_400_000_000_000_000, 1_400_000_000_000_000),)
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "read": lambda: resources.read("Patient", "p7"),
        "visible, one key": lambda: resources.visible((("Patient", "p7"),), ALL),
        "search: a patient's observations": lambda: resources.search(
            Query(("Observation",), ((ReferenceIs("subject", "Patient", "p7"),),))
        ),
        "search: 100 of a code": lambda: resources.search(Query(("Observation",), (weight,), count=100)),
        "search: a count over a code": lambda: resources.search(
            Query(("Observation",), (weight,), count=0, total="accurate")
        ),
        "search: a count over a type": lambda: resources.search(Query(("Observation",), count=0, total="accurate")),
        "search: a count over dates": lambda: resources.search(
            Query(("Observation",), (years,), count=0, total="accurate")
        ),
        "history of a type": lambda: resources.history(HistoryQuery("Observation", count=10)),
        "history of the system": lambda: resources.history(HistoryQuery(count=10)),
    }

    def rounds(call: Callable[[], Awaitable[Any]]) -> Iterator[tuple[int, Measured]]:
        async def often() -> None:
            for _ in range(50):
                await call()

        for _ in range(ROUNDS):
            yield 50, often

    return {name: rounds(call) for name, call in calls.items()}


async def figures(path: Path) -> dict[str, float]:
    """Load the store with ``LOADED`` resources, then measure."""
    writes = Writes(active().indexer(UTC, ("http://127.0.0.1:8080/fhir",)))
    store = sqlite.open(path)
    try:
        for _ in range(LOADED // BUNDLE):
            await store.resources.commit(Plan(tuple(writes.take(BUNDLE))))
        work = {**writing(store, writes), **recording(store), **reading(store)}
        found = {name: await least(rounds) for name, rounds in work.items()}
    finally:
        await store.close()
    size = path.stat().st_size
    return found | {"bytes of the file": size}


def main() -> None:
    """Print the table; write it as JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(figures(Path(folder) / "rows.sqlite"))
    for name, figure in found.items():
        print(f"{name:45} {figure:12,.1f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
