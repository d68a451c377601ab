"""Audit records, keys, the intake ledger and jobs are kept the same in every store (ports)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from countyfhir.exchange import AuditRecord, SourceRecord
from countyfhir.store.ports import ApiKey, Store

from .conftest import Open
from .samples import run


def test_audit_records_are_found_by_everything_one_asks(open_store: Open) -> None:
    """Newest first, page by page, by patient, principal, time, action, interaction, outcome, resource; expired by
    age."""

    async def story(store: Store) -> None:
        records = [
            AuditRecord(
                place * 10,
                "read" if place % 2 else "search-type",
                "R" if place % 2 else "E",
                "4" if place == 6 else "0",
                f"key{place % 3}",
                resource_type="Patient",
                logical_id=f"p{place % 4}",
                patients=(f"p{place % 4}", "both"),
                query="name=x",
                request_id=str(place),
            )
            for place in range(12)
        ]
        await store.audit.append(records)

        async def found(**criteria: object) -> list[int]:
            numbers: list[int] = []
            cursor = None
            while True:
                page, cursor = await store.audit.find(criteria, count=2, cursor=cursor)
                assert all(record in records for _, record in page)
                numbers += [int(record.request_id) for _, record in page]
                if cursor is None:
                    return numbers

        assert await found() == list(range(11, -1, -1))
        assert await found(patient="p1") == [9, 5, 1]
        assert await found(patient="both", principal="key0") == [9, 6, 3, 0]
        assert await found(since=30, until=60) == [5, 4, 3]
        assert await found(action="R", since=80) == [11, 9]
        assert await found(interaction="search-type", until=30) == [2, 0]
        assert await found(outcome="4") == [6]
        assert await found(resource=("Patient", "p3")) == [11, 7, 3]
        assert await found(patient="nobody") == []
        with pytest.raises(ValueError, match="colour"):
            await found(colour="red")
        ((sequence, record),), _ = await store.audit.find({}, count=1, cursor=None)
        assert await store.audit.read(sequence) == record
        assert await store.audit.read(sequence + 1) is None
        assert await store.audit.expire(50) == 5
        assert await found(patient="both") == [11, 10, 9, 8, 7, 6, 5]

    run(open_store, story)


def test_keys_are_found_by_digest_and_can_be_revoked(open_store: Open) -> None:
    """A revoked key is still known, as revoked; revoking it again says no."""

    async def story(store: Store) -> None:
        key = ApiKey("k1", b"d" * 32, "clinic", "org1", ("nurse",), ("system/*.rs",), 5, 9)
        await store.keys.add(key)
        await store.keys.add(replace(key, key_id="k0", digest=b"e" * 32, created=6))
        assert await store.keys.by_digest(b"d" * 32) == key
        assert await store.keys.by_digest(b"x" * 32) is None
        assert await store.keys.revoke("k1") is True
        assert await store.keys.revoke("k1") is False
        assert await store.keys.by_digest(b"d" * 32) == replace(key, revoked=True)
        assert [one.key_id for one in await store.keys.all()] == ["k1", "k0"]

    run(open_store, story)


def test_the_ledger_remembers_the_last_stored_record_of_a_key(open_store: Open) -> None:
    """Quarantined records keep their raw bytes until released and do not hide the last stored one."""

    async def story(store: Store) -> None:
        record = SourceRecord(
            "clinic", "a", "d1", "stored", "1", "file.csv", 1, resources=("Patient/p1",), raw=b"raw", recorded=7
        )
        held = replace(record, outcome="quarantined", digest="d2", record=2, issues=({"code": "value"},))
        await store.intake.append([record, replace(record, key="b"), held, replace(held, source="other")])
        latest = await store.intake.latest("clinic", ["a", "b", "c"])
        assert latest == {key: replace(record, key=key, raw=None) for key in ("a", "b")}
        waiting = [pair async for pair in store.intake.quarantined("clinic")]
        assert [one for _, one in waiting] == [held]
        assert len([pair async for pair in store.intake.quarantined()]) == 2
        assert [pair async for pair in store.intake.quarantined("clinic", waiting[-1][0])] == []
        assert [pair async for pair in store.intake.quarantined("clinic", waiting[-1][0] - 1)] == waiting[-1:]
        await store.intake.release(waiting[0][0])
        assert [pair async for pair in store.intake.quarantined("clinic")] == []

    run(open_store, story)


def test_a_job_is_held_by_one_and_taken_over_when_its_lease_ends(open_store: Open) -> None:
    """Leases are exclusive while they last; only the holder reports; a finished job is not leased again."""

    async def story(store: Store) -> None:
        jobs, later = store.jobs, 2**60
        assert await jobs.add("j1", "reindex", {"after": 0}) is True
        assert await jobs.add("j1", "reindex", {}) is False
        assert await jobs.lease("export", "me", later) is None
        taken = await jobs.lease("reindex", "me", 1)
        assert taken is not None
        assert taken.progress == {"after": 0}
        assert taken.state == "running"
        over = await jobs.lease("reindex", "you", later)
        assert over is not None
        assert over.owner == "you"
        assert await jobs.report("j1", "me", later, {"after": 5}) is False
        assert await jobs.report("j1", "you", later, {"after": 9}) is True
        assert await jobs.lease("reindex", "me", later) is None
        assert await jobs.report("j1", "you", 0, {"after": 10}, "finished") is True
        assert await jobs.lease("reindex", "me", later) is None
        (kept,) = await jobs.of_kind("reindex")
        assert (kept.state, kept.progress) == ("finished", {"after": 10})
        assert await jobs.read("j1") == kept

    run(open_store, story)
