"""How many connections the driver keeps, and how many are in use, for the metrics."""

from __future__ import annotations

from collections import Counter

from pymongo import monitoring


class PoolCount(monitoring.ConnectionPoolListener):
    """Counts connections as the driver tells of them."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter(open=0, in_use=0)

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        """One more."""
        self.counted["open"] += 1

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        """One less."""
        self.counted["open"] -= 1

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        """One more that is in use."""
        self.counted["in_use"] += 1

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        """One less that is in use."""
        self.counted["in_use"] -= 1

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None:
        """Nothing to count."""

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None:
        """Nothing to count."""

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None:
        """Its connections are told of one by one."""

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None:
        """Its connections are told of one by one."""

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None:
        """Nothing to count."""

    def connection_check_out_started(self, event: monitoring.ConnectionCheckOutStartedEvent) -> None:
        """Nothing to count."""

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        """Nothing to count."""
