"""Bytes of a connection cut into messages: VT message FS CR (MLLP release 1, section 2.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

START, END = 0x0B, 0x1C
MARK = re.compile(rb"[\x0b\x1c]")
BETWEEN = b"\r\n \t\x00"
"""What may stand between frames and says nothing."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes between VT and FS; ``too_long``: only the first of them."""

    content: bytes
    too_long: bool = False


@dataclass(slots=True)
class Frames:
    """Takes bytes as they come and gives the frames that they complete.

    A frame longer than ``limit`` bytes is given cut, once its end has come; a VT inside a frame begins it anew (its
    sender gave the first one up). The CR after FS may be missing. ``stray`` counts bytes that belong to no frame."""

    limit: int
    stray: int = 0
    passed_over: int = 0  # bytes of a frame beyond the limit
    inside: bool = False
    held: bytearray = field(default_factory=bytearray)

    @property
    def begun(self) -> bool:
        """Whether something has come that is not yet a message."""
        return self.inside or self.stray > 0

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes, in order."""
        found: list[Frame] = []
        at = 0
        for mark in MARK.finditer(data):
            self.keep(data[at : mark.start()])
            at = mark.end()
            if data[mark.start()] == START:
                self.begin(inside=True)
            elif self.inside:
                found.append(Frame(bytes(self.held), self.passed_over > 0))
                self.begin(inside=False)
        self.keep(data[at:])
        return found

    def begin(self, *, inside: bool) -> None:
        """A frame begins, or has ended."""
        self.inside, self.stray, self.passed_over = inside, 0, 0
        self.held = bytearray()

    def keep(self, data: bytes) -> None:
        """Bytes without a mark."""
        if not self.inside:
            self.stray += len(data.strip(BETWEEN))
            return
        room = self.limit - len(self.held)
        self.held += data[:room]
        self.passed_over += max(len(data) - room, 0)


def framed(message: bytes) -> bytes:
    """The message in its frame."""
    return bytes((START,)) + message + bytes((END, 0x0D))
