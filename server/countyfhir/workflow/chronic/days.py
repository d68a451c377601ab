"""Days of the county's calendar: follow-ups are due on days, in China Standard Time (GB/T 7408: one zone, +08:00)."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone

ZONE = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local_day(told: str | None) -> str:
    """The day (YYYY-MM-DD) of a FHIR date, dateTime or instant; of a month or a year its first day; "" for nothing."""
    text = told or ""
    if "T" in text:
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            return text[:10]
        return moment.astimezone(ZONE).date().isoformat() if moment.tzinfo else text[:10]
    if len(text) in (4, 7):
        return text + "-01-01"[len(text) - 4 :]
    return text[:10]


def today(now: int) -> str:
    """The day of an instant in microseconds since 1970."""
    return (_EPOCH + timedelta(microseconds=now)).astimezone(ZONE).date().isoformat()


def start_of(day: str) -> int:
    """The first instant of a day, in microseconds since 1970."""
    begin = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZONE)
    return (begin - _EPOCH) // timedelta(microseconds=1)


def plus_days(day: str, days: int) -> str:
    """The day so many days later."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def later(day: str, span: Mapping[str, int]) -> str:
    """The day ``{days: n}`` or ``{months: n}`` later; the last of the month where there is no such day in it."""
    if "days" in span:
        return plus_days(day, span["days"])
    of = date.fromisoformat(day)
    year, month = divmod(of.year * 12 + of.month - 1 + span["months"], 12)
    return date(year, month + 1, min(of.day, calendar.monthrange(year, month + 1)[1])).isoformat()
