"""Who waits for changes of the store, and how they are woken: what woke them is not said, they look for themselves.

Being woken only saves time. Whoever listens also looks again after a pause, and so misses nothing where nobody tells
him: another process wrote, a change stream broke.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from weakref import WeakSet

NOTIFICATIONS = "#notifications"
"""Stands among the names of resource types for what is put into the outbox."""


class Listener:
    """Waits for changes of some resource types (None: of any). What happened since the last waiting counts."""

    def __init__(self, names: frozenset[str] | None) -> None:
        self.names = names
        self.woken = asyncio.Event()

    async def wait(self, within: float) -> bool:
        """Until something changed, or so many seconds went by: false."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):  # wait_for of Python 3.11 can swallow a cancellation
                await self.woken.wait()
        found = self.woken.is_set()
        self.woken.clear()
        return found


class Changed:
    """What one process knows of changes, as they come. For one event loop."""

    def __init__(self) -> None:
        self._listeners: WeakSet[Listener] = WeakSet()

    def listen(self, names: Iterable[str] | None = None) -> Listener:
        """A new listener to changes of these types; it ends with its last reference."""
        listener = Listener(frozenset(names) if names is not None else None)
        self._listeners.add(listener)
        return listener

    def announce(self, names: Iterable[str]) -> None:
        """Resources of these types were written."""
        if not self._listeners:
            return
        said = frozenset(names)
        for listener in list(self._listeners):
            if listener.names is None or not listener.names.isdisjoint(said):
                listener.woken.set()
