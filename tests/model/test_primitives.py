"""Primitive values are refused by format and range, and dates become the instants they cover (R4 section 2.24.0.1)."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir.model.definitions import definitions
from countyfhir.model.primitives import PRIMITIVES, check, interval

CHINA = timezone(timedelta(hours=8))

GOOD = [
    ("boolean", True),
    ("integer", -(2**31)),
    ("integer", 2**31 - 1),
    ("unsignedInt", 0),
    ("positiveInt", 1),
    ("decimal", Decimal("1.50")),
    ("decimal", Decimal("-0.000000000000000000000000001")),
    ("decimal", 7),
    ("string", "张　三 \n second line"),
    ("string", "a\u00a0b"),
    ("markdown", "# 标题\r\n\ttext"),
    ("code", "a b"),
    ("id", "A-1.b" + "x" * 59),
    ("uri", "urn:oid:1.2.3"),
    ("uri", "http://example.org/机构"),
    ("canonical", "http://example.org/q|1.0"),
    ("oid", "urn:oid:1.2.156.10011.1.1"),
    ("uuid", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
    ("base64Binary", "5bi45bee"),
    ("base64Binary", "5bi4\n 5bee\r\nYQ=="),
    ("date", "2024"),
    ("date", "2024-02"),
    ("date", "2024-02-29"),
    ("date", "0001-01-01"),
    ("dateTime", "2016-12-31T23:59:60Z"),
    ("dateTime", "2024-02-29T08:30:00.123456789+08:00"),
    ("instant", "2024-02-29T08:30:00-03:30"),
    ("time", "08:30:00.5"),
    ("xhtml", '<div xmlns="http://www.w3.org/1999/xhtml">文本</div>'),
]
BAD = [
    ("boolean", "true"),
    ("boolean", 1),
    ("integer", 2**31),
    ("integer", "2"),
    ("integer", True),
    ("integer", Decimal("2.0")),
    ("unsignedInt", -1),
    ("positiveInt", 0),
    ("decimal", "1.5"),
    ("decimal", Decimal("1e5000")),
    ("decimal", Decimal("NaN")),
    ("decimal", float("inf")),
    ("decimal", True),
    ("string", ""),
    ("string", 5),
    ("string", "a\x00b"),
    ("string", "x" * (1024 * 1024 + 1)),
    ("code", " a"),
    ("code", "a "),
    ("code", "a  b"),
    ("code", "a\tb"),
    ("id", "x" * 65),
    ("id", "张三"),
    ("id", "a_b"),
    ("uri", "http://example.org/a b"),
    ("url", "http://example.org/\u3000"),
    ("oid", "1.2.3"),
    ("oid", "urn:oid:1.02"),
    ("uuid", "c757873d-ec9a-4326-a141-556f43239520"),
    ("base64Binary", "YQ="),
    ("base64Binary", "YQ==YQ=="),
    ("base64Binary", "常州"),
    ("base64Binary", "   "),
    ("date", "2024-02-30"),
    ("date", "2023-02-29"),
    ("date", "2024-04-31"),
    ("date", "2024-13"),
    ("date", "0000"),
    ("date", "2024-2-9"),
    ("date", "20240229"),
    ("date", "2024-02-29T08:30:00Z"),
    ("dateTime", "2024-02-29T08:30:00"),
    ("dateTime", "2024-02-29T08:30Z"),
    ("dateTime", "2024-02-29T24:00:00Z"),
    ("dateTime", "2024-02-29T08:30:00+15:00"),
    ("dateTime", "2024-02-29 08:30:00Z"),
    ("dateTime", "2024-02-30T08:30:00Z"),
    ("instant", "2024-02-29"),
    ("time", "24:00:00"),
    ("time", "08:30"),
    ("time", "08:30:00Z"),
    ("xhtml", "text"),
]


@pytest.mark.parametrize(("type_name", "value"), GOOD)
def test_value_of_the_type_passes(type_name, value):
    """A legal value passes, Chinese white space and 27 decimal places included."""
    assert check(type_name, value) is None


@pytest.mark.parametrize(("type_name", "value"), BAD)
def test_value_outside_the_type_is_refused(type_name, value):
    """A wrong value gets the sentence on what was expected, which never shows the value."""
    assert check(type_name, value) == PRIMITIVES[type_name].expected


def test_every_primitive_type_of_r4_has_a_check():
    """The table covers the primitive types of the definitions, no more and no less."""
    of_r4 = {name for name, definition in definitions().types.items() if definition.kind == "primitive-type"}
    assert set(PRIMITIVES) == of_r4


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


@given(st.text(max_size=30))
def test_no_text_breaks_a_check(text):
    """Whatever text comes, every check answers None or a sentence, and interval answers or raises ValueError only."""
    for type_name in PRIMITIVES:
        answer = check(type_name, text)
        assert answer is None or isinstance(answer, str)
    if check("dateTime", text) is None:
        low, high = interval(text, CHINA)
        assert low < high
