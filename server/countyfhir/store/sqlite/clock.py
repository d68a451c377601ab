"""The instants and sequence numbers of commits: stamped while the turn is held, never going back (DESIGN decision
14)."""

from __future__ import annotations

import apsw

from countyfhir.store import instant
from countyfhir.store.sqlite.connecting import fetch


class Clock:
    """The clock of one write transaction: goes on from the newest version in the file, whoever wrote it."""

    def __init__(self, connection: apsw.Connection) -> None:
        rows = fetch(connection, "SELECT seq, last_updated FROM version ORDER BY seq DESC LIMIT 1")
        self._sequence, self._instant = (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)

    def sequence(self) -> int:
        """The next sequence number."""
        self._sequence += 1
        return self._sequence

    def instant(self) -> int:
        """The present in microseconds, whole milliseconds, never before the newest version's."""
        self._instant = max(self._instant, instant.now())
        return self._instant
