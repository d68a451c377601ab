"""Dates as half-open ranges of microseconds, and how prefixes compare them (R4 sections 3.1.1.4.5 and 3.1.1.4.7)."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

COUNTY = ZoneInfo("Asia/Shanghai")
OPEN = float("inf")
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1)

Range = tuple[float, float]


def _instant(local: datetime, zone: str | None) -> int:
    """Microseconds since 1970 UTC of a local time."""
    if zone is None:
        offset = local.replace(tzinfo=COUNTY).utcoffset() or timedelta()
    elif zone == "Z":
        offset = timedelta()
    else:
        hours, minutes = zone[1:].split(":")
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if zone[0] == "-" else 1)
    return (local - _EPOCH - offset) // _MICROSECOND


def _midnight(year: int, month: int, day: int) -> int:
    if year == 10_000:
        return _instant(datetime(9999, 12, 31), None) + 86_400_000_000
    return _instant(datetime(year, month, day), None)


def covered(text: str) -> Range:
    """What a date, dateTime or instant covers at the precision given."""
    day_text, _, time_text = text.partition("T")
    parts = [int(part) for part in day_text.split("-")]
    if not time_text:
        year, month, day = (*parts, 1, 1)[:3]
        if len(parts) == 1:
            return _midnight(year, 1, 1), _midnight(year + 1, 1, 1)
        length = 1 if len(parts) == 3 else monthrange(year, month)[1]
        low = _midnight(year, month, day)
        following = date(year, month, day).toordinal() + length
        if following > date.max.toordinal():
            return low, _midnight(10_000, 1, 1)
        after = date.fromordinal(following)
        return low, _midnight(after.year, after.month, after.day)
    found = re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?", time_text)
    assert found is not None, text
    hour, minute, second, fraction, zone = found.groups()
    low = _instant(datetime(*parts, int(hour), int(minute)), zone) + int(second or 0) * 1_000_000
    width = 60_000_000 if second is None else 1_000_000
    if fraction:
        low += int((fraction + "000000")[:6])
        width = max(1, 10 ** (6 - len(fraction))) if len(fraction) <= 6 else 1
    return low, low + width


def period(value: dict[str, str]) -> Range | None:
    """From the start of what ``start`` covers to the end of what ``end`` covers; open where one is absent."""
    if not (value.get("start") or value.get("end")):
        return None
    low = covered(value["start"])[0] if value.get("start") else -OPEN
    high = covered(value["end"])[1] if value.get("end") else OPEN
    return low, high


def timing(value: dict) -> Range | None:
    """The outer limits of the events and of the bounds."""
    ranges = [covered(event) for event in value.get("event", ())]
    bounds = period(value.get("repeat", {}).get("boundsPeriod", {}))
    if bounds:
        ranges.append(bounds)
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None


def compares(prefix: str, found: Range, asked: Range) -> bool:
    """The table of prefixes: ``asked`` is the range of the search value, ``found`` that of the resource."""
    contains = asked[0] <= found[0] and found[1] <= asked[1]
    reaches_above, reaches_below = found[1] > asked[1], found[0] < asked[0]
    return {
        "eq": contains,
        "ne": not contains,
        "gt": reaches_above,
        "lt": reaches_below,
        "ge": reaches_above or contains,
        "le": reaches_below or contains,
        "sa": found[0] >= asked[1],
        "eb": found[1] <= asked[0],
        "ap": found[0] < asked[1] and found[1] > asked[0],
    }[prefix]


def approximately(asked: Range, now: int) -> Range:
    """``ap``: a tenth of the distance between the value and today to either side."""
    today = now - now % 86_400_000_000
    distance = max(asked[0] - today, today - asked[1], 0)
    return asked[0] - distance // 10, asked[1] + distance // 10
