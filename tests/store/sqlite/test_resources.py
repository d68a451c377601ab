"""Few keys are looked at where the question is asked; what takes long goes to a reader thread."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from countyfhir.exchange import Grant
from countyfhir.search.query import TokenIs
from countyfhir.store.sqlite import SqliteStore, reading, resources

from .opened import one, with_store

NARROW = Grant({"*": frozenset("r")}, {"Patient": (((TokenIs("identifier", "urn:x", "a"),),),)}, "a")
KEYS = [("Patient", "a"), ("Patient", "b"), ("Patient", "c"), ("Observation", "a")]


@pytest.mark.parametrize("patience", [resources.PATIENCE, -1])
def test_what_is_visible_does_not_depend_on_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    """The same answer at once on the calling thread and, out of patience, from a reader."""
    asked: list[str] = []
    original = reading.Readers.here

    def noted(*arguments: object) -> object:
        asked.append(threading.current_thread().name)
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reading.Readers, "here", noted)
    monkeypatch.setattr(reading, "STEPS_BETWEEN_LOOKS", 1)
    monkeypatch.setattr(resources, "PATIENCE", patience)

    async def story(store: SqliteStore) -> set[tuple[str, str]]:
        await asyncio.gather(*(store.resources.commit(one(name)) for name in "ab"))
        return await store.resources.visible(KEYS, NARROW)

    assert with_store(tmp_path / "a.sqlite", story) == {("Patient", "a")}
    assert [name.startswith("countyfhir-reader") for name in asked] == ([False] if patience > 0 else [False, True])
