"""Days of the county, 2021 to 2025, as FHIR writes them."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

FIRST = date(2021, 1, 1)
LENGTH = (date(2025, 12, 31) - FIRST).days + 1
DAYS = tuple((FIRST + timedelta(number)).isoformat() for number in range(LENGTH))


def visits(chance: Random, count: int) -> list[int]:
    """So many days (by number) in their order."""
    return sorted(chance.sample(range(LENGTH - 60), count))


def moment(day: int, hour: int, minute: int) -> str:
    """A dateTime of a day in the county's zone."""
    return f"{DAYS[day]}T{hour:02d}:{minute:02d}:00+08:00"
