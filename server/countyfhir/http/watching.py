"""What a running server tells of itself: requests and store calls as they are counted, queues when asked, readiness."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from countyfhir.access.authenticate import Authenticator
from countyfhir.audit.queue import AuditQueue
from countyfhir.exchange import Interaction, Plan, SourceRecord
from countyfhir.http.headers import Headers
from countyfhir.interactions.reindex_jobs import KIND
from countyfhir.interactions.world import World
from countyfhir.metrics import Metrics, Shared, shared, tell_forever, text, timed, together
from countyfhir.outcome import FhirError

CALLS = ("read", "vread", "read_many", "search", "history", "commit", "visible")
"""Calls of the store whose time is counted."""
LEAST_TYPES = 100
"""R4 has 148 resource types: with fewer the definitions are not there."""

Tracer = Callable[[Interaction, int, float, Headers], None]


Checks = Callable[[], Awaitable[Mapping[str, str]]]
"""What must be so that requests can be answered: name -> "ok", or what is wrong."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the pages tell of a running server. ``store``: "ready", or why it does not answer; ``metrics``: the text;
    ``audience``: who may read it (off, local or key)."""

    store: Callable[[], Awaitable[str]]
    checks: Checks
    metrics: Callable[[], Awaitable[str]]
    audience: str
    authenticator: Authenticator


@asynccontextmanager
async def tracing(address: str | None) -> AsyncIterator[Tracer | None]:
    """Who is told of each request; None without the address of a collector."""
    if address is None:
        yield None
        return
    from countyfhir.http.tracing import Tracing, over_http

    made = Tracing(over_http(address))
    try:
        yield made
    finally:
        await asyncio.to_thread(made.close)


class Watch:
    """Counts for one server process. ``disk`` is where the embedded store lies, ``reserve`` the bytes that must be free
    there; ``tracer`` is told of each request, too."""

    def __init__(
        self, world: World, audit: AuditQueue | None, disk: Path | None, reserve: int, tracer: Tracer | None = None
    ) -> None:
        self.metrics = Metrics()
        self._world, self._audit, self._disk, self._reserve = world, audit, disk, reserve
        self._tracer = tracer
        self._shared: Shared | None = shared()
        self._count_store()

    def observe(self, interaction: Interaction, status: int, started: float, headers: Headers) -> None:
        """Count one answered request."""
        self.metrics.requests.observe((interaction.kind, status), perf_counter() - started)
        if self._tracer is not None:
            self._tracer(interaction, status, started, headers)

    def _count_store(self) -> None:
        resources, intake = self._world.store.resources, self._world.store.intake
        commit: Callable[[Plan], Awaitable[Any]] = resources.commit
        append: Callable[[Sequence[SourceRecord]], Awaitable[None]] = intake.append

        async def committed(plan: Plan) -> Any:
            stored = await commit(plan)
            if plan.account is not None:
                self._took(plan.account.ledger)
            return stored

        async def appended(records: Sequence[SourceRecord]) -> None:
            await append(records)
            self._took(records)

        calls: dict[str, Callable[..., Awaitable[Any]]] = {name: getattr(resources, name) for name in CALLS}
        calls["commit"] = committed
        for name, call in calls.items():
            setattr(resources, name, timed(call, name, self.metrics))
        setattr(intake, "append", timed(appended, "intake", self.metrics))  # noqa: B010 - it replaces a method

    def _took(self, records: Sequence[SourceRecord]) -> None:
        for record in records:
            self.metrics.intake.add((record.source, record.outcome))

    def collect(self) -> None:
        """Bring the present values up to date."""
        metrics, store = self.metrics, self._world.store
        if self._audit is not None:
            metrics.waiting.put(("audit",), len(self._audit.waiting))
        for queue, length in store.waiting().items():
            metrics.waiting.put((queue,), length)
        for state, count in store.pool().items():
            metrics.pool.put((state,), count)
        metrics.memory.put((os.getpid(),), _resident())
        if self._world.notifying is not None:
            for outcome, count in self._world.notifying.outcomes.items():
                metrics.deliveries.put((outcome,), count)

    async def text(self) -> str:
        """The metrics of all workers, for Prometheus."""
        self.collect()
        figures = [self.metrics.figures()]
        if self._shared is not None:
            figures += await asyncio.to_thread(self._shared.others, self.metrics.fleeting)
        total = together(figures)
        total[self.metrics.reindex.name] = await self._reindex_jobs()
        total[self.metrics.outbox.name] = await self._outbox()
        return text(self.metrics, total)

    async def _outbox(self) -> dict[tuple[str | int, ...], list[float]]:
        try:
            counts = await self._world.store.outbox.counts()
        except FhirError:
            return {}
        return {(state,): [float(count)] for state, count in counts.items()}

    async def _reindex_jobs(self) -> dict[tuple[str | int, ...], list[float]]:
        counted: dict[tuple[str | int, ...], list[float]] = {}
        try:
            for job in await self._world.store.jobs.of_kind(KIND):
                counted.setdefault((job.state,), [0.0])[0] += 1
        except FhirError:
            return {}
        return counted

    async def store(self) -> str:
        """ "ready", or why the store does not answer."""
        try:
            await self._world.store.resources.read("Patient", "0")
        except FhirError as error:
            return str(error)
        return "ready"

    async def checks(self) -> dict[str, str]:
        """Whether the store answers, the definitions are loaded, and there is room on the disk."""
        said = await self.store()
        checks = {"store": "ok" if said == "ready" else said}
        loaded = len(self._world.definitions.resource_types) >= LEAST_TYPES
        checks["definitions"] = "ok" if loaded else "not loaded"
        if self._disk is not None:
            free = await asyncio.to_thread(_free, self._disk)
            checks["disk"] = "ok" if free >= self._reserve else f"only {free // 2**20} MB free"
        return checks

    def watched(self, audience: str, authenticator: Authenticator) -> Watched:
        """For the pages. ``audience``: who may read the metrics."""
        return Watched(self.store, self.checks, self.text, audience, authenticator)

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """While it lasts other workers are told the figures; at the end once more, so that nothing counted is lost."""
        if self._shared is None:
            yield
            return
        telling = asyncio.create_task(tell_forever(self.metrics, self._shared, self.collect))
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            self._shared.tell(self.metrics)


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
