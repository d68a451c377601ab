"""Problems while they are found: places are relative to the object being checked, so that a clean check builds no
path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

Problem = tuple[str, str, str]
"""(FHIRPath steps from here such as ``.name[0].given[1]``, issue code, one sentence)."""
ObjectCheck = Callable[[Any], "list[Problem] | None"]
"""Checks a JSON value; None when it is fine, so that the clean path allocates nothing."""
ElementCheck = Callable[[Any], "list[Problem] | str | None"]
"""Checks the value of a property; a str says what a primitive was expected to be (model.primitives.Check)."""
Known = AbstractSet[str] | None
"""Texts that a check is known to accept, so that it need not be asked; None: every printable text, as in a string."""
NOTHING_KNOWN: Known = frozenset()

PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
UNCOVERED_NULL = "null"
"""Issue code, for a moment, of a null in a primitive array: fine when the ``_element`` sibling has something there."""
SHOWN_CODES = 12


def below(step: str, problems: list[Problem]) -> list[Problem]:
    """The problems of a child, seen from its parent."""
    return [(step + path, code, text) for path, code, text in problems]


def kind_of(value: Any) -> str:
    """What a JSON value is, in words, without showing it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a text"
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a number"


def wrong_value(name: str, value: Any, expected: str, code: str = "value") -> Problem:
    """A primitive that is not as its type says: ``structure`` when it is no primitive at all, else ``code``."""
    if value is None:
        return "", "structure", f"{name} is null; leave the element out, or expect {expected}."
    if isinstance(value, (dict, list)):
        return "", "structure", f"{name} must be {expected}, not {kind_of(value)}."
    if value == "":
        return "", "value", f"{name} is an empty text; leave the element out."
    return (
        "",
        code if isinstance(value, str) else "value",
        f"{name} must be {expected}; found {kind_of(value)} that does not fit.",
    )


def some_of(codes: frozenset[str]) -> str:
    """The codes of a value set, or the first of them and how many more there are."""
    listed = sorted(codes)
    more = len(listed) - SHOWN_CODES
    return ", ".join(listed[:SHOWN_CODES]) + (f" or {more} more" if more > 0 else "")


def safe_step(name: str) -> str:
    """The FHIRPath step to a property, nothing when its name could carry anything else."""
    return f".{name}" if PLAIN_NAME.fullmatch(name) else ""


def shown_name(name: str) -> str:
    """A property name fit for a message."""
    return f"'{name}'" if PLAIN_NAME.fullmatch(name) else "with a name that FHIR does not allow"
