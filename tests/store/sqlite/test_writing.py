"""Commits of a process share one fsync, the log stays bounded, time never goes back (DESIGN decisions 7 and 14)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from countyfhir.store.sqlite import SqliteStore
from tests.durability.power import ForgetfulDisk

from .opened import ids, one, with_store


def test_what_waits_together_shares_one_sync(tmp_path: Path) -> None:
    """Sixty commits at once need far fewer syncs of the log than sixty commits one after the other."""
    disk = ForgetfulDisk("counting")
    syncs = [0]

    async def story(store: SqliteStore) -> tuple[int, int]:
        log = disk.images[str(tmp_path / "a.sqlite-wal")]
        original = type(log).sync

        def counted(image: object) -> None:
            syncs[0] += image is log
            original(image)  # type: ignore[arg-type]

        type(log).sync = counted  # type: ignore[method-assign,assignment]
        try:
            for place in range(60):
                await store.resources.commit(one(f"a{place}"))
            apart, syncs[0] = syncs[0], 0
            await asyncio.gather(*(store.resources.commit(one(f"b{place}")) for place in range(60)))
            return apart, syncs[0]
        finally:
            type(log).sync = original  # type: ignore[method-assign]

    apart, together = with_store(tmp_path / "a.sqlite", story, vfs="counting")
    disk.unregister()
    assert apart >= 60
    assert together <= 6


def test_the_log_stays_bounded_beside_a_long_reader(tmp_path: Path) -> None:
    """A reader that keeps an old snapshot lets the log grow; when it ends the log starts anew and is cut."""
    log = tmp_path / "a.sqlite-wal"

    async def story(store: SqliteStore) -> None:
        await store.resources.commit(one("first"))
        reader = store.connections.mine()  # type: ignore[union-attr]
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM version").fetchall()
        for place in range(40):
            await store.resources.commit(one(f"a{place}", size=50_000))
        assert log.stat().st_size > 1_500_000
        reader.execute("COMMIT")
        written = 0
        while log.stat().st_size > 1_500_000:
            await store.resources.commit(one(f"b{written}", size=50_000))
            written += 1
            assert written < 300, "4 MB and more were written since the reader ended, and the log never started anew"
        assert len(await ids(store)) == 41 + written

    with_store(tmp_path / "a.sqlite", story, wal_soft=200_000, wal_hard=1_000_000, synchronous="NORMAL")


def test_a_clock_set_back_does_not_turn_back_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions written after the clock was set back carry the instant of the newest one before, also after a
    restart."""
    from countyfhir.store import instant

    async def write(store: SqliteStore) -> int:
        return (await store.resources.commit(one("p1")))[0].last_updated

    first = with_store(tmp_path / "a.sqlite", write)
    monkeypatch.setattr(instant, "now", lambda: first - 3_600_000_000)
    assert with_store(tmp_path / "a.sqlite", write) == first


def test_a_caller_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    """Cancelled commits are either written or not, and those of others are."""

    async def story(store: SqliteStore) -> None:
        tasks = [asyncio.ensure_future(store.resources.commit(one(f"p{place}"))) for place in range(30)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert {f"p{place}" for place in range(1, 30, 2)} <= await ids(store)

    with_store(tmp_path / "a.sqlite", story)


def test_a_plan_that_cannot_be_written_harms_no_other_of_its_group(tmp_path: Path) -> None:
    """Half a surrogate pair in one of thirty commits at once: that one fails, whole, and the others are there."""

    async def story(store: SqliteStore) -> None:
        plans = [one(f"p{place}") for place in range(30)]
        plans[7] = one("p7", system="urn:\ud800")
        plans[11] = one("p11", parameter="name-\udfff")
        outcomes = await asyncio.gather(*map(store.resources.commit, plans), return_exceptions=True)
        failed = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, BaseException)]
        assert failed == [7, 11]
        assert await ids(store) == {f"p{place}" for place in range(30)} - {"p7", "p11"}
        assert await store.resources.read("Patient", "p7") is None
        assert await store.problems() == []

    with_store(tmp_path / "a.sqlite", story)
