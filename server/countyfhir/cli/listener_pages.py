"""What the HL7 v2 listener tells of itself over HTTP, as the server does: health, readiness and metrics, on a port of
its own (docs/operate.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import uvicorn

from countyfhir.http.pages import pages
from countyfhir.mllp.counters import Counters, exposition

if TYPE_CHECKING:
    from countyfhir.http.watching import Watched


class _Beside(uvicorn.Server):
    """A server in a process that has its own way to end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the listener."""
        yield


def told(watched: Watched, counters: Counters) -> Watched:
    """What the process tells: what every server counts, and what came over the line."""

    async def text() -> str:
        return await watched.metrics() + exposition(counters)

    return replace(watched, metrics=text)


@asynccontextmanager
async def served(watched: Watched, host: str, port: int) -> AsyncIterator[None]:
    """While it lasts the pages are served there."""
    config = uvicorn.Config(
        pages(lambda: watched), host, port, log_config=None, access_log=False, proxy_headers=False, lifespan="off"
    )
    server = _Beside(config)
    task = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await task
