"""String functions (FHIRPath N1 section 5.6; encode, escape, trim, split and join of 2.1)."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Callable
from typing import Any

from countyfhir.fhirpath.arithmetic import text as bounded
from countyfhir.fhirpath.error import FhirPathError
from countyfhir.fhirpath.functions import patterns
from countyfhir.fhirpath.functions.table import (
    BOOLEAN,
    INTEGER,
    STRING,
    Function,
    single_integer,
    single_string,
)
from countyfhir.fhirpath.item import EMPTY, FALSE, TRUE, Nodes, integer, string
from countyfhir.fhirpath.scope import Scope


def _on_strings(work: Callable[..., Any], arguments: int, result: str) -> Function:
    """A function of the input string and of string arguments; empty when one of them is."""
    wrap = _WRAPS[result]

    def run(scope: Scope, nodes: Nodes, *given: Nodes) -> Nodes:
        text = single_string(nodes)
        words = [single_string(one, "The argument") for one in given]
        if text is None or None in words:
            return EMPTY
        value = work(text, *words)
        return EMPTY if value is None else wrap(value)

    return Function(run, arguments, arguments, result=result)


_WRAPS: dict[str, Callable[[Any], Nodes]] = {
    BOOLEAN: lambda value: TRUE if value else FALSE,
    STRING: bounded,
    INTEGER: integer,
}


def _substring(scope: Scope, nodes: Nodes, start: Nodes, length: Nodes | None = None) -> Nodes:
    text, first = single_string(nodes), single_integer(start, "The start of substring()")
    if text is None or first is None or not 0 <= first < len(text):
        return EMPTY
    count = single_integer(length, "The length of substring()") if length else None
    return string(text[first:] if count is None else text[first : first + max(count, 0)])


def _to_chars(scope: Scope, nodes: Nodes) -> Nodes:
    return [(letter, STRING, None) for letter in single_string(nodes) or ""]


def _split(scope: Scope, nodes: Nodes, separator: Nodes) -> Nodes:
    text, between = single_string(nodes), single_string(separator, "The separator of split()")
    if text is None or between is None:
        return EMPTY
    return [(part, STRING, None) for part in (text.split(between) if between else text)]


def _join(scope: Scope, nodes: Nodes, separator: Nodes = EMPTY) -> Nodes:
    between = single_string(separator, "The separator of join()") or ""
    parts = [single_string([node]) for node in nodes]
    return string(between.join(part for part in parts if part is not None)) if nodes else EMPTY


_ENCODERS: dict[str, Callable[[str], str]] = {
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "urlbase64": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}
_DECODERS: dict[str, Callable[[str], bytes]] = {
    "hex": bytes.fromhex,
    "base64": lambda text: base64.b64decode(text, validate=True),
    "urlbase64": lambda text: base64.b64decode(text, altchars=b"-_", validate=True),
}
_ESCAPES: dict[str, Callable[[str], str]] = {
    "html": lambda text: html.escape(text, quote=True).replace("&#x27;", "&#39;"),
    "json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
}


def _encode(text: str, form: str) -> str | None:
    return _ENCODERS[form](text) if form in _ENCODERS else None


def _decode(text: str, form: str) -> str | None:
    if form not in _DECODERS:
        return None
    try:
        return _DECODERS[form](text).decode()
    except (ValueError, binascii.Error):
        raise FhirPathError(f"The input of decode() is not {form} of text") from None


def _escape(text: str, form: str) -> str | None:
    return _ESCAPES[form](text) if form in _ESCAPES else None


def _unescape(text: str, form: str) -> str | None:
    if form == "html":
        return html.unescape(text)
    return _unescape_json(text) if form == "json" else None


_JSON_ESCAPE = re.compile(r'\\(u[0-9A-Fa-f]{4}|["\\/bfnrt])')


def _unescape_json(text: str) -> str:
    return _JSON_ESCAPE.sub(lambda match: str(json.loads(f'"{match.group()}"')), text)


def _last_index_of(text: str, part: str) -> int:
    return text.rfind(part)


FUNCTIONS: dict[str, Function] = {
    "indexOf": _on_strings(str.find, 1, INTEGER),
    "lastIndexOf": _on_strings(_last_index_of, 1, INTEGER),
    "startsWith": _on_strings(str.startswith, 1, BOOLEAN),
    "endsWith": _on_strings(str.endswith, 1, BOOLEAN),
    "contains": _on_strings(lambda text, part: part in text, 1, BOOLEAN),
    "upper": _on_strings(str.upper, 0, STRING),
    "lower": _on_strings(str.lower, 0, STRING),
    "replace": _on_strings(str.replace, 2, STRING),
    "matches": _on_strings(patterns.found, 1, BOOLEAN),
    "matchesFull": _on_strings(patterns.whole, 1, BOOLEAN),
    "replaceMatches": _on_strings(patterns.replaced, 2, STRING),
    "length": _on_strings(len, 0, INTEGER),
    "trim": _on_strings(str.strip, 0, STRING),
    "encode": _on_strings(_encode, 1, STRING),
    "decode": _on_strings(_decode, 1, STRING),
    "escape": _on_strings(_escape, 1, STRING),
    "unescape": _on_strings(_unescape, 1, STRING),
    "substring": Function(_substring, 1, 2, result=STRING),
    "toChars": Function(_to_chars, result=STRING),
    "split": Function(_split, 1, 1, result=STRING),
    "join": Function(_join, 0, 1, result=STRING),
}
