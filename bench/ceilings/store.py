"""The bare store loop: records the rows that interactions write, then writes the same rows again with nothing else.

Recorded are the INSERT, UPDATE and DELETE statements that SQLite really got, a list for each commit. Replayed, they
go to a copy of the file as it was before, under the same pragmas, several operations a commit as concurrent clients
would have it: no HTTP, no parsing, no check, no look-up, no thread.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from bench.figures import Ceiling
from bench.place import cut, pinned
from countyfhir.app import Opened, open_world
from countyfhir.settings import load
from countyfhir.store.sqlite.connecting import connect
from countyfhir.store.sqlite.options import Options

Statement = tuple[str, tuple[Any, ...]]
Operation = list[Statement]
CHANGING = ("INSERT", "UPDATE", "DELETE")
SUFFIXES = ("", "-wal")
TIMES = 3


@contextmanager
def recorder() -> Iterator[list[Operation]]:
    """Collects what is written by connections that are opened inside the block: one operation a commit."""
    operations: list[Operation] = []
    current: Operation = []

    def trace(_: Any, sql: str, bindings: Any) -> bool:
        if sql.startswith(CHANGING):
            current.append((sql, tuple(bindings or ())))
        elif sql.startswith("COMMIT") and current:
            operations.append(current.copy())
            current.clear()
        return True

    def hook(connection: apsw.Connection) -> None:
        connection.exec_trace = trace

    apsw.connection_hooks.append(hook)
    try:
        yield operations
    finally:
        apsw.connection_hooks.remove(hook)


def record(store: Path, perform: Callable[[Opened], Awaitable[None]]) -> tuple[Path, list[Operation]]:
    """Let ``perform`` write to the store through the one door, one interaction after the other; returns the file as it
    was before and what was written."""
    perform_on(store, _nothing)
    before = store.with_name(store.name + "-before")
    for suffix in SUFFIXES:
        if Path(f"{store}{suffix}").exists():
            shutil.copyfile(f"{store}{suffix}", f"{before}{suffix}")
    with recorder() as operations:
        perform_on(store, perform)
    return before, operations


def perform_on(store: Path, perform: Callable[[Opened], Awaitable[None]]) -> None:
    """Open the store, let ``perform`` work, close it."""
    asyncio.run(_opened(store, perform))


async def _opened(store: Path, perform: Callable[[Opened], Awaitable[None]]) -> None:
    async with open_world(load({"store": f"sqlite:{store}", "load_definitions": "off"})) as opened:
        await perform(opened)


async def _nothing(_: Opened) -> None: ...


def rate(before: Path, operations: Sequence[Operation], group: int) -> Ceiling:
    """Operations a second that the bare loop writes, ``group`` of them a commit; the medians of a few runs."""
    with pinned(cut().server):
        runs = [_replayed(before, operations, group) for _ in range(TIMES)]
    return Ceiling(
        statistics.median(len(operations) / seconds for seconds, _ in runs),
        statistics.median(cpu / len(operations) * 1e6 for _, cpu in runs),
    )


def _replayed(before: Path, operations: Sequence[Operation], group: int) -> tuple[float, float]:
    copy = before.with_name(before.name + "-copy")
    for suffix in SUFFIXES:
        Path(f"{copy}{suffix}").unlink(missing_ok=True)
        if Path(f"{before}{suffix}").exists():
            shutil.copyfile(f"{before}{suffix}", f"{copy}{suffix}")
    grouped = [_merged(operation) for operation in operations]
    connection = connect(str(copy), Options(), write=True)
    connection.wal_autocheckpoint(2000)  # about what the store's own checkpoints come to
    begun, computed = time.perf_counter(), time.process_time()
    for part in _batched(grouped, group):
        connection.execute("BEGIN IMMEDIATE")
        for operation in part:
            for sql, rows in operation:
                connection.executemany(sql, rows)
        connection.execute("COMMIT")
    taken = time.perf_counter() - begun, time.process_time() - computed
    connection.close()
    return taken


def _batched(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


def _merged(operation: Operation) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """Neighbouring statements of one text as one executemany."""
    return [
        (sql, [bindings for _, bindings in statements])
        for sql, statements in itertools.groupby(operation, key=lambda statement: statement[0])
    ]
