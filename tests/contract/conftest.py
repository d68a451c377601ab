"""The stores that the contract suite holds over: one line a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from countyfhir.store import sqlite
from countyfhir.store.ports import Store
from tests import stores
from tests.mongodb_server import database_uri

Open = Callable[[], Awaitable[Store]]
"""Opens one more connection to the same store, as a further process would."""


def sqlite_store(folder: Path) -> Open:
    """An embedded store in a file of the test's own folder."""

    async def opened() -> Store:
        return sqlite.open(folder / "county.sqlite", synchronous="OFF", include_limit=50)

    return opened


def mongodb_store(folder: Path) -> Open:
    """A database of the test's own."""
    from countyfhir.store import mongodb

    uri = database_uri()

    async def opened() -> Store:
        return await mongodb.open(uri, include_limit=50)

    return opened


FACTORIES: dict[str, Callable[[Path], Open]] = {"mongodb": mongodb_store, "sqlite": sqlite_store}


SHORT = (
    "test_resources.py",
    "test_records.py",
    "test_gathering.py",
    "test_persons.py",
    "test_outbox.py",
    "test_relations.py",
    "test_full_text.py::test_changes_are_seen_at_once",
    "test_code_text.py",
    "test_token_case.py",
    "test_search.py::test_an_include_follows_a_canonical",
    "test_search.py::test_totals_are_counted_when_asked_for",
    "test_reached.py::test_found_as_a_plain_reading_finds[mongodb-few",
    "test_reached.py::test_each_type",
)
"""What is run on MongoDB unless ``--store mongodb`` asks for all of it: SecantusDB is slow."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long on MongoDB."""
    if stores.chosen == "mongodb":
        return
    kept = [item for item in items if "[mongodb" not in item.nodeid or _is_short(item.nodeid)]
    if len(kept) < len(items):
        items[:] = kept


def _is_short(name: str) -> bool:
    return "tests/contract/" not in name or any(f"/{each}" in name for each in SHORT)


@pytest.fixture(params=sorted(FACTORIES))
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the store under test; every call is a further process's view of the same data."""
    return FACTORIES[request.param](tmp_path)
