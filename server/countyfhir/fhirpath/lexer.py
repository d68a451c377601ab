"""Text of a FHIRPath expression to tokens (FHIRPath N1 section 2, lexical elements, and its ANTLR grammar)."""

from __future__ import annotations

import re
from typing import NamedTuple

from countyfhir.fhirpath.error import FhirPathError


class Token(NamedTuple):
    """``kind``: number, string, name, delimited, date, time, variable, this, operator, end."""

    kind: str
    text: str
    position: int


_TIME = r"\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_PATTERN = re.compile(
    rf"""
    (?P<space>\s+ | //[^\r\n]* | /\*.*?\*/)
  | (?P<open_comment>/\*)
  | (?P<time>@T{_TIME})
  | (?P<date>@\d{{4}}(?:-\d{{2}}(?:-\d{{2}})?)?(?:T(?:{_TIME}(?:Z|[+-]\d{{2}}:\d{{2}})?)?)?)
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<variable>%(?:(?:vs|ext)-[A-Za-z0-9_-]+|[A-Za-z_]\w*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'))
  | (?P<delimited>`(?:[^`\\]|\\.)*`)
  | (?P<this>\$(?:this|index|total)\b)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<operator><=|>=|!=|!~|[-+*/&|<>=~.,()\[\]{{}}])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "f": "\f", "'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/"}


def tokens(expression: str) -> list[Token]:
    """All tokens with an ``end`` token last. Raises FhirPathError with the position of what cannot be read."""
    found: list[Token] = []
    position = 0
    while position < len(expression):
        match = _PATTERN.match(expression, position)
        if match is None or match.lastgroup == "open_comment":
            raise FhirPathError(_problem(expression, position), position)
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(kind, _text(kind, match.group(), position), position))
        position = match.end()
    found.append(Token("end", "", position))
    return found


def _problem(expression: str, position: int) -> str:
    if expression.startswith("/*", position):
        return "The comment that starts here has no end"
    if expression[position] in "'`":
        return "The text that starts here has no closing quote"
    return f"The character {expression[position]!r} has no meaning here"


def _text(kind: str, raw: str, position: int) -> str:
    if kind in ("string", "delimited"):
        return _unescape(raw[1:-1], position)
    if kind == "variable":
        name = raw[1:]
        return _unescape(name[1:-1], position) if name[0] in "`'" else name
    if kind == "date":
        return raw[1:]
    return raw[2:] if kind == "time" else raw


def _unescape(text: str, position: int) -> str:
    if "\\" not in text:
        return text

    def replacement(match: re.Match[str]) -> str:
        code = match.group(1)
        if len(code) == 5:
            return chr(int(code[1:], 16))
        if code not in _ESCAPES:
            raise FhirPathError(f"'\\{code}' is not an escape of FHIRPath", position)
        return _ESCAPES[code]

    return _ESCAPE.sub(replacement, text)
