"""Copying the write-ahead log back into the database, so that it stays bounded (sqlite.org/wal.html)."""

from __future__ import annotations

import apsw

from countyfhir.store.sqlite.options import Options

IDLE_SIZE = 8 * 1024 * 1024
"""With nothing else to do, what the log holds past this many bytes is copied back."""

PATIENCE = 200
"""Milliseconds a huge log makes the writer wait for readers. Once in vain, it waits again only when the log has
grown as
much again: searches end by their time limit, a backup may take minutes and must not slow every commit."""


class Checkpoint:
    """Decides when the writer copies the log back; owned by the writer's thread."""

    def __init__(self, options: Options, connection: apsw.Connection) -> None:
        self._options, self._connection = options, connection
        self._page_size = int(connection.pragma("page_size"))
        self._pages = self._copied = self._in_vain = 0
        connection.set_wal_hook(self._note)

    def _note(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        """After each commit: pages in the log. Fewer than before: it began anew."""
        if pages < self._pages:
            self._copied = self._in_vain = 0
        self._pages = pages
        return apsw.SQLITE_OK

    def when_due(self, *, idle: bool) -> None:
        """After a turn: copy what can be copied without making anyone wait."""
        grown = (self._pages - self._copied) * self._page_size
        if grown > (IDLE_SIZE if idle else self._options.wal_soft):
            self._copy(apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._copied = self._pages

    def when_huge(self) -> None:
        """While the turn is held: past the hard limit, wait for readers of old pages, then cut the log."""
        if (self._pages - self._in_vain) * self._page_size <= self._options.wal_hard:
            return
        self._connection.set_busy_timeout(PATIENCE)
        try:
            if self._copy(apsw.SQLITE_CHECKPOINT_TRUNCATE):
                self._pages = self._copied = self._in_vain = 0
            else:
                self._in_vain = self._pages
        finally:
            self._connection.set_busy_timeout(int(self._options.busy_limit * 1000))

    def _copy(self, mode: int) -> bool:
        """Whether it ran. One that cannot run now (readers, full disk) loses nothing: a later one tries again."""
        try:
            self._connection.wal_checkpoint(mode=mode)
        except apsw.Error:
            return False
        return True
