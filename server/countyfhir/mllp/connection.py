"""One connection: frames in, one after another through the intake, acknowledgements out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field

from countyfhir.mllp.answering import Office, answer
from countyfhir.mllp.frames import Frame, Frames, framed
from countyfhir.mllp.peers import Peer
from countyfhir.mllp.taking import Lane

log = logging.getLogger(__name__)

AT_ONCE = 65_536
STRAY = 4096
"""Bytes outside frames after which a connection speaks another protocol."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``idle`` seconds between messages, ``frame`` seconds for one to come whole and for an answer to be read, bytes of
    a message, connections at a time."""

    idle: float = 600.0
    frame: float = 30.0
    message: int = 16 << 20
    connections: int = 200


@dataclass(slots=True)
class Connection:
    """A caller that is known. ``busy`` while a message is on its way: that one is finished and answered before the
    connection ends."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: Peer
    lane: Lane
    office: Office
    limits: Limits
    client: str = ""
    busy: bool = False
    stopping: bool = False
    frames: Frames = field(init=False)

    def __post_init__(self) -> None:
        """Nothing has come yet."""
        self.frames = Frames(self.limits.message)

    async def serve(self) -> None:
        """Until the caller has gone, keeps silent too long, sends what is no frame, or the listener stops."""
        loop, deadline = asyncio.get_running_loop(), 0.0
        while not self.stopping:
            if not self.frames.begun:
                deadline = 0.0
            elif not deadline:
                deadline = loop.time() + self.limits.frame
            patience = max(deadline - loop.time(), 0.0) if deadline else self.limits.idle
            try:
                data = await asyncio.wait_for(self.reader.read(AT_ONCE), patience)
            except TimeoutError:
                break
            if not data:
                break
            for frame in self.frames.feed(data):
                deadline = 0.0
                await self.take(frame)
                if self.told_to_stop():
                    return
            if self.frames.stray > STRAY or self.frames.passed_over > 16 * self.limits.message:
                break
        if self.frames.begun:
            self.office.counters.count("broken")

    def told_to_stop(self) -> bool:
        """Whether the listener has stopped meanwhile."""
        return self.stopping

    async def take(self, frame: Frame) -> None:
        """One message, answered."""
        self.busy = True
        try:
            for sent in await answer(frame, self.peer, self.lane, self.office, self.client):
                self.writer.write(framed(sent))
            await asyncio.wait_for(self.writer.drain(), self.limits.frame)
        finally:
            self.busy = False


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Ends a connection, with what was written sent."""
    with contextlib.suppress(OSError, TimeoutError):
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), 5)
