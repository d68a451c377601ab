"""Where the servers of tests keep their data: in the file a test names, or, with ``--store mongodb``, in a database of
that file's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.mongodb_server import database_uri

chosen = "sqlite"


def store_at(path: Path) -> str:
    """The setting ``store`` for a store of one's own, the same for the same path."""
    return f"sqlite:{path}" if chosen == "sqlite" else _database_of(path)


@cache
def _database_of(path: Path) -> str:
    return database_uri()
