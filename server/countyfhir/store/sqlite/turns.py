"""Whose turn it is to write: processes on one file take turns, none twice while another waits.

Two locks of the operating system, freed by it when a process dies. Who wants to write first takes the turnstile, then
the pen, then leaves the turnstile: a writer that comes back finds the turnstile taken by the one who waits.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """The turn to write of one process; used by one thread at a time."""

    def __init__(self, path: str) -> None:
        self._turnstile = os.open(f"{path}-turnstile", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._pen = os.open(f"{path}-pen", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the turn and keep it inside the block."""
        fcntl.flock(self._turnstile, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._pen, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._turnstile, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._pen, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of both lock files."""
        os.close(self._turnstile)
        os.close(self._pen)
