"""The stores that the contract suite holds over: one line a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from countyfhir.store import sqlite
from countyfhir.store.ports import Store

Open = Callable[[], Awaitable[Store]]
"""Opens one more connection to the same store, as a further process would."""


def sqlite_store(folder: Path) -> Open:
    """An embedded store in a file of the test's own folder."""

    async def opened() -> Store:
        return sqlite.open(folder / "county.sqlite", synchronous="OFF", include_limit=50)

    return opened


FACTORIES: dict[str, Callable[[Path], Open]] = {"sqlite": sqlite_store}


@pytest.fixture(params=sorted(FACTORIES))
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the store under test; every call is a further process's view of the same data."""
    return FACTORIES[request.param](tmp_path)
