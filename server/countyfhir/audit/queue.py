"""Audit records wait here for at most a second and are committed in groups; a full queue makes callers wait and
nothing is dropped (DESIGN decision 13)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from countyfhir.audit.record import record_of
from countyfhir.exchange import AuditRecord, Interaction
from countyfhir.outcome import FhirError
from countyfhir.store.ports import AuditStore

log = logging.getLogger(__name__)

Noted = tuple[int, Interaction, int, tuple[str, ...], str | None]
"""An access before it is made a record: when (nanoseconds since 1970), what, status, patients, version."""
AT_A_TIME = 100  # noted accesses made records before others get their turn


@dataclass(slots=True)
class AuditQueue:
    """Collects what was accessed and appends it to ``store``.

    ``capacity`` records may wait; ``group`` of them go in one commit; nobody's record waits longer than ``interval``
    seconds while the store accepts them. With ``strict`` every caller waits until its record is durable. When the store
    refuses, callers of a full queue get 503 after ``patience`` seconds.
    """

    store: AuditStore
    capacity: int = 20_000
    group: int = 2500
    interval: float = 0.5
    patience: float = 5.0
    strict: bool = False
    clock: Callable[[], int] = time.time_ns
    waiting: list[Noted | AuditRecord] = field(default_factory=list)
    room: int = 0  # how many may wait: the capacity less those on their way to the store
    accepted: int = 0  # taken out of ``waiting`` so far
    durable: int = 0
    failures: int = 0  # commits that the store refused in a row
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)
    task: asyncio.Task[None] | None = None
    closing: bool = False

    def __post_init__(self) -> None:
        """An empty queue has room for all."""
        self.room = self.capacity

    def start(self) -> None:
        """Begin to commit in the background; call it inside the running event loop."""
        self.task = asyncio.create_task(self.run(), name="audit")

    def note(
        self, interaction: Interaction, status: int, patients: tuple[str, ...] = (), version_id: str | None = None
    ) -> bool:
        """Take one access; the hot path. False, and nothing taken, when the queue is full or strict: ``await put``
        then."""
        waiting = self.waiting
        held = len(waiting)
        if held >= self.room or self.strict:
            return False
        noted = (self.clock(), interaction, status, patients, version_id)
        waiting.append(noted if interaction.body is None else of_noted(noted))
        if held == self.group:
            self.wake.set()
        return True

    async def put(self, records: Sequence[AuditRecord]) -> None:
        """Take records, waiting for room; with ``strict`` until they are durable. FhirError ``transient`` (503) when
        there is no room within ``patience``, or, with ``strict``, when the store does not take them within it."""
        for record in records:
            if len(self.waiting) >= self.room:
                await self.until(lambda: len(self.waiting) < self.room)
            self.waiting.append(record)
        if self.strict:
            goal = self.accepted + len(self.waiting)
            await self.until(lambda: self.durable >= goal)

    async def access(
        self, interaction: Interaction, status: int, patients: tuple[str, ...] = (), version_id: str | None = None
    ) -> None:
        """``note``, or ``put`` when that is not enough."""
        if not self.note(interaction, status, patients, version_id):
            await self.put([of_noted((self.clock(), interaction, status, patients, version_id))])

    async def flush(self) -> None:
        """Wait until everything taken so far is durable. FhirError ``transient`` (503) past ``patience``."""
        goal = self.accepted + len(self.waiting)
        await self.until(lambda: self.durable >= goal)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wake the writer and wait for the condition, at most ``patience`` seconds."""
        self.wake.set()
        try:
            async with asyncio.timeout(self.patience), self.moved:
                await self.moved.wait_for(condition)
        except TimeoutError:
            raise FhirError(
                "transient",
                "The record of accesses cannot be written at the moment, so nothing can be shown; try again later.",
                headers={"Retry-After": str(max(1, round(self.patience)))},
            ) from None

    async def run(self) -> None:
        """The writer: commits groups until it is told to close and nothing waits."""
        while not (self.closing and not self.waiting):
            if not self.closing and len(self.waiting) < self.group:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), self.interval)
            self.wake.clear()
            goal = self.accepted + len(self.waiting)  # what comes meanwhile waits for its own group
            while self.waiting and self.accepted < goal:
                if not await self.commit_group():
                    await asyncio.sleep(min(0.05 * 2 ** min(self.failures, 7), 5.0))

    async def commit_group(self) -> bool:
        """Append the oldest group; when the store refuses, it goes back to where it was."""
        group = self.waiting[: self.group]
        del self.waiting[: self.group]
        self.room = self.capacity - len(group)
        self.accepted += len(group)
        try:
            await self.store.append(await records_of(group))
        except asyncio.CancelledError:
            self.give_back(group)
            raise
        except Exception as error:  # noqa: BLE001 - whatever the store says, the records stay and are tried again
            self.give_back(group)
            self.failures += 1
            log.warning("audit records wait: the store refused %d of them (%s)", len(group), type(error).__name__)
            return False
        self.failures = 0
        self.room = self.capacity
        self.durable += len(group)
        async with self.moved:
            self.moved.notify_all()
        return True

    def give_back(self, group: list[Noted | AuditRecord]) -> None:
        """Put a group that was not committed back to the front."""
        self.waiting[:0] = group
        self.accepted -= len(group)
        self.room = self.capacity

    async def close(self, patience: float = 30.0) -> None:
        """Commit what waits and stop. FhirError ``incomplete`` when the store did not take it within ``patience``
        seconds; the message says how many records that are."""
        self.closing = True
        self.wake.set()
        if self.task is None:
            return
        done, _ = await asyncio.wait({self.task}, timeout=patience)
        if not done:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        if self.waiting:
            raise FhirError("incomplete", f"{len(self.waiting)} audit records could not be written before the end.")


async def records_of(group: Sequence[Noted | AuditRecord]) -> list[AuditRecord]:
    """The records of a group, made a few at a time so that no request waits for all of them."""
    records: list[AuditRecord] = []
    for start in range(0, len(group), AT_A_TIME):
        part = group[start : start + AT_A_TIME]
        records += [each if isinstance(each, AuditRecord) else of_noted(each) for each in part]
        await asyncio.sleep(0)
    return records


def of_noted(noted: Noted) -> AuditRecord:
    """The record of a noted access."""
    recorded, interaction, status, patients, version_id = noted
    return record_of(interaction, recorded // 1000, status, patients=patients, version_id=version_id)
