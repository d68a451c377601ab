"""Where the servers of tests keep their data: in the file a test names, or, with ``--store mongodb``, in a database of
that file's own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.mongodb_server import database_uri

if TYPE_CHECKING:
    from countyfhir.store.ports import Store

chosen = "sqlite"

_databases: dict[Path, str] = {}


def store_at(path: Path) -> str:
    """The setting ``store`` for a store of one's own, the same for the same path."""
    if chosen == "sqlite":
        return f"sqlite:{path}"
    return _databases.get(path) or _databases.setdefault(path, database_uri())


def deadline(seconds: float) -> float:
    """The moment of the monotonic clock after which waiting is over: later where SecantusDB, which is slow, may stand
    behind."""
    return time.monotonic() + seconds * (1 if chosen == "sqlite" else 20)


async def opened(path: Path) -> Store:
    """The ports of that store."""
    from countyfhir.app import open_store
    from countyfhir.settings import load

    return await open_store(load({"store": store_at(path)}))


def forget(path: Path) -> None:
    """Have an empty store there from now on."""
    path.unlink(missing_ok=True)
    _databases.pop(path, None)
