"""Dates and times of given precision: reading, comparing, adding (FHIRPath N1 sections 6.1, 6.2, 6.6.7)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from datetime import date as calendar_date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from countyfhir.fhirpath.error import FhirPathError

_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)?(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?(Z|[+-]\d\d:\d\d)?)?)?)?T?", re.ASCII
)
_TIME = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?", re.ASCII)
_ABSENT = (1, 1, 1, 0, 0, 0)
WIDEST_OFFSET = 14 * 60
"""Minutes by which a date without a zone may lie before or after the same in UTC."""


class Moment(NamedTuple):
    """A point of given precision: 1 to 6 ``parts`` (year to second) or 1 to 3 (hour to second, ``is_time``); the last
    may be a Decimal with the fraction as written. ``offset`` is in minutes east of UTC."""

    parts: tuple[int | Decimal, ...]
    offset: int | None
    is_time: bool = False


@lru_cache(maxsize=4096)
def moment(text: str, is_time: bool = False) -> Moment | None:
    """The parts of a date, dateTime, instant or (``is_time``) time; None when it is none or does not exist."""
    match = (_TIME if is_time else _DATE_TIME).fullmatch(text)
    if match is None:
        return None
    groups = list(match.groups())
    zone = None if is_time else groups.pop()
    present = [group for group in groups if group is not None]
    parts = tuple(Decimal(group) if "." in group else int(group) for group in present)
    if not _exists(parts, is_time):
        return None
    return Moment(parts, _offset(zone), is_time)


def _exists(parts: tuple[int | Decimal, ...], is_time: bool) -> bool:
    full = (1, 1, 1, *parts) if is_time else parts
    full = full + _ABSENT[len(full) :]
    year, month, day, hour, minute, second = full
    try:
        datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC)
    except ValueError:
        return False
    return second < 61


def _offset(zone: str | None) -> int | None:
    if zone is None or zone == "Z":
        return None if zone is None else 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def is_valid_literal(text: str, type_name: str) -> bool:
    """Whether the text of a date, dateTime or time literal names one that exists."""
    return moment(text, type_name == "System.Time") is not None


def _minutes_east(point: Moment, minutes: int) -> tuple[int | Decimal, ...]:
    """The parts after the clock is put back by ``minutes``; the precision stays."""
    count = len(point.parts)
    if minutes == 0 or count < 4:
        return point.parts
    full = point.parts + _ABSENT[count:]
    year, month, day, hour, minute, second = full
    try:
        there = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=UTC) - timedelta(
            minutes=minutes
        )
    except OverflowError:
        return point.parts
    return (there.year, there.month, there.day, there.hour, there.minute, second)[:count]


def compare(left: Moment, right: Moment) -> int | None:
    """-1, 0 or 1; None when the precision or a missing zone leaves it open."""
    if left.offset == right.offset or min(len(left.parts), len(right.parts)) < 4 or left.is_time:
        return _compare_parts(left.parts, right.parts)
    if left.offset is not None and right.offset is not None:
        return _compare_parts(_minutes_east(left, left.offset), _minutes_east(right, right.offset))
    return _compare_open(left, right)


def _compare_open(left: Moment, right: Moment) -> int | None:
    """One has no zone: certain only when every zone gives the same answer."""
    answers = set()
    for assumed in (-WIDEST_OFFSET, WIDEST_OFFSET):
        ours = _minutes_east(left, assumed if left.offset is None else left.offset)
        theirs = _minutes_east(right, assumed if right.offset is None else right.offset)
        answers.add(_compare_parts(ours, theirs))
    return answers.pop() if len(answers) == 1 else None


def _compare_parts(left: tuple[int | Decimal, ...], right: tuple[int | Decimal, ...]) -> int | None:
    for ours, theirs in zip(left, right, strict=False):
        if ours != theirs:
            return -1 if ours < theirs else 1
    return 0 if len(left) == len(right) else None


def key(point: Moment) -> tuple[object, ...]:
    """Equal for moments that are equal: for sets."""
    if point.offset is None or len(point.parts) < 4:
        return (point.is_time, None, point.parts)
    return (point.is_time, 0, _minutes_east(point, point.offset))


UNITS = ("year", "month", "day", "hour", "minute", "second")
_SMALLER = {
    "month": ("year", 12),
    "day": ("month", 30),
    "hour": ("day", 24),
    "minute": ("hour", 60),
    "second": ("minute", 60),
}
_SECONDS = {"hour": 3600, "minute": 60, "second": 1}


def add(text: str, is_time: bool, amount: Decimal, unit: str) -> str:
    """The date or time moved by whole calendar units (``year`` to ``millisecond``; ``week``), written as it was.

    A unit finer than the precision is first turned into it (30 days a month, 365 a year). Raises FhirPathError when
    there is no such date."""
    point = moment(text, is_time)
    if point is None:
        raise FhirPathError("Nothing can be added to a date or time that does not exist")
    if unit == "week":
        unit, amount = "day", amount * 7
    count = int(amount)
    fraction = Decimal(0)
    if unit == "millisecond":
        unit, fraction, count = "second", Decimal(count) / 1000, 0
    if is_time:
        return _add_to_time(text, point, count, fraction, unit)
    return _add_to_date(text, point, count, fraction, unit)


def _add_to_time(text: str, point: Moment, count: int, fraction: Decimal, unit: str) -> str:
    if unit not in _SECONDS:
        raise FhirPathError(f"A {unit} cannot be added to a time")
    hour, minute, second = (*point.parts, 0, 0)[:3]
    total = (Decimal(int(hour) * 3600 + int(minute) * 60) + second + count * _SECONDS[unit] + fraction) % 86400
    whole = int(total)
    parts = (whole // 3600, whole // 60 % 60, Decimal(whole % 60) + total % 1)
    return _written(text, parts[: len(point.parts)], "", True)


def _add_to_date(text: str, point: Moment, count: int, fraction: Decimal, unit: str) -> str:
    precision = len(point.parts)
    while UNITS.index(unit) >= precision:
        bigger, size = _SMALLER[unit]
        if unit == "day" and precision == 1:
            bigger, size = "year", 365
        sign = -1 if count < 0 else 1
        count, unit, fraction = sign * (abs(count) // size), bigger, Decimal(0)
    full = (point.parts + _ABSENT[precision:])[:6]
    try:
        moved = _moved(full, count, fraction, unit)
    except (ValueError, OverflowError):
        raise FhirPathError("The result is beyond the years 1 to 9999") from None
    return _written(text, moved[:precision], _zone_text(text), False)


def _moved(full: tuple[int | Decimal, ...], count: int, fraction: Decimal, unit: str) -> tuple[int | Decimal, ...]:
    year, month, day, hour, minute, second = full
    if unit in ("year", "month"):
        months = int(year) * 12 + int(month) - 1 + (count * 12 if unit == "year" else count)
        first = calendar_date(months // 12, months % 12 + 1, 1)
        following = (
            calendar_date(first.year + first.month // 12, first.month % 12 + 1, 1) if first.year < 9999 else None
        )
        last = (following - timedelta(days=1)).day if following else 31
        return (first.year, first.month, min(int(day), last), hour, minute, second)
    start = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=UTC)
    total = Decimal(second) + fraction + (count * _SECONDS[unit] if unit in _SECONDS else 0)
    whole = int(total // 1) if total >= 0 else -int(-total // 1) - (1 if total % 1 else 0)
    there = start + timedelta(days=count if unit == "day" else 0, seconds=whole)
    return (there.year, there.month, there.day, there.hour, there.minute, there.second + (total - whole))


_ZONE = re.compile(r"(?:Z|[+-]\d\d:\d\d)$", re.ASCII)


def _zone_text(text: str) -> str:
    match = _ZONE.search(text) if "T" in text else None
    return match.group() if match else ""


def _written(text: str, parts: tuple[int | Decimal, ...], zone: str, is_time: bool) -> str:
    digits = _fraction_digits(text)
    shown = [f"{int(part):02d}" for part in parts]
    if len(parts) == (3 if is_time else 6) and digits:
        shown[-1] += "." + f"{Decimal(parts[-1]) % 1:.{digits}f}"[2:]
    if is_time:
        return ":".join(shown)
    shown[0] = f"{int(parts[0]):04d}"
    day = "-".join(shown[:3])
    return day if len(parts) < 4 else f"{day}T{':'.join(shown[3:])}{zone}"


def _fraction_digits(text: str) -> int:
    match = re.search(r"\.(\d+)", text)
    return len(match.group(1)) if match else 0


def without_zone(text: str) -> str:
    """A dateTime as written, without its zone."""
    return _ZONE.sub("", text) if "T" in text else text
