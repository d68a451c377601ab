"""Searches and history on reader threads: one snapshot each, ended by a time limit."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw

from countyfhir.store.sqlite.connecting import ThreadConnections
from countyfhir.store.sqlite.faults import closing, translated
from countyfhir.store.sqlite.options import Options

T = TypeVar("T")

STEPS_BETWEEN_LOOKS = 4_000
"""SQLite instructions (a fraction of a millisecond) between two looks at the clock."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    function: Callable[[apsw.Connection], Any]
    limit: float | None
    future: asyncio.Future[Any]


class Readers:
    """Runs reading functions on threads of their own, first come, first served. The answer goes straight to the event
    loop: a future of ``concurrent.futures`` between them costs each search two locks and several turns."""

    def __init__(self, connections: ThreadConnections, options: Options) -> None:
        self._connections, self._limit, self._count = connections, options.time_limit, max(1, options.readers)
        self._asked = 0
        self._queue: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False

    async def run(self, function: Callable[[apsw.Connection], T], *, limited: bool = True) -> T:
        """``function`` on one snapshot. FhirError timeout (503) past the limit, unless it is not ``limited``."""
        if self._closed:
            raise closing()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked += 1
        if len(self._threads) < min(self._count, self._asked):
            self._start()
        self._queue.put(_Asked(function, self._limit if limited else None, future))
        try:
            return await future
        finally:
            self._asked -= 1

    def waiting(self) -> int:
        """How many functions wait for a thread."""
        return max(0, self._asked - self._count)

    def close(self) -> None:
        """Wait for what runs, refuse what has not begun."""
        self._closed = True
        with suppress(queue.Empty):
            while (left := self._queue.get_nowait()) is not None:
                _told(left.future, left.future.cancel)
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _start(self) -> None:
        name = f"countyfhir-reader_{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (asked := self._queue.get()) is not None:
            future = asked.future
            if future.cancelled():
                continue
            try:
                found = self.here(asked.function, asked.limit)
            except BaseException as error:  # noqa: BLE001 - it goes to whoever asked; the thread lives on
                _told(future, _failed, future, error)
            else:
                _told(future, _answered, future, found)
                del found
            del asked, future

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


def _told(future: asyncio.Future[Any], call: Callable[..., object], *values: object) -> None:
    """On the loop of the future, unless it is gone with all who waited."""
    with suppress(RuntimeError):
        future.get_loop().call_soon_threadsafe(call, *values)


def _answered(future: asyncio.Future[Any], found: object) -> None:
    if not future.done():
        future.set_result(found)


def _failed(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


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
