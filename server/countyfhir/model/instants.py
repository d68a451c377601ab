"""Dates and times as the instants they cover (R4 sections 2.24.0.1 and 3.1.1.4.7)."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime, timedelta, timezone, tzinfo

YEAR = r"(?!0000)[0-9]{4}"
MONTH = r"(?:0[1-9]|1[0-2])"
DAY = r"(?:0[1-9]|[12][0-9]|3[01])"
TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

MOMENT = re.compile(
    rf"({YEAR})(?:-({MONTH})(?:-({DAY})"
    rf"(?:T([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]|60)(?:\.([0-9]+))?)?({ZONE})?)?)?)?"
)
"""date, dateTime and instant, and what search allows beyond them: no seconds, no zone (R4 section 3.1.1.4.7)."""
SECOND = 1_000_000
DAY_LENGTH = 86_400 * SECOND
EPOCH_DAY = date(1970, 1, 1).toordinal()
MICROSECOND = timedelta(microseconds=1)


def interval(text: str, zone: tzinfo | timedelta) -> tuple[int, int]:
    """The instants a date, dateTime or instant covers at the precision given: ``[low, high)`` in microseconds since
    1970 UTC.

    A value without zone is taken in ``zone``. Fractions finer than a microsecond cover that one microsecond; second
    60 is the first second of the next minute. ValueError when ``text`` is no such value.
    """
    match = MOMENT.fullmatch(text)
    if match is None:
        raise ValueError("expected a date, or a date and time such as 2024-02-29T08:30:00+08:00")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if day is None or hour is None:
        low_day, high_day = days_covered(int(year), month, day)
        return at_midnight(low_day, zone), at_midnight(high_day, zone)
    days = day_number(int(year), int(month), int(day))
    local = (int(hour) * 60 + int(minute)) * 60 * SECOND
    width = 60 * SECOND
    if second is not None:
        local += int(second) * SECOND
        width = SECOND
    if fraction is not None:
        local += int(fraction[:6].ljust(6, "0"))
        width = 10 ** max(0, 6 - len(fraction))
    low = days * DAY_LENGTH + local
    low -= offset_of(offset) if offset else offset_at(days, local, zone)
    return low, low + width


def day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01; ValueError for a day that does not exist."""
    return date(year, month, day).toordinal() - EPOCH_DAY


def days_covered(year: int, month: str | None, day: str | None) -> tuple[int, int]:
    """First day of a year, month or day, and first day after it."""
    if month is None:
        first = day_number(year, 1, 1)
        return first, first + (366 if monthrange(year, 2)[1] == 29 else 365)
    first = day_number(year, int(month), int(day or 1))
    return first, first + (1 if day else monthrange(year, int(month))[1])


def at_midnight(days: int, zone: tzinfo | timedelta) -> int:
    """The instant at which a day begins in ``zone``."""
    return days * DAY_LENGTH - offset_at(days, 0, zone)


def offset_at(days: int, local: int, zone: tzinfo | timedelta) -> int:
    """The zone's offset from UTC, in microseconds, at a local time (of the last moment of 9999 for what lies
    beyond).
    """
    if isinstance(zone, timedelta):
        return zone // MICROSECOND
    if isinstance(zone, timezone):
        return zone.utcoffset(None) // MICROSECOND
    ordinal = days + EPOCH_DAY
    if ordinal > date.max.toordinal():
        moment = datetime.max  # noqa: DTZ901 - a local time, to ask the zone about
    else:
        moment = datetime.combine(date.fromordinal(ordinal), datetime.min.time())
        moment += timedelta(microseconds=min(local, DAY_LENGTH - 1))
    return (zone.utcoffset(moment) or timedelta()) // MICROSECOND


def offset_of(text: str) -> int:
    """Microseconds of ``Z``, ``+08:00`` or ``-03:30``."""
    if text == "Z":
        return 0
    size = (int(text[1:3]) * 60 + int(text[4:6])) * 60 * SECOND
    return -size if text[0] == "-" else size
