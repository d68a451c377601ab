"""The primitive types: their format and range, and dates as instants (R4 section 2.24.0.1).

Where the published regular expressions and the text differ, the text decides: U+00A0 and U+3000 are ordinary
characters of a string (the published ``[ \\r\\n\\t\\S]+`` refuses them), 30 February is no date.
"""

from __future__ import annotations

import binascii
import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any

Check = Callable[[Any], str | None]
"""Takes a JSON value, answers None when it is one of the type, else what was expected (never the value itself)."""

YEAR = r"(?!0000)[0-9]{4}"
MONTH = r"(?:0[1-9]|1[0-2])"
DAY = r"(?:0[1-9]|[12][0-9]|3[01])"
TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

REGEX: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "string": r"[^\x00-\x08\x0b\x0c\x0e-\x1f]+",
        "markdown": r"[^\x00-\x08\x0b\x0c\x0e-\x1f]+",
        "xhtml": r"\s*<div[\s>/][^\x00-\x08\x0b\x0c\x0e-\x1f]*",
        "code": r"[^\x00-\x20]+(?: [^\x00-\x20]+)*",
        "id": r"[A-Za-z0-9.\-]{1,64}",
        "uri": r"[^\s\x00-\x1f]+",
        "url": r"[^\s\x00-\x1f]+",
        "canonical": r"[^\s\x00-\x1f]+",
        "oid": r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+",
        "uuid": r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "base64Binary": r"(?:\s*[0-9A-Za-z+/=]\s*)+",
        "date": rf"{YEAR}(?:-{MONTH}(?:-{DAY})?)?",
        "dateTime": rf"{YEAR}(?:-{MONTH}(?:-{DAY}(?:T{TIME}{ZONE})?)?)?",
        "instant": rf"{YEAR}-{MONTH}-{DAY}T{TIME}{ZONE}",
        "time": TIME,
        "boolean": r"true|false",
        "integer": r"0|-?[1-9][0-9]*",
        "unsignedInt": r"0|[1-9][0-9]*",
        "positiveInt": r"[1-9][0-9]*",
        "decimal": r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?",
    }.items()
}
"""The format of each primitive type as text (as in XML, and inside JSON strings)."""

LONGEST_STRING = 1024 * 1024
LARGEST_INTEGER = 2**31 - 1
WIDEST_EXPONENT = 1000
"""A decimal beyond 10^1000 is refused: arithmetic on it could exhaust memory."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive type: the JSON kind of its values (string, number or boolean), its format, its check, and what is
    expected.
    """

    name: str
    json_kind: str
    regex: re.Pattern[str]
    check: Check
    expected: str


EXPECTED = {
    "string": "a text of 1 to 1,048,576 characters without control characters",
    "markdown": "a Markdown text of 1 to 1,048,576 characters without control characters",
    "xhtml": "an XHTML text that begins with <div",
    "code": "a code without leading, trailing or doubled spaces",
    "id": "1 to 64 letters, digits, '-' and '.'",
    "uri": "a URI without spaces",
    "url": "a URL without spaces",
    "canonical": "a canonical URL without spaces",
    "oid": "an OID such as urn:oid:2.16.840.1.113883",
    "uuid": "a UUID such as urn:uuid:c757873d-ec9a-4326-a141-556f43239520 in lower case",
    "base64Binary": "base64 text with its padding",
    "date": "an existing date as YYYY, YYYY-MM or YYYY-MM-DD",
    "dateTime": "an existing date, or date and time with seconds and time zone such as 2024-02-29T08:30:00+08:00",
    "instant": "a date and time with seconds and time zone such as 2024-02-29T08:30:00.000+08:00",
    "time": "a time of day as hh:mm:ss without time zone",
    "boolean": "true or false",
    "integer": "a whole number from -2147483648 to 2147483647",
    "unsignedInt": "a whole number from 0 to 2147483647",
    "positiveInt": "a whole number from 1 to 2147483647",
    "decimal": "a number of at most 1,000 digits before or after the point",
}
JSON_KIND = {"boolean": "boolean", "decimal": "number"} | dict.fromkeys(
    ("integer", "unsignedInt", "positiveInt"), "number"
)


def check(type_name: str, value: Any) -> str | None:
    """None when the JSON ``value`` is a ``type_name``, else what was expected; KeyError for no primitive type."""
    return PRIMITIVES[type_name].check(value)


def text_check(name: str) -> Check:
    """A string type that its regular expression describes fully."""
    fullmatch, expected = REGEX[name].fullmatch, EXPECTED[name]

    def checked(value: Any) -> str | None:
        if type(value) is str and fullmatch(value):
            return None
        return expected

    return checked


def word_check(name: str) -> Check:
    """A string type without white space: plain words pass without the regular expression."""
    fullmatch, expected = REGEX[name].fullmatch, EXPECTED[name]

    def checked(value: Any) -> str | None:
        if type(value) is str and value and ((value.isprintable() and " " not in value) or fullmatch(value)):
            return None
        return expected

    return checked


def long_text_check(name: str) -> Check:
    """string and markdown: no control characters, at most 1 MB."""
    refused, expected = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]").search, EXPECTED[name]

    def checked(value: Any) -> str | None:
        if (
            type(value) is str
            and value
            and len(value) <= LONGEST_STRING
            and (value.isprintable() or not refused(value))
        ):
            return None
        return expected

    return checked


def base64_check(name: str) -> Check:
    """base64Binary: whole groups of four, white space allowed between them."""
    expected, blanks = EXPECTED[name], str.maketrans("", "", " \t\r\n")

    def checked(value: Any) -> str | None:
        if type(value) is not str or not value:
            return expected
        try:
            decoded = binascii.a2b_base64(value.translate(blanks).encode("ascii"), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError):
            return expected
        return None if decoded else expected

    return checked


def calendar_check(name: str) -> Check:
    """date, dateTime, instant: the format, and the day must exist in its month."""
    fullmatch, expected = REGEX[name].fullmatch, EXPECTED[name]

    def checked(value: Any) -> str | None:
        if type(value) is not str or not fullmatch(value):
            return expected
        if value[8:10] > "28" and int(value[8:10]) > monthrange(int(value[:4]), int(value[5:7]))[1]:
            return expected
        return None

    return checked


def integer_check(name: str) -> Check:
    """The 32 bit integers; a JSON number with a fraction or exponent is none."""
    expected = EXPECTED[name]
    lowest = {"integer": -LARGEST_INTEGER - 1, "unsignedInt": 0, "positiveInt": 1}[name]

    def checked(value: Any) -> str | None:
        return None if type(value) is int and lowest <= value <= LARGEST_INTEGER else expected

    return checked


def decimal_check(name: str) -> Check:
    """decimal: Decimal or int as they come from the JSON parser; a finite float is taken too."""
    expected = EXPECTED[name]
    widest = 10**WIDEST_EXPONENT

    def checked(value: Any) -> str | None:
        kind = type(value)
        if isinstance(value, Decimal):
            exponent = value.as_tuple().exponent
            fine = isinstance(exponent, int) and exponent >= -WIDEST_EXPONENT and value.adjusted() < WIDEST_EXPONENT
            return None if fine else expected
        if kind is int:
            return None if -widest < value < widest else expected
        return None if kind is float and value - value == 0 else expected

    return checked


def boolean_check(name: str) -> Check:
    """true or false, not their names."""
    expected = EXPECTED[name]
    return lambda value: None if value is True or value is False else expected


CHECKS: dict[str, Callable[[str], Check]] = {
    **dict.fromkeys(REGEX, text_check),
    "string": long_text_check,
    "markdown": long_text_check,
    "code": word_check,
    "uri": word_check,
    "url": word_check,
    "canonical": word_check,
    "base64Binary": base64_check,
    "date": calendar_check,
    "dateTime": calendar_check,
    "instant": calendar_check,
    "boolean": boolean_check,
    "integer": integer_check,
    "unsignedInt": integer_check,
    "positiveInt": integer_check,
    "decimal": decimal_check,
}
PRIMITIVES: dict[str, Primitive] = {
    name: Primitive(name, JSON_KIND.get(name, "string"), regex, CHECKS[name](name), EXPECTED[name])
    for name, regex in REGEX.items()
}

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
