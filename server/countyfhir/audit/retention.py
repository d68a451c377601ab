"""Old audit records are removed when their time is over (setting ``audit_retention_days``)."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from countyfhir.outcome import FhirError

if TYPE_CHECKING:
    from collections.abc import Callable

    from countyfhir.store.ports import AuditStore

log = logging.getLogger(__name__)

DAY = 86_400_000_000  # microseconds
PAUSE = 3600.0  # seconds between two looks


async def expire(store: AuditStore, days: int, now: int) -> int:
    """Remove the records older than ``days`` before ``now`` (microseconds since 1970); none when ``days`` is 0.
    Returns how many."""
    return await store.expire(now - days * DAY) if days > 0 else 0


async def expire_forever(
    store: AuditStore, days: int, *, pause: float = PAUSE, clock: Callable[[], int] = time.time_ns
) -> None:
    """``expire`` at once and then every ``pause`` seconds, until cancelled. A store that refuses is asked again."""
    while days > 0:
        try:
            removed = await expire(store, days, clock() // 1000)
            if removed:
                log.info("removed %d audit records older than %d days", removed, days)
        except (FhirError, OSError) as error:
            log.warning("old audit records could not be removed (%s)", type(error).__name__)
        await asyncio.sleep(pause)
