"""Work in the background gives way to requests: both would take turns with the interpreter, a few milliseconds each,
and a request of a thousand steps would wait for as many turns."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

LOOK = 0.02  # seconds between looks
LONGEST = 1.0  # seconds: where requests never end, the work goes on slowly


@dataclass(slots=True)
class Busy:
    """How many requests this process is answering: each of them ``with`` it."""

    requests: int = 0

    def __enter__(self) -> None:
        self.requests += 1

    def __exit__(self, *raised: object) -> None:
        self.requests -= 1


async def quiet(busy: Busy) -> None:
    """Until nobody waits for an answer, or ``LONGEST`` has passed."""
    waited = 0.0
    while busy.requests and waited < LONGEST:
        await asyncio.sleep(LOOK)
        waited += LOOK
