"""A copy made while serving is whole; restoring checks it and never takes away what is in use (issue: embedded
store)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from countyfhir.store import sqlite
from countyfhir.store.ports import StoreUnusable
from countyfhir.store.sqlite import SqliteStore
from countyfhir.store.sqlite.backup import copy

from .opened import ids, one, with_store


def test_a_copy_made_under_writes_is_one_state(tmp_path: Path) -> None:
    """It holds all that was acknowledged before it began and, of what came after, a beginning without gaps."""

    async def story(store: SqliteStore) -> None:
        for place in range(30):
            await store.resources.commit(one(f"p{place}"))

        async def go_on() -> None:
            for place in range(30, 90):
                await store.resources.commit(one(f"p{place}"))

        writing = asyncio.ensure_future(go_on())
        await store.backup(tmp_path / "copy.sqlite")
        await writing
        with pytest.raises(FileExistsError):
            await store.backup(tmp_path / "copy.sqlite")

    with_store(tmp_path / "a.sqlite", story)
    assert sqlite.problems(tmp_path / "copy.sqlite") == []
    copied = with_store(tmp_path / "copy.sqlite", ids)
    assert copied == {f"p{place}" for place in range(len(copied))}
    assert len(copied) >= 30


def test_restoring_puts_the_copy_in_place_and_keeps_the_old(tmp_path: Path) -> None:
    """The old state is beside it; what was written after the copy is gone from the store."""
    path = tmp_path / "a.sqlite"

    async def first(store: SqliteStore) -> None:
        await store.resources.commit(one("kept"))
        await store.backup(tmp_path / "copy.sqlite")
        await store.resources.commit(one("later"))

    with_store(path, first)
    sqlite.restore(tmp_path / "copy.sqlite", path)
    assert with_store(path, ids) == {"kept"}
    assert with_store(tmp_path / "a.sqlite.replaced", ids) == {"kept", "later"}
    sqlite.restore(tmp_path / "copy.sqlite", tmp_path / "fresh.sqlite")
    assert with_store(tmp_path / "fresh.sqlite", ids) == {"kept"}


def test_an_open_store_is_not_replaced(tmp_path: Path) -> None:
    """Restoring says what to stop; the store goes on unharmed."""

    async def story(store: SqliteStore) -> None:
        await store.backup(tmp_path / "copy.sqlite")
        await store.resources.commit(one("p1"))
        with pytest.raises(StoreUnusable, match="stop it first"):
            sqlite.restore(tmp_path / "copy.sqlite", tmp_path / "a.sqlite")
        assert await ids(store) == {"p1"}

    with_store(tmp_path / "a.sqlite", story)


@pytest.mark.parametrize("harm", ["cut short", "overwritten", "missing"])
def test_a_damaged_copy_is_not_installed(tmp_path: Path, harm: str) -> None:
    """The store stays as it was, with no half of the copy beside it."""
    path, copy = tmp_path / "a.sqlite", tmp_path / "copy.sqlite"

    async def story(store: SqliteStore) -> None:
        for place in range(40):
            await store.resources.commit(one(f"p{place}", size=5000))
        await store.backup(copy)

    with_store(path, story)
    content = bytearray(copy.read_bytes())
    if harm == "overwritten":
        content[len(content) // 2 : len(content) // 2 + 20_000] = b"\xa5" * 20_000
    copy.write_bytes(content[: len(content) // 2] if harm == "cut short" else content)
    if harm == "missing":
        copy.unlink()
    with pytest.raises((StoreUnusable, FileNotFoundError)):
        sqlite.restore(copy, path)
    assert len(with_store(path, ids)) == 40
    assert not list(tmp_path.glob("*.restoring*"))


def test_there_must_be_something_to_copy(tmp_path: Path) -> None:
    """A mistyped path is refused and does not become an empty database."""
    with pytest.raises(StoreUnusable, match="no database"):
        copy(str(tmp_path / "mistyped.sqlite"), tmp_path / "copy.sqlite", sqlite.Options())
    assert list(tmp_path.iterdir()) == []
