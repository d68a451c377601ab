"""FHIR's JSON form, read and written without losing a digit (R4 section 2.6, JSON Representation of Resources).

Objects keep their key order. Integers are ``int``; every other number is a ``decimal.Decimal`` that prints as it was
written: where ``str(Decimal)`` would not (``1.0e3``, ``0.0000001``) it is a ``Literal``, a Decimal that carries its
text.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

from countyfhir.model import tree
from countyfhir.model.json_problem import MAXIMUM_DEPTH, MAXIMUM_DIGITS, MAXIMUM_EXPONENT, describe
from countyfhir.outcome import FhirError, Issue

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Literal(Decimal):
    """A number whose text differs from ``str`` of its value; ``text`` is what was written and will be written again."""

    text: str

    def __new__(cls, text: str) -> Literal:
        """The number written as ``text``."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __reduce__(self) -> tuple[type[Literal], tuple[str]]:
        """Copies and pickles keep the text."""
        return Literal, (self.text,)

    def __copy__(self) -> Literal:
        """Itself: numbers never change."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Literal:
        """Itself: numbers never change."""
        return self


def decimal(text: str) -> Decimal:
    """The number written as ``text``, digits kept; InvalidOperation beyond what a server should compute with."""
    number = Decimal(text)
    if str(number) == text and len(text) <= MAXIMUM_DIGITS:
        return number
    if len(text) > MAXIMUM_DIGITS or (number and abs(number.adjusted()) > MAXIMUM_EXPONENT):
        raise InvalidOperation(text[:20])
    return Literal(text)


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object in ``data`` (UTF-8; a byte order mark is skipped).

    Raises FhirError "structure" with line and column for malformed text, a duplicate key, nesting beyond 128 levels
    or a top level that is no object; "invalid" for text that is not UTF-8; "value" for a number out of range.
    """
    value = parse_any(data)
    if type(value) is not dict:
        raise FhirError([Issue("structure", "The body must be one JSON object, a FHIR resource", line=1, column=1)])
    return value


def parse_any(data: bytes) -> Any:
    """Any JSON value in ``data``, checked like ``parse``; for documents that need not be objects (JSON Patch)."""
    if data[:3] == BYTE_ORDER_MARK:
        data = data[3:]
    try:
        value = _decoder.decode(data)
        again = _encoder.encode(value)
        if data != again and _lost(data, again):
            value = _exact(data)
        if _deep(again, value):
            raise RecursionError
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError) as error:
        _refuse(data, error)
    return value


def dumps(value: Any) -> bytes:
    """The compact JSON text of ``value``: key order and digits as they are, non-ASCII as UTF-8."""
    return _encoder.encode(value)


def pretty(data: bytes) -> bytes:
    """The same JSON text, indented by two spaces; digits and escapes stay as they are."""
    return msgspec.json.format(data, indent=2)


def _literal_text(value: object) -> msgspec.Raw:
    if isinstance(value, Literal):
        return msgspec.Raw(value.text.encode())
    raise TypeError(f"{type(value).__name__} has no JSON form")


_decoder = msgspec.json.Decoder(float_hook=decimal)
_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_literal_text)


LARGE = 4_000_000
"""Bytes beyond which a problem is not looked for character by character, so that nobody keeps a worker busy with it."""
SMALL = 10_000
"""Bytes below which counting brackets is likely to settle the question of depth."""
_HIDING = re.compile(rb"\\u00(?:3[aA]|2[dD])")


def _lost(data: bytes, again: bytes) -> bool:
    """Whether ``again``, the value of ``data`` written anew, may lack something of it.

    A lost key loses its colon and ``-0`` its sign, so both show in the number of these characters; only escaped colons
    and minus signs could hide them.
    """
    return msgspec.json.format(data, indent=-1) != again and (
        data.count(b":") != again.count(b":")
        or data.count(b"-") != again.count(b"-")
        or (b"\\u00" in data and _HIDING.search(data) is not None)
    )


_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))


def _deep(data: bytes, value: Any) -> bool:
    """Whether ``value``, written as ``data``, nests beyond the limit.

    Its brackets are peeled pair by pair from the inside; only where strings hold some too is the value itself walked.
    """
    if len(data) < SMALL and data.count(b"{") + data.count(b"[") <= MAXIMUM_DEPTH:
        return False
    brackets = data.translate(None, _NOT_BRACKETS).replace(b"[", b"{").replace(b"]", b"}")
    for _ in range(MAXIMUM_DEPTH):
        peeled = brackets.replace(b"{}", b"")
        if not peeled:
            return False
        if len(peeled) == len(brackets):
            break
        brackets = peeled
    return tree.levels(value) > MAXIMUM_DEPTH


def _exact(data: bytes) -> Any:
    """Decodes with every check on, at the standard library's speed."""
    return json.loads(data, parse_float=decimal, parse_int=_integer, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("A key stands twice in the same object")
    return members


def _integer(text: str) -> int | Decimal:
    return Decimal(text) if text == "-0" else int(text)


def _refuse(data: bytes, error: Exception) -> NoReturn:
    """Raises the FhirError that says what is wrong with ``data`` and where."""
    try:
        text = data.decode()
    except UnicodeDecodeError as unicode:
        line, column = _place(data, unicode.start)
        problem = Issue("invalid", f"The body is not UTF-8 at byte {unicode.start + 1}", line=line, column=column)
    else:
        problem = (describe(text) if len(data) < LARGE else None) or _roughly(data, error)
    raise FhirError([problem]) from error


def _roughly(data: bytes, error: Exception) -> Issue:
    """What the decoder itself says: its byte is the place."""
    said = str(error).partition(" (byte ")[0] if isinstance(error, msgspec.DecodeError | ValueError) else "out of range"
    line = column = None
    if found := _BYTE.search(str(error)):
        line, column = _place(data, int(found.group(1)))
    return Issue("structure", f"The body is not well-formed JSON: {said}", line=line, column=column)


_BYTE = re.compile(r"\(byte ([0-9]+)\)")


def _place(data: bytes, offset: int) -> tuple[int, int]:
    """Line and column (1-based, in characters) of a byte."""
    before = data[:offset]
    return before.count(b"\n") + 1, len(before[before.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
