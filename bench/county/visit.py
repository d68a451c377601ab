"""What all records of one visit share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visit:
    """``name`` is the Encounter's id, ``day`` a number of ``calendar``; ``patient`` and ``physician`` are
    references, ``hospital`` is an id."""

    name: str
    patient: str
    physician: str
    hospital: str
    day: int
    minute: int
