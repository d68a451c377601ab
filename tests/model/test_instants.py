"""A date or time covers the instants it says, at its precision and in its zone."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir.model.instants import interval
from countyfhir.model.primitives import check

CHINA = timezone(timedelta(hours=8))


def micros(*moment, zone=UTC):
    """The instant in microseconds since 1970."""
    return (datetime(*moment, tzinfo=zone) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


SECOND = 1_000_000
DAY = 86400 * SECOND
INTERVALS = [
    ("2024", micros(2024, 1, 1, zone=CHINA), 366 * DAY),
    ("2023", micros(2023, 1, 1, zone=CHINA), 365 * DAY),
    ("2024-02", micros(2024, 2, 1, zone=CHINA), 29 * DAY),
    ("2024-12", micros(2024, 12, 1, zone=CHINA), 31 * DAY),
    ("2024-02-29", micros(2024, 2, 29, zone=CHINA), DAY),
    ("2024-02-29T08:30", micros(2024, 2, 29, 8, 30, zone=CHINA), 60 * SECOND),
    ("2024-02-29T08:30:00", micros(2024, 2, 29, 8, 30, zone=CHINA), SECOND),
    ("2024-02-29T08:30:00Z", micros(2024, 2, 29, 8, 30), SECOND),
    ("2024-02-29T08:30Z", micros(2024, 2, 29, 8, 30), 60 * SECOND),
    ("2024-02-29T08:30:00-03:30", micros(2024, 2, 29, 12, 0), SECOND),
    ("2024-02-29T08:30:00.5Z", micros(2024, 2, 29, 8, 30, 0, 500000), 100_000),
    ("2024-02-29T08:30:00.123Z", micros(2024, 2, 29, 8, 30, 0, 123000), 1000),
    ("2024-02-29T08:30:00.123456789Z", micros(2024, 2, 29, 8, 30, 0, 123456), 1),
    ("2016-12-31T23:59:60Z", micros(2017, 1, 1), SECOND),
    ("1969-12-31", micros(1969, 12, 31, zone=CHINA), DAY),
    ("0001-01-01", micros(1, 1, 1) - 8 * 3600 * SECOND, DAY),
    ("0001", micros(1, 1, 1) - 8 * 3600 * SECOND, 365 * DAY),
    ("9999-12-31", micros(9999, 12, 31, zone=CHINA), DAY),
    ("9999-12-31T23:59:59.999999999Z", micros(9999, 12, 31, 23, 59, 59, 999999), 1),
]


@pytest.mark.parametrize("zone", [CHINA, timedelta(hours=8)])
@pytest.mark.parametrize(("text", "low", "width"), INTERVALS)
def test_interval_covers_what_was_said(text, low, width, zone):
    """Every precision from year to fraction covers [low, high), dates without zone in the county's zone."""
    assert interval(text, zone) == (low, low + width)


def test_interval_asks_a_real_time_zone():
    """China kept summer time in 1988, so that day began an hour earlier in UTC and the day of the change was
    shorter.
    """
    shanghai = ZoneInfo("Asia/Shanghai")
    assert interval("1988-07-01", shanghai)[0] == micros(1988, 7, 1, zone=shanghai)
    assert interval("1988-07-01", shanghai)[0] == micros(1988, 6, 30, 15)
    low, high = interval("1988-04-17", shanghai)
    assert high - low == DAY - 3600 * SECOND
    assert interval("9999-12-31", shanghai)[1] == micros(9999, 12, 31, zone=CHINA) + DAY


@pytest.mark.parametrize(
    "text", ["", "2024-02-30", "2024-00", "0000", "2024-02-29T24:00:00Z", "2024-1", "now", "2024Z"]
)
def test_interval_refuses_what_is_no_date(text):
    """No date, no instant: ValueError."""
    with pytest.raises(ValueError, match=r"expected|day"):
        interval(text, CHINA)


@given(st.datetimes(timezones=st.sampled_from([UTC, CHINA, timezone(timedelta(hours=-9, minutes=-30))])))
def test_interval_agrees_with_datetime(moment):
    """Any moment Python can write is read back as the same microsecond, and is a dateTime and an instant to the
    check.
    """
    text = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert interval(text, CHINA) == (low := micros_of(moment), low + 1)
    assert check("dateTime", text) is None
    assert check("instant", text) is None


def micros_of(moment):
    """The same without going through year limits."""
    days = moment.date().toordinal() - datetime(1970, 1, 1).toordinal()
    seconds = days * 86400 + moment.hour * 3600 + moment.minute * 60 + moment.second
    return (seconds * SECOND + moment.microsecond) - moment.utcoffset() // timedelta(microseconds=1)
