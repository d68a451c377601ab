"""What an interaction intends to write, before the commit, and how its answer follows from what was stored."""

from __future__ import annotations

from dataclasses import dataclass

from countyfhir.exchange import Criteria, Stored, Write


@dataclass(frozen=True, slots=True)
class Draft:
    """``writes`` and the ``criteria`` they rest on; ``status`` of success. When nothing is written (a conditional
    create that found its match, a delete of what is gone) ``existing`` is what the answer shows."""

    writes: tuple[Write, ...] = ()
    criteria: tuple[Criteria, ...] = ()
    status: int = 200
    existing: Stored | None = None
