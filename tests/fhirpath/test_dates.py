"""Dates of given precision: comparing leaves open what is open, adding keeps precision and zone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from countyfhir.fhirpath import FhirPathError, compile, dates  # noqa: A004


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@2024-02-29 + 1 year", "2025-02-28"),
        ("@2024-01-31 + 1 month", "2024-02-29"),
        ("@2024-03-31 - 1 month", "2024-02-29"),
        ("@2024 + 23 months", "2025"),
        ("@2024 + 24 months", "2026"),
        ("@2024-12-31T23:59:59.5+08:00 + 600 milliseconds", "2025-01-01T00:00:00.1+08:00"),
        ("@2024-12-31T23:30+08:00 + 45 minutes", "2025-01-01T00:15+08:00"),
        ("@T23:30 + 45 minutes", "00:15"),
        ("@2024-01-10 - 2 weeks", "2023-12-27"),
    ],
)
def test_adding(expression: str, expected: str) -> None:
    """A date moves by calendar units and is written as precisely as before."""
    assert [item.value for item in compile(expression)({"resourceType": "Basic"})] == [expected]


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("2024-01", "2024-02", -1),
        ("2024", "2024-02", None),
        ("2024-01-01T08:00+08:00", "2024-01-01T00:00Z", 0),
        ("2024-01-01T08:00", "2024-01-01T00:00Z", None),
        ("2024-01-03T08:00", "2024-01-01T00:00Z", 1),
        ("2024-01-01T08:00:00", "2024-01-01T08:00:00.000", 0),
    ],
)
def test_comparing(left: str, right: str, order: int | None) -> None:
    """Order is certain, or None when precision or a missing zone leaves it open."""
    first, second = dates.moment(left), dates.moment(right)
    assert first is not None
    assert second is not None
    assert dates.compare(first, second) == order


@pytest.mark.parametrize("text", ["2024-13", "2024-02-30", "2024-1-1", "24", "", "2024-01-01T25:00"])
def test_what_does_not_exist(text: str) -> None:
    """Dates that do not exist are none."""
    assert dates.moment(text) is None


def test_beyond_the_calendar() -> None:
    """Adding beyond the years 1 to 9999 is an error."""
    with pytest.raises(FhirPathError):
        dates.add("9999-12-31", False, Decimal(1), "day")
    with pytest.raises(FhirPathError):
        dates.add("2024-01-01", False, Decimal(10**30), "day")
