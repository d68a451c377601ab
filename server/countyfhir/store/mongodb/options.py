"""What can be set on the MongoDB store, with the defaults that suit a replica set of three."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes are bytes, times are seconds.

    ``time_limit`` bounds one search or history page, ``busy_limit`` how long a commit waits for its turn and is tried
    again, ``selection_limit`` how long an operation waits for a primary. ``transaction_bytes`` bounds one plan (413
    beyond it), ``group_bytes`` what is committed together, ``waiting_bytes`` what may wait in this process (503 beyond
    it). ``orphan_limit`` is how long a commit waits for a transaction of a process that shows no life, before it ends
    it. ``body_bytes`` is what one document holds of a resource; a larger one is kept in pieces.
    """

    database: str = "countyfhir"
    time_limit: float = 10.0
    busy_limit: float = 30.0
    selection_limit: float = 5.0
    orphan_limit: float = 8.0
    include_limit: int = 1000
    read_preference: str = "primary"
    read_concern: str = "majority"
    write_concern: str = "majority"
    transaction_bytes: int = 128 * 2**20
    group_bytes: int = 8 * 2**20
    group_plans: int = 100
    waiting_bytes: int = 256 * 2**20
    body_bytes: int = 8 * 2**20
    pool: int = 100
