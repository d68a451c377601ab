"""A full, read-only or failing disk answers 507 or 503, loses nothing, and the store recovers (issue: embedded
store)."""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
from pathlib import Path

import pytest

from countyfhir.outcome import FhirError
from countyfhir.search.query import Query, StringIs, TokenIs
from countyfhir.store.sqlite import SqliteStore

from .opened import ids, one, with_store


def test_a_full_store_is_507_and_recovers(tmp_path: Path) -> None:
    """Nothing of the refused plan is there; with room again writing goes on; names of the refused plan are not
    believed."""

    async def story(store: SqliteStore) -> None:
        await store.resources.commit(one("before"))
        connection = store.writer._connection  # type: ignore[union-attr]
        room = connection.pragma("max_page_count", connection.pragma("page_count"))
        with pytest.raises(FhirError) as refused:
            await store.resources.commit(one("refused", size=500_000, system="urn:refused", parameter="refused"))
        assert (refused.value.status, refused.value.issues[0].code) == (507, "no-store")
        assert await store.resources.read("Patient", "refused") is None
        connection.pragma("max_page_count", 2**30)
        await store.resources.commit(one("after", system="urn:after", parameter="after"))
        assert await ids(store) == {"before", "after"}
        for parameter, system, found in (("after", "urn:after", 1), ("refused", "urn:refused", 0)):
            query = Query(("Patient",), ((TokenIs(parameter, system, "after"),),))
            assert len((await store.resources.search(query)).matches) == found
        assert room
        assert await store.problems() == []

    with_store(tmp_path / "a.sqlite", story)


def test_a_failing_disk_is_503_and_recovers(tmp_path: Path) -> None:
    """The operating system refuses to let a file grow: every plan of the group is refused, later ones pass."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def story(store: SqliteStore) -> None:
        await store.resources.commit(one("before"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, limits[1]))
        try:
            plans = (store.resources.commit(one(f"refused{place}", size=300_000)) for place in range(4))
            outcomes = await asyncio.gather(*plans, return_exceptions=True)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        refused = [outcome for outcome in outcomes if isinstance(outcome, FhirError)]
        assert refused
        assert {outcome.status for outcome in refused} <= {503, 507}
        await store.resources.commit(one("after"))
        passed = {f"refused{place}" for place, outcome in enumerate(outcomes) if not isinstance(outcome, FhirError)}
        assert await ids(store) == {"before", "after"} | passed
        assert await store.problems() == []

    with_store(tmp_path / "a.sqlite", story)


def test_a_read_only_store_is_503_and_still_reads(tmp_path: Path) -> None:
    """Writes are refused with what to do; reads and searches go on; made writable, it writes again."""

    async def story(store: SqliteStore) -> None:
        await store.resources.commit(one("before"))
        connection = store.writer._connection  # type: ignore[union-attr]
        connection.execute("PRAGMA query_only=ON")
        with pytest.raises(FhirError) as refused:
            await store.resources.commit(one("refused"))
        assert refused.value.status == 503
        assert "read-only" in refused.value.issues[0].diagnostics
        assert await ids(store) == {"before"}
        connection.execute("PRAGMA query_only=OFF")
        await store.resources.commit(one("after"))
        assert await ids(store) == {"before", "after"}

    with_store(tmp_path / "a.sqlite", story)


def test_a_turn_that_does_not_come_is_503_and_writes_nothing_later(tmp_path: Path) -> None:
    """While another process keeps the pen, a commit gives up after the limit; it is not written afterwards."""

    async def story(store: SqliteStore) -> None:
        pen = os.open(tmp_path / "a.sqlite-pen", os.O_RDWR | os.O_CREAT)
        fcntl.flock(pen, fcntl.LOCK_EX)
        with pytest.raises(FhirError) as refused:
            await store.resources.commit(one("refused"))
        assert (refused.value.status, refused.value.issues[0].code) == (503, "lock-error")
        os.close(pen)
        await store.resources.commit(one("after"))
        assert await ids(store) == {"after"}

    with_store(tmp_path / "a.sqlite", story, busy_limit=0.2)


def test_a_search_past_its_limit_is_503_and_says_what_to_narrow(tmp_path: Path) -> None:
    """The reader is free again afterwards."""

    async def story(store: SqliteStore) -> None:
        for place in range(20):
            plans = [one(f"p{place}-{number}") for number in range(100)]
            await asyncio.gather(*(store.resources.commit(plan) for plan in plans))
        query = Query(("Patient",), ((StringIs("name", "contains", "no such name"),),))
        with pytest.raises(FhirError) as refused:
            await store.resources.search(query)
        assert (refused.value.status, refused.value.issues[0].code) == (503, "timeout")
        assert "Narrow it" in refused.value.issues[0].diagnostics
        few = Query(("Patient",), ((TokenIs("identifier", "urn:x", "p0-1"),),))
        assert len((await store.resources.search(few)).matches) == 1

    with_store(tmp_path / "a.sqlite", story, time_limit=0.0, synchronous="OFF")


def test_a_bug_in_one_plan_does_not_stop_the_others(tmp_path: Path) -> None:
    """A value that no column takes fails its plan with its own exception; its group is committed."""

    async def story(store: SqliteStore) -> None:
        broken = one("broken").writes[0]
        bad = type(broken)(
            "PUT", "Patient", "broken", {}, None, broken.body, ((0, "identifier", 0, "urn:x", object()),)
        )
        outcomes = await asyncio.gather(
            store.resources.commit(one("good")),
            store.resources.commit(type(one("x"))((bad,))),
            store.resources.commit(one("better")),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], TypeError)
        assert await ids(store) == {"good", "better"}

    with_store(tmp_path / "a.sqlite", story)
