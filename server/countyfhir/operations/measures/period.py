"""The period that a Measure is evaluated for, and what expressions know of it (OperationDefinition
Measure-evaluate-measure: start and end at the precision given)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from countyfhir.fhirpath import Item
from countyfhir.model.primitives import interval
from countyfhir.outcome import FhirError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MILLISECOND = 1_000


@dataclass(frozen=True, slots=True)
class Period:
    """``start`` and ``end`` as FHIR dates (whole days) or dateTimes; ``low`` and ``high`` bound it in microseconds,
    ``[low, high)``. ``before`` and ``after`` are search values: what starts after the one (prefix ``sa``) and begins
    before the other (``lt``) begins in the period, whether it has ended or not."""

    start: str
    end: str
    low: int
    high: int
    before: str
    after: str

    def variables(self) -> dict[str, Item]:
        """``%periodStart``, ``%periodEnd``, ``%beforePeriod`` and ``%afterPeriod``."""
        named = {"periodStart": self.start, "periodEnd": self.end}
        named |= {"beforePeriod": self.before, "afterPeriod": self.after}
        return {name: Item(text, "date" if _DAY.fullmatch(text) else "dateTime") for name, text in named.items()}

    def element(self) -> dict[str, str]:
        """As a FHIR Period."""
        return {"start": self.start, "end": self.end}


def period_of(start: str, end: str, zone: tzinfo) -> Period:
    """From the beginning of what ``start`` says to the end of what ``end`` says; FhirError 400."""
    low, high = _moment("periodStart", start, zone)[0], _moment("periodEnd", end, zone)[1]
    if low >= high:
        raise FhirError("value", "periodEnd lies before periodStart.", expression="periodEnd")
    if "T" not in start and "T" not in end:
        first, last = datetime.fromtimestamp(low / 1e6, zone), datetime.fromtimestamp(high / 1e6, zone)
        days = (first, last - timedelta(days=1), first - timedelta(days=1), last)
        day, final, before, after = (each.date().isoformat() for each in days)
        return Period(day, final, low, high, before, after)
    return Period(start, end, low, high, text_of(low - _MILLISECOND), text_of(high))


def text_of(microseconds: int) -> str:
    """An instant in UTC, to the millisecond."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=microseconds // 1_000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(name: str, text: str, zone: tzinfo) -> tuple[int, int]:
    try:
        return interval(text.replace(" ", "+"), zone)
    except ValueError as error:
        raise FhirError("value", f"{name} must be a date or dateTime.", expression=name) from error
