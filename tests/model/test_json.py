"""JSON keeps every digit and refuses what is not one well-formed object."""

from __future__ import annotations

import copy
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from countyfhir.model import json as fhir_json
from countyfhir.outcome import FhirError

DIGITS = [
    "1.50", "0.00", "100.0e-2", "123456789012345678901234567890.5", "1.0e3", "1E5", "1e5", "1E+05", "-0.0", "-0",
    "0", "-1", "0.0000001", "1e-7", "0e0", "0E-10", "18446744073709551616", "-9223372036854775809",
    "1234567890123456789012345678901", "2.50E+2",
]  # fmt: skip


@pytest.mark.parametrize("digits", DIGITS)
def test_digits_are_kept(digits: str) -> None:
    """A number is written again character for character, also beside text with colons and minus signs."""
    text = b'{"value":%s,"a":[%s],"note":"10:30 - 11:00"}' % (digits.encode(), digits.encode())
    assert fhir_json.dumps(fhir_json.parse(text)) == text


@pytest.mark.parametrize("digits", DIGITS)
def test_digits_survive_copies_and_indentation(digits: str) -> None:
    """A deep copy and an indented form keep the digits too."""
    text = b'{"value":%s}' % digits.encode()
    assert fhir_json.dumps(copy.deepcopy(fhir_json.parse(text))) == text
    assert fhir_json.pretty(text) == b'{\n  "value": %s\n}' % digits.encode()


def test_numbers_compare_by_value() -> None:
    """A number that carries its text is an ordinary Decimal in every comparison."""
    assert fhir_json.parse(b'{"a":1.0e3}')["a"] == Decimal(1000)
    assert fhir_json.parse(b'{"a":5}')["a"] == 5


def test_text_is_untouched() -> None:
    """Key order, Chinese text, the ideographic space and an emoji come back as UTF-8."""
    text = '{"z":"张　三","a":"😀","m":null,"x":[null,{"y":true}]}'.encode()
    assert fhir_json.dumps(fhir_json.parse(text)) == text


def test_byte_order_mark_is_skipped() -> None:
    """A UTF-8 byte order mark, as Windows programs write it, does no harm."""
    assert fhir_json.parse(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


MALFORMED = [
    (b"", "structure", 1, 1),
    (b"  \n ", "structure", 2, 2),
    (b"[]", "structure", 1, 1),
    (b'"x"', "structure", 1, 1),
    (b"{", "structure", 1, 2),
    (b'{"a":1,\n "b":}', "structure", 2, 6),
    (b'{"a":1,}', "structure", 1, 8),
    (b'{"a":[1,]}', "structure", 1, 9),
    (b'{"a":1} x', "structure", 1, 9),
    (b'{"a" 1}', "structure", 1, 6),
    (b'{a:1}', "structure", 1, 2),
    (b'{"a":NaN}', "structure", 1, 6),
    (b'{"a":-Infinity}', "structure", 1, 6),
    (b'{"a":01}', "structure", 1, 7),
    (b'{"a":1.}', "structure", 1, 7),
    (b'{"a":"x\ny"}', "structure", 1, 6),
    (b'{"a":"\\x"}', "structure", 1, 6),
    (b'{"a":"\\ud800"}', "invalid", 1, 7),
    (b'{"a":"\\\\\\udc00 "}', "invalid", 1, 9),
    (b'{"a":1e99999999999999999999}', "value", 1, 6),
    (b'{"a":1e5000}', "value", 1, 6),
    (b'{"a":0.' + b"1" * 5000 + b"}", "value", 1, 6),
    (b'{"a":' + b"1" * 5000 + b"}", "value", 1, 6),
    ('{"张":"三",\n"a":"é'.encode() + b'\xff"}', "invalid", 2, 7),
    (b'\xff\xfe{\x00}\x00', "invalid", 1, 1),
    (b'{"a":1,"a":1}', "structure", 1, 8),
    (b'{"a":{"b":1,\n\n  "c":2, "b":[]}}', "structure", 3, 10),
    (b'{"a":"x","\\u0061":"y"}', "structure", 1, 10),
    (b'{"a:":1,"a\\u003a":1,"b":"\\u003A"}', "structure", 1, 9),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "line", "column"), MALFORMED)
def test_malformed_text_is_refused_with_its_place(text: bytes, code: str, line: int, column: int) -> None:
    """Whatever is not one JSON object stops with code, line and column (1-based, in characters)."""
    with pytest.raises(FhirError) as caught:
        fhir_json.parse(text)
    issue = caught.value.issues[0]
    assert (issue.code, issue.line, issue.column) == (code, line, column)


@pytest.mark.parametrize("depth", [129, 600, 5_000, 100_000])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}"), ('[{"a":1},', "]")])
def test_deep_nesting_is_refused(depth: int, left: str, right: str) -> None:
    """Nesting beyond the limit is an error of the client, never a RecursionError."""
    text = '{"a":' + left * depth + "1" + right * depth + "}"
    with pytest.raises(FhirError, match="deeper than 128"):
        fhir_json.parse(text.encode())


def test_depth_at_the_limit_and_brackets_in_text_are_accepted() -> None:
    """128 levels pass, and brackets inside strings count for nothing."""
    text = b'{"a":' + b"[" * 127 + b'"{{{[[["' + b"]" * 127 + b"}"
    assert fhir_json.dumps(fhir_json.parse(text)) == text


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(-(10**9), 10**9, places=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(max_size=6), values, max_size=5))
def test_any_object_comes_back(resource: dict[str, object]) -> None:
    """Whatever is written is read back equal, and agrees with the standard library."""
    text = fhir_json.dumps(resource)
    assert fhir_json.parse(text) == resource
    assert fhir_json.dumps(fhir_json.parse(text)) == text
    assert json.loads(text, parse_float=Decimal) == resource


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:0123e-\\u. ', max_size=30).map(str.encode))
def test_no_input_raises_anything_else(text: bytes) -> None:
    """Arbitrary bytes give what the standard library's decoder gives, or a FhirError."""
    try:
        value = fhir_json.parse(text)
    except FhirError:
        return
    assert json.loads(text.decode("utf-8-sig"), parse_float=Decimal) == value


def test_brackets_in_text_do_not_count_as_depth() -> None:
    """Unbalanced brackets in many strings are no nesting."""
    text = b'{"a":[' + b",".join([b'{"b":"[[[ ("}'] * 3_000) + b"]}"
    assert fhir_json.dumps(fhir_json.parse(text)) == text


@pytest.mark.parametrize(
    ("ending", "said"), [(b'"b":1,"b":2}', "twice"), (b'"b":}', "not well-formed"), (b'"b":1e99999}', "out of range")]
)
def test_large_texts_are_refused_too(ending: bytes, said: str) -> None:
    """A problem at the end of a text of many megabytes is found without a slow search for its place."""
    text = b'{"a":[' + b",".join([b'"x-y:z"'] * 600_000) + b"]," + ending
    with pytest.raises(FhirError, match=said):
        fhir_json.parse(text)
