"""Records reach the store within the interval, in order, all of them; a full queue makes callers wait, then 503."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from countyfhir.audit.queue import AuditQueue
from countyfhir.exchange import AuditRecord, Interaction
from countyfhir.outcome import FhirError
from countyfhir.store import sqlite

READ = Interaction("read", "Patient", "1")


class Refusing:
    """An audit store that can be told to refuse, or to take its time."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []
        self.groups: list[int] = []
        self.refuses = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, records: Sequence[AuditRecord]) -> None:
        """Keep them, or fail as a full disk does."""
        await self.gate.wait()
        if self.refuses:
            raise FhirError("no-store", "The disk is full.")
        self.records.extend(records)
        self.groups.append(len(records))

    async def find(self, criteria: Any, *, count: int, cursor: int | None) -> Any:
        """Not asked here."""
        raise NotImplementedError

    async def read(self, sequence: int) -> AuditRecord | None:
        """Not asked here."""
        raise NotImplementedError

    async def expire(self, before: int) -> int:
        """Not asked here."""
        raise NotImplementedError


def numbered(number: int) -> AuditRecord:
    """A record that can be told from others."""
    return AuditRecord(number, "read", "R", "0", "x")


def test_what_is_noted_becomes_durable(tmp_path: Path) -> None:
    """Through the real store: noted accesses are found after a flush, with what was noted."""

    async def scenario() -> None:
        store = sqlite.open(tmp_path / "store.sqlite")
        queue = AuditQueue(store.audit, clock=lambda: 7_000)
        queue.start()
        assert queue.note(READ, 200, ("1",), "3")
        assert queue.note(Interaction("create", "Patient", body={"resourceType": "Patient"}), 403)
        await queue.flush()
        rows, _ = await store.audit.find({}, count=10, cursor=None)
        assert [(row.interaction, row.status, row.recorded) for _, row in rows] == [
            ("create", 403, 7),
            ("read", 200, 7),
        ]
        assert (rows[1][1].patients, rows[1][1].version_id) == (("1",), "3")
        await queue.close()
        await store.close()

    asyncio.run(scenario())


def test_records_are_committed_in_groups_and_in_order() -> None:
    """No group is larger than set; nothing is lost or doubled."""

    async def scenario() -> None:
        store = Refusing()
        queue = AuditQueue(store, group=10, interval=60)
        queue.start()
        await queue.put([numbered(number) for number in range(95)])
        await queue.flush()
        assert [record.recorded for record in store.records] == list(range(95))
        assert max(store.groups) == 10
        await queue.close()

    asyncio.run(scenario())


def test_a_quiet_queue_is_flushed_after_the_interval() -> None:
    """Nobody has to ask."""

    async def scenario() -> None:
        store = Refusing()
        queue = AuditQueue(store, interval=0.01)
        queue.start()
        assert queue.note(READ, 200)
        async with asyncio.timeout(5), queue.moved:
            await queue.moved.wait_for(lambda: len(store.records) == 1)
        await queue.close()

    asyncio.run(scenario())


def test_a_full_queue_makes_callers_wait() -> None:
    """``note`` says no, ``put`` waits for room, and everything arrives."""

    async def scenario() -> None:
        store = Refusing()
        store.gate.clear()
        queue = AuditQueue(store, capacity=5, group=2, interval=0.01)
        queue.start()
        await asyncio.sleep(0)
        accepted = 0
        while queue.note(READ, 200):
            accepted += 1
        assert accepted == 5
        waiting = [asyncio.create_task(queue.access(READ, 200)) for _ in range(20)]
        await asyncio.sleep(0.03)
        assert not any(task.done() for task in waiting)
        store.gate.set()
        await asyncio.gather(*waiting)
        await queue.close()
        assert len(store.records) == 25

    asyncio.run(scenario())


def test_a_store_that_refuses_stops_callers_and_loses_nothing() -> None:
    """503 with Retry-After once the queue is full; when the store has recovered all that was accepted is written."""

    async def scenario() -> None:
        store = Refusing()
        store.refuses = True
        queue = AuditQueue(store, capacity=5, group=2, interval=0.01, patience=0.05)
        queue.start()
        await queue.put([numbered(number) for number in range(5)])
        await asyncio.sleep(0.05)
        assert not queue.note(READ, 200)
        with pytest.raises(FhirError) as caught:
            await queue.access(READ, 200)
        assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "1")
        store.refuses = False
        queue.patience = 5
        await queue.flush()
        assert [record.recorded for record in store.records] == list(range(5))
        await queue.close()

    asyncio.run(scenario())


def test_strict_waits_until_the_record_is_durable() -> None:
    """The answer goes out only after the commit; when the store refuses, the caller gets 503."""

    async def scenario() -> None:
        store = Refusing()
        queue = AuditQueue(store, strict=True, interval=60, patience=0.05)
        queue.start()
        assert not queue.note(READ, 200)
        await queue.access(READ, 200)
        assert len(store.records) == 1
        await asyncio.gather(*(queue.access(READ, 200) for _ in range(50)))
        assert len(store.records) == 51
        store.refuses = True
        with pytest.raises(FhirError) as caught:
            await queue.access(READ, 200)
        assert caught.value.status == 503
        store.refuses = False
        await queue.close()

    asyncio.run(scenario())


def test_closing_writes_what_waits() -> None:
    """The last records before a shutdown are committed."""

    async def scenario() -> None:
        store = Refusing()
        queue = AuditQueue(store, interval=60, group=3)
        queue.start()
        await queue.put([numbered(number) for number in range(10)])
        await queue.close()
        assert len(store.records) == 10

    asyncio.run(scenario())


def test_closing_says_when_records_could_not_be_written() -> None:
    """With their number, so that nobody believes all is well."""

    async def scenario() -> None:
        store = Refusing()
        store.refuses = True
        queue = AuditQueue(store, interval=0.01)
        queue.start()
        await queue.put([numbered(number) for number in range(3)])
        with pytest.raises(FhirError, match=r"^3 audit records"):
            await queue.close(patience=0.05)

    asyncio.run(scenario())
