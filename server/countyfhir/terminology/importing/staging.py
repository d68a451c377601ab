"""A file on disk for what a release spreads over several files and a concept has in one place; removed when done.
Memory stays flat, whatever the size of the release."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

_AT_A_TIME = 10_000


class Staging:
    """Tables that are filled row by row and read once in order."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-16384", "locking_mode=EXCLUSIVE"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()

    def fill(self, name: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
        """A table ``name`` with ``columns`` (as SQL declares them) and all rows."""
        self._connection.execute(f"CREATE TABLE {name}({columns})")
        marks = ",".join("?" * len(columns.split(",")))
        waiting = iter(rows)
        while batch := list(islice(waiting, _AT_A_TIME)):
            with self._connection:
                self._connection.executemany(f"INSERT INTO {name} VALUES({marks})", batch)

    def index(self, name: str, columns: str) -> None:
        """Make look-ups by ``columns`` quick, after the table is full."""
        self._connection.execute(f"CREATE INDEX {name}_by ON {name}({columns})")

    def rows(self, sql: str, *bindings: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, as they come."""
        return iter(self._connection.execute(sql, bindings))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


@contextmanager
def staging() -> Iterator[Staging]:
    """A staging file that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="countyfhir-import-") as folder:
        made = Staging(Path(folder) / "staging.sqlite")
        try:
            yield made
        finally:
            made.close()
