"""Who listens hears of what another process writes, by type, with a change stream and without."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from countyfhir.store.mongodb import MongoStore, changes
from tests.contract.samples import commit, write

from .opened import told


@pytest.mark.parametrize("streams", [True, False])
def test_listeners_hear_of_the_types_that_are_written(streams: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's own announcement of its commits is left out: what is heard comes from the database."""
    monkeypatch.setattr(changes, "PAUSE", 0.1)

    async def story(store: MongoStore) -> None:
        assert store.database is not None
        heard = changes.Changed()
        basics, codes = heard.listen(["Basic"]), heard.listen(["CodeSystem"])
        attending = asyncio.create_task(changes.attend(store.database, heard, streams=streams))
        try:
            await asyncio.sleep(0.3)
            await commit(store, *(write("Basic", f"b{place}") for place in range(3)))
            assert await basics.wait(10)
            assert not await codes.wait(0)
            await commit(store, write("CodeSystem", "c"))
            assert await codes.wait(10)
        finally:
            attending.cancel()
            await asyncio.gather(attending, return_exceptions=True)

    told(story)


def test_what_is_written_while_the_stream_opens_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes again, so nobody would tell of it later."""

    async def story(store: MongoStore) -> None:
        assert store.database is not None
        opened = changes._stream

        async def slowly(*given: Any) -> Any:
            await commit(store, write("Basic", "b"))
            return await opened(*given)

        monkeypatch.setattr(changes, "_stream", slowly)
        heard = changes.Changed()
        basics = heard.listen(["Basic"])
        attending = asyncio.create_task(changes.attend(store.database, heard))
        try:
            assert await basics.wait(10)
        finally:
            attending.cancel()
            await asyncio.gather(attending, return_exceptions=True)

    told(story)
