"""Says what is wrong with a JSON text and at which line and column (RFC 8259; R4 section 2.6).

The fast decoder only says that something is wrong; this scanner is run then, and finds duplicate keys, too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from countyfhir.outcome import Issue

MAXIMUM_DEPTH = 128
"""Levels of nested objects and arrays that are accepted; every walk over a resource rests on this."""
MAXIMUM_DIGITS = 1000
"""Characters of a number that are accepted."""
MAXIMUM_EXPONENT = 1000
"""Decimal exponent (either sign) of a number that is accepted."""

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"true|false|null")
_SURROGATES = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\\\|(\\u[dD][89a-fA-F])")


class _FoundError(Exception):
    """Carries the first problem out of the scanner."""


@dataclass(slots=True)
class _Scanner:
    text: str
    place: int = 0
    open_objects: list[set[str] | None] = field(default_factory=list)  # None for an array

    def stop(self, what: str, code: str = "structure", at: int | None = None) -> None:
        """Raises ``what`` with its line and column."""
        place = self.place if at is None else at
        line = self.text.count("\n", 0, place) + 1
        column = place - self.text.rfind("\n", 0, place)
        raise _FoundError(Issue(code, what, line=line, column=column))

    def peek(self) -> str:
        """The next character that is not white space, "" at the end."""
        match = _SPACE.match(self.text, self.place)
        self.place = match.end() if match else self.place
        return self.text[self.place : self.place + 1]

    def take(self, wanted: str, where: str) -> None:
        """Passes over ``wanted``."""
        found = self.peek()
        if found != wanted:
            shown = "the text ends" if not found else "something else stands there"
            self.stop(f"Expected '{wanted}' {where}, but {shown}")
        self.place += 1


def describe(text: str) -> Issue | None:
    """The first problem of the JSON ``text``, with line and column (1-based), or None when it is well-formed."""
    scanner = _Scanner(text)
    try:
        if not scanner.peek():
            scanner.stop("The body is empty; a FHIR resource in JSON was expected")
        _scan(scanner)
        if scanner.peek():
            scanner.stop("There is more text after the end of the JSON value")
    except _FoundError as found:
        return found.args[0] if isinstance(found.args[0], Issue) else None
    return None


def _scan(scanner: _Scanner) -> None:
    """Scans one value with all it holds, keeping the open objects on a list of its own."""
    _value(scanner)
    while scanner.open_objects:
        keys = scanner.open_objects[-1]
        following = scanner.peek()
        if following == ("]" if keys is None else "}"):
            scanner.place += 1
            scanner.open_objects.pop()
        elif following == ",":
            scanner.place += 1
            if scanner.peek() in ("}", "]"):
                scanner.stop("A comma stands before the closing bracket")
            _member(scanner, keys)
        else:
            scanner.stop(f"Expected ',' or '{']' if keys is None else '}'}' here")


def _member(scanner: _Scanner, keys: set[str] | None) -> None:
    """Scans a key with its value, or an item of an array."""
    if keys is not None:
        start = scanner.place
        key = _string(scanner, "A key in double quotes was expected here")
        if key in keys:
            scanner.stop(f"The key '{key[:64]}' stands twice in the same object", at=start)
        keys.add(key)
        scanner.take(":", "after the key")
    _value(scanner)


def _value(scanner: _Scanner) -> None:
    """Scans the start of a value: a whole scalar, or an opening bracket with its first member."""
    first = scanner.peek()
    if first and first in "{[":
        _open(scanner, first)
    elif first == '"':
        _string(scanner, "")
    elif first and first in "-0123456789":
        _number(scanner)
    elif word := _WORD.match(scanner.text, scanner.place):
        scanner.place = word.end()
    else:
        scanner.stop("A JSON value was expected here" + ("" if first else ", but the text ends"))


def _open(scanner: _Scanner, bracket: str) -> None:
    keys: set[str] | None = set() if bracket == "{" else None
    scanner.open_objects.append(keys)
    if len(scanner.open_objects) > MAXIMUM_DEPTH:
        scanner.stop(f"Objects and arrays are nested deeper than {MAXIMUM_DEPTH} levels")
    scanner.place += 1
    if scanner.peek() != ("}" if bracket == "{" else "]"):
        _member(scanner, keys)


def _string(scanner: _Scanner, missing: str) -> str:
    if scanner.peek() != '"':
        scanner.stop(missing)
    match = _STRING.match(scanner.text, scanner.place)
    if not match:
        scanner.stop("This string is not closed, or holds a control character or an unknown escape")
        return ""
    for pair in _SURROGATES.finditer(match.group()):
        if pair.group(1):
            scanner.stop("This string holds half of a surrogate pair", "invalid", scanner.place + pair.start())
    scanner.place = match.end()
    return str(json.loads(match.group()))


def _number(scanner: _Scanner) -> None:
    match = _NUMBER.match(scanner.text, scanner.place)
    if not match:
        scanner.stop("This is not a number as JSON writes it")
        return
    if _out_of_range(match.group()):
        scanner.stop("This number has too many digits or too large an exponent", "value")
    scanner.place = match.end()


def _out_of_range(text: str) -> bool:
    if len(text) > MAXIMUM_DIGITS:
        return True
    try:
        number = Decimal(text)
    except InvalidOperation:
        return True
    return bool(number) and abs(number.adjusted()) > MAXIMUM_EXPONENT
