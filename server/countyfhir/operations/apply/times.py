"""When something is to be: timing[x] of a definition as the times of what is made of it (R4 section 2.24)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.operations.apply.applying import Applying
from countyfhir.outcome import FhirError

CHOICES = ("timingTiming", "timingDateTime", "timingAge", "timingPeriod", "timingRange", "timingDuration")
_DAYS = {"a": Decimal("365.25"), "mo": Decimal("30.4375"), "wk": Decimal(7), "d": Decimal(1), "h": Decimal(1) / 24}
_DAYS |= {"min": Decimal(1) / 1440, "s": Decimal(1) / 86400}


def span(duration: Resource, where: str) -> timedelta:
    """A Duration (UCUM a, mo, wk, d, h, min, s) as a length of time; a year is 365.25 days, a month a twelfth of it."""
    days, value = _DAYS.get(str(duration.get("code"))), duration.get("value")
    if days is None or not isinstance(value, int | Decimal):
        raise FhirError("value", "A Duration has a value and a unit of UCUM time.", status=422, expression=where)
    return timedelta(days=float(Decimal(value) * days))


def timing_in(definition: Resource) -> tuple[str, Any] | None:
    """The timing[x] that is there: its name and value."""
    return next(((name, definition[name]) for name in CHOICES if name in definition), None)


def period_of(timing: tuple[str, Any], applying: Applying, where: str) -> Resource:
    """The time in which it is to be done, as a Period: a Duration is counted from now."""
    name, value = timing
    if name == "timingDateTime":
        return {"end": value}
    if name == "timingPeriod":
        return dict(value)
    if name == "timingDuration":
        today = applying.now.date()
        return {"start": today.isoformat(), "end": (today + span(value, where)).isoformat()}
    bounds = (value.get("repeat") or {}).get("boundsPeriod") if name == "timingTiming" else None
    if bounds:
        return dict(bounds)
    raise FhirError("not-supported", f"{name} cannot be carried over as a period.", status=422, expression=where)


def occurrence_of(timing: tuple[str, Any], applying: Applying, where: str) -> Resource:
    """``occurrence[x]`` of a request."""
    name, value = timing
    if name == "timingDateTime":
        return {"occurrenceDateTime": value}
    if name == "timingTiming":
        return {"occurrenceTiming": value}
    return {"occurrencePeriod": period_of(timing, applying, where)}
