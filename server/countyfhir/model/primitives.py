"""The primitive types: their format and range (R4 section 2.24.0.1); ``interval`` comes from ``model/instants.py``.

Where the published regular expressions and the text differ, the text decides: U+00A0 and U+3000 are ordinary
characters of a string (the published ``[ \\r\\n\\t\\S]+`` refuses them), 30 February is no date.
"""

from __future__ import annotations

import binascii
import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from countyfhir.model.instants import DAY, MONTH, TIME, YEAR, ZONE, interval

__all__ = ["PRIMITIVES", "REGEX", "Check", "Primitive", "check", "interval"]

Check = Callable[[Any], str | None]
"""Takes a JSON value, answers None when it is one of the type, else what was expected (never the value itself)."""

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
