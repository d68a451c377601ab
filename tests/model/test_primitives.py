"""Primitive values are refused by format and range (R4 section 2.24.0.1)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir.model.definitions import definitions
from countyfhir.model.primitives import PRIMITIVES, check, interval

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


@given(st.text(max_size=30))
def test_no_text_breaks_a_check(text):
    """Whatever text comes, every check answers None or a sentence, and interval answers or raises ValueError only."""
    for type_name in PRIMITIVES:
        answer = check(type_name, text)
        assert answer is None or isinstance(answer, str)
    if check("dateTime", text) is None:
        low, high = interval(text, timedelta(hours=8))
        assert low < high
