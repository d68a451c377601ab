"""A store is copied as it is, to the other kind and back: history, order, ledgers, secret."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from countyfhir.exchange import AuditRecord, Grant, SourceRecord, Subscriber
from countyfhir.search.entries import TOKEN
from countyfhir.search.query import OwnBy, Query, TokenIs
from countyfhir.store import copying, mongodb, sqlite
from countyfhir.store.ports import ApiKey, Event, HistoryQuery, Store, StoreUnusable
from tests.contract.samples import commit, delete, write
from tests.mongodb_server import database_uri

NAMED = (TOKEN, "code", 0, "", "a")


async def fill(store: Store) -> None:
    """Versions, deletions, audit records, keys, the ledger, a job."""
    await commit(store, *(write("Patient", f"p{place}", NAMED, patient=f"p{place}") for place in range(30)))
    await commit(store, write("Patient", "p1", text="two"), delete("Patient", "p2"))
    await commit(store, write("Patient", "p2", text="again", author=("office", "clinic")))
    await commit(store, write("Basic", "gone", author=("clinic",)))
    await commit(store, delete("Basic", "gone"))
    await store.audit.append([AuditRecord(at, "read", "R", "0", "me", patients=("p1",)) for at in range(9)])
    await store.audit.expire(3)
    await store.keys.add(ApiKey("k", b"d" * 32, "clinic", None, (), (), 1))
    await store.keys.revoke("k")
    record = SourceRecord("s", "a", "d", "quarantined", "1", "f", 1, raw=b"\x00raw", recorded=5)
    await store.intake.append([record, replace(record, outcome="stored", raw=None)])
    await store.jobs.add("j", "reindex", {"after": 3})
    await commit(store, write("Subscription", "s", subscriber=Subscriber("on", b"who")))
    await store.outbox.enter(0, 36, [("s", Event("Patient", f"p{n}", 1, n, n, "create")) for n in (1, 2, 3)])
    await store.outbox.settle("s", [2], ("waiting",), "dead", 7, "no answer")
    await store.resources.raise_definitions_version()


def quiet(_what: str, _count: int) -> None:
    """Nobody listens."""


def test_there_and_back(tmp_path: Path) -> None:
    """Each copy has the counts and hashes of the first; a second copy adds nothing, a later one what came since."""
    uri = database_uri()

    async def story() -> None:
        first = sqlite.open(tmp_path / "first.sqlite", synchronous="OFF")
        middle, last = await mongodb.open(uri), sqlite.open(tmp_path / "last.sqlite", synchronous="OFF")
        await fill(first)
        for source, target in ((first, middle), (first, middle), (middle, last)):
            await copying.copy(source.copying(), target.copying(), quiet)
            expected = await copying.sums(source.copying(), quiet)
            assert await copying.sums(target.copying(), quiet) == expected
            assert expected["versions"].count == 36
            assert [expected[ledger].count for ledger in copying.LEDGERS] == [2, 1, 2, 1, 1, 0, 1, 3]
            assert await target.outbox.registrations() == await source.outbox.registrations()
            assert await target.outbox.followed() == 36
        first.resources.definitions = 1
        await commit(first, write("Patient", "p5", text="later"), delete("Patient", "p2"))
        await commit(first, write("Patient", "p2", author=("village",)))
        await copying.copy(first.copying(), middle.copying(), quiet)
        assert await copying.sums(middle.copying(), quiet) == await copying.sums(first.copying(), quiet)
        for store in (first, middle, last):
            await store.close()
        await as_before(await mongodb.open(uri), 39, "village")
        await as_before(sqlite.open(tmp_path / "last.sqlite"), 36, "clinic")

    asyncio.run(story())


async def as_before(store: Any, versions: int, author: str) -> None:
    """Opened anew, a copy answers and is written as the first store was; ``author`` wrote p2."""
    resources = store.resources
    assert resources.definitions == 1
    assert (await resources.history(HistoryQuery(count=1))).total == versions
    old = await resources.vread("Patient", "p1", 1)
    assert old is not None
    assert old.patient == "p1" or old.patient is None
    await resources.reindex(lambda kind, body: ([NAMED], ()), count=100)
    found = await resources.search(Query(("Patient",), ((TokenIs("code", "", "a"),),), total="accurate"))
    assert found.total == 30
    for one in ("clinic", "village"):
        assert await resources.wrote_first("Patient", "p2", [one]) == (one == author)
    assert await resources.wrote_first("Basic", "gone", ["clinic"])
    own = Grant({"*": frozenset("rs")}, {"*": (((OwnBy((author,)),),),)})
    assert [match.logical_id for match in (await resources.search(Query(("Patient",)), own)).matches] == ["p2"]
    (stored,) = await commit(store, write("Patient", "p2"))
    assert (stored.version_id, stored.sequence > versions) == (4 if author == "clinic" else 6, True)
    ((_, record),) = [pair async for pair in store.intake.quarantined()]
    assert record.raw == b"\x00raw"
    await store.intake.append([replace(record, key="new")])
    await store.audit.append([AuditRecord(99, "read", "R", "0", "me")])
    assert len((await store.audit.find({}, count=50, cursor=None))[0]) == 7
    await store.close()


def test_a_store_of_others_is_not_copied_into(tmp_path: Path) -> None:
    """A target that holds resources of another store is refused."""

    async def story() -> None:
        first, other = (sqlite.open(tmp_path / f"{name}.sqlite", synchronous="OFF") for name in ("first", "other"))
        for store in (first, other):
            await commit(store, write("Patient", "p1"))
        with pytest.raises(StoreUnusable, match="another store"):
            await copying.copy(first.copying(), other.copying(), quiet)
        for store in (first, other):
            await store.close()

    asyncio.run(story())
