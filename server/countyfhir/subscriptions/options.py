"""How long and how often notifications are tried."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

SECOND = 1_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Options:
    """How long and how often (seconds). A notification is tried for ``give_up``, first again after ``first``, then
    twice as long each time up to ``longest``, each a little more or less at random. ``timeout`` holds where a
    Subscription names none, ``longest_timeout`` whatever it names. ``keep``: how long what ended can be asked for."""

    give_up: float = 3 * 86_400.0
    first: float = 2.0
    longest: float = 3_600.0
    timeout: float = 10.0
    longest_timeout: float = 60.0
    keep: float = 7 * 86_400.0
    failing_after: int = 3  # failed attempts in a row after which the status is error
    at_once: int = 200  # Subscriptions that one process sends for at the same time
    look: float = 1.0  # between two looks when nothing wakes
    token: float = 1_800.0  # how long a token for a websocket is good
    jitter: Callable[[], float] = field(default=lambda: random.uniform(0.75, 1.25))

    def pause(self, failures: int) -> float:
        """Seconds until the next attempt after so many failed ones."""
        return float(min(self.longest, self.first * 2 ** min(failures - 1, 30)) * self.jitter())
