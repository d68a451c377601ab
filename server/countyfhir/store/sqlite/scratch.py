"""An empty store for a while: what is worked out of a copy of the record does not touch the record."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from countyfhir.store.ports import Store
from countyfhir.store.sqlite.opening import open_store


@asynccontextmanager
async def scratch() -> AsyncIterator[Store]:
    """A store in a file that goes with it."""
    with tempfile.TemporaryDirectory(prefix="countyfhir-") as folder:
        store = open_store(Path(folder) / "scratch.sqlite", synchronous="OFF")
        try:
            yield store
        finally:
            await store.close()
