"""The file of the concept index: a connection for each thread that reads, one that writes (SQLite through apsw)."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from countyfhir.terminology import schema
from countyfhir.terminology.patterns import compiled

_NAMES = itertools.count(1)
_BUSY = 30_000  # milliseconds that a writer waits for another process


class Database:
    """One concept index. ``path`` None: in memory, shared by the threads of this process. Every method may be called
    by any thread."""

    def __init__(self, path: Path | None) -> None:
        self._address = f"file:/countyfhir-{next(_NAMES)}?vfs=memdb" if path is None else str(path)
        self._local = threading.local()
        self._opened: list[apsw.Connection] = []
        self._writing = threading.RLock()
        self._depth = 0
        self._writer = self._connect()
        if path is not None:
            self._writer.execute("PRAGMA journal_mode=WAL").fetchall()
        self._prepare()
        self._seen = self._data_version()

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._mine().execute(sql, bindings).fetchall()

    def first(self, sql: str, bindings: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        found = self._mine().execute(sql, bindings).fetchall()
        return found[0] if found else None

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """The writing connection in a transaction: all of the block or nothing. May be nested by one thread."""
        with self._writing:
            if self._depth:
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            else:
                self._writer.execute("COMMIT")
            finally:
                self._depth = 0

    def changed_outside(self) -> bool:
        """Whether another connection than our writer has changed the file since the last call."""
        with self._writing:
            found = self._data_version()
            before, self._seen = self._seen, found
            return found != before

    def close(self) -> None:
        """Let go of the file; nothing may be reading."""
        for connection in self._opened:
            connection.close(True)
        self._opened.clear()
        self._local = threading.local()

    def _data_version(self) -> int:
        found: Any = self._writer.execute("PRAGMA data_version").fetchall()[0][0]
        return int(found)

    def _mine(self) -> apsw.Connection:
        if self._depth and self._writing._is_owned():  # type: ignore[attr-defined]
            return self._writer  # inside our own transaction: what it wrote is seen
        try:
            return self._local.connection  # type: ignore[no-any-return]
        except AttributeError:
            connection = self._local.connection = self._connect()
            return connection

    def _connect(self) -> apsw.Connection:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(self._address, flags=flags)
        connection.set_busy_timeout(_BUSY)
        for pragma in ("synchronous=NORMAL", "cache_size=-8192", "mmap_size=268435456", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.create_scalar_function("fits", _fits, 2, deterministic=True)
        self._opened.append(connection)
        return connection

    def _prepare(self) -> None:
        version = self._writer.execute("PRAGMA user_version").fetchall()[0][0]
        if version == schema.VERSION:
            return
        with self.writing() as connection:
            connection.execute(schema.TABLES)
            connection.execute(f"PRAGMA user_version={schema.VERSION}")


def _fits(*values: Any) -> bool:
    pattern, text = values
    found: re.Pattern[str] = compiled(pattern)
    return text is not None and found.fullmatch(text) is not None
