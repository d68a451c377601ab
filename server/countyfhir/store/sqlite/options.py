"""What can be set on the embedded store, with the defaults that suit one county server on a local disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes are bytes, times are seconds.

    ``map_size``: so much of the file is read as memory that the system keeps and takes back as it likes; what lies
    beyond is read page by page, which a search of a clinic's residents feels.

    ``synchronous`` FULL is what makes an acknowledged write survive a power cut; NORMAL survives only ``kill -9``.
    ``busy_limit`` bounds the wait for the turn to write, ``time_limit`` one search or history page, ``turn_limit``
    how long
    one process keeps the turn while others may wait. Past ``wal_soft`` the log is copied back without waiting, past
    ``wal_hard`` the writer waits for readers so that the log starts anew.
    """

    readers: int = 2
    time_limit: float = 10.0
    busy_limit: float = 30.0
    turn_limit: float = 0.05
    synchronous: str = "FULL"
    cache_size: int = 32 * 2**20
    map_size: int = 16 * 2**30
    page_size: int = 4096
    wal_soft: int = 16 * 2**20
    wal_hard: int = 64 * 2**20
    include_limit: int = 1000
    vfs: str | None = None
