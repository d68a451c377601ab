"""Searches and history on reader threads: one snapshot each, ended by a time limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import apsw

from countyfhir.store.sqlite.connecting import ThreadConnections
from countyfhir.store.sqlite.faults import translated
from countyfhir.store.sqlite.options import Options

T = TypeVar("T")

STEPS_BETWEEN_LOOKS = 4_000
"""SQLite instructions (a fraction of a millisecond) between two looks at the clock."""


class Readers:
    """Runs reading functions on threads of their own."""

    def __init__(self, connections: ThreadConnections, options: Options) -> None:
        self._connections, self._limit, self._count = connections, options.time_limit, options.readers
        self._asked = 0
        self._threads = ThreadPoolExecutor(max(1, options.readers), thread_name_prefix="countyfhir-reader")

    async def run(self, function: Callable[[apsw.Connection], T], *, limited: bool = True) -> T:
        """``function`` on one snapshot. FhirError timeout (503) past the limit, unless it is not ``limited``."""
        limit = self._limit if limited else None
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self.here, function, limit)
        finally:
            self._asked -= 1

    def waiting(self) -> int:
        """How many functions wait for a thread."""
        return max(0, self._asked - max(1, self._count))

    def here(self, function: Callable[[apsw.Connection], T], limit: float | None) -> T:
        """``function`` on one snapshot on the calling thread. FhirError timeout (503) past ``limit`` seconds."""
        with translated():
            connection = self._connections.mine()
            if limit is not None:
                _end_at(connection, time.monotonic() + limit)
            try:
                with snapshot(connection):
                    return function(connection)
            finally:
                connection.set_progress_handler(None)

    def close(self) -> None:
        """Wait for what runs, refuse what has not begun."""
        self._threads.shutdown(wait=True, cancel_futures=True)


@contextmanager
def snapshot(connection: apsw.Connection) -> Iterator[None]:
    """Everything read inside sees the same state."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _end_at(connection: apsw.Connection, deadline: float) -> None:
    connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_LOOKS)
