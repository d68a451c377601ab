"""Every literal local reference of a resource, wherever it stands: what a delete must not leave dangling (R4 section
2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from countyfhir.model import json
from countyfhir.search.entries import URI, Entry
from countyfhir.search.targets import target_of


def references(resource: dict[str, Any], bases: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    """``(type, id)`` of each local target, once, in the order met: in any element, extension or contained resource.

    ``bases`` are our own base URLs. Canonicals, contained targets and foreign URLs are none.
    """
    return references_in(json.dumps(resource), bases)


def references_in(text: bytes, bases: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    """The same of a resource's compact JSON text.

    Quotes inside of strings are escaped there, so the name is found nowhere but where it is one.
    """
    found: dict[tuple[str, str], None] = {}
    for rest in text.split(_NAME)[1:]:
        literal = rest[: rest.index(b'"')]
        reference = literal.decode() if b"\\" not in literal else _unescaped(rest)
        target = target_of(reference, bases)
        if target and target[0]:
            found[target] = None
    return tuple(found)


def named(resource: Mapping[str, Any]) -> tuple[Entry, ...]:
    """The entries of what canonicals call the resource: its url, and with its version; () for one without a url."""
    url, version = resource.get("url"), resource.get("version")
    if not isinstance(url, str):
        return ()
    plain: Entry = (URI, CANONICAL_NAME, 0, url)
    return (plain, (URI, CANONICAL_NAME, 0, f"{url}|{version}")) if version else (plain,)


CANONICAL_NAME = "_canonical"
_NAME = b'"reference":"'
_STRING = re.compile(rb'(?:[^"\\]|\\.)*')


def _unescaped(rest: bytes) -> str:
    """The string that ``rest`` begins with, behind its opening quote."""
    string = _STRING.match(rest)
    assert string is not None
    return str(json.parse_any(b'"' + string.group() + b'"'))
