"""Birth dates as written in different systems: partial, transposed, mistyped, by the lunar calendar (dirt M07, M08)."""

from __future__ import annotations

from datetime import date

_LUNAR_DAYS = range(17, 52)
"""By so many days a day of the lunar calendar comes after the day of the same number in the civil one."""


def agreement(a: str, b: str) -> str:
    """``""`` when one is absent; day, month, year (equal as far as both say); transposed, digit, lunar, near, other."""
    if not a or not b:
        return ""
    shared = min(len(a), len(b))
    if a[:shared] == b[:shared]:
        return {4: "year", 7: "month", 10: "day"}.get(shared, "")
    if shared < 10:
        return "other" if a[:4] != b[:4] else "near"
    return _of_days(a, b)


def _of_days(a: str, b: str) -> str:
    if a[:4] == b[:4] and a[5:7] == b[8:10] and a[8:10] == b[5:7]:
        return "transposed"
    places = [place for place in range(10) if a[place] != b[place]]
    if len(places) == 1:
        return "digit"
    if len(places) == 2 and sorted(a[place] for place in places) == sorted(b[place] for place in places):
        return "transposed"
    try:
        apart = abs((date.fromisoformat(a) - date.fromisoformat(b)).days)
    except ValueError:
        return "other"
    if apart in _LUNAR_DAYS and a[:4] == b[:4]:
        return "lunar"
    return "near" if apart <= 400 else "other"  # a year and a day: what M05 looks like
