"""Regular expressions of matches(), matchesFull() and replaceMatches(), which anyone may send: none runs for long
(FHIRPath N1 sections 5.6.8 and 5.6.9).

The ``regex`` engine takes the syntax of Python's own and stops at a time limit. A pattern that reached it once is
refused from then on, so that many values do not multiply the wait.
"""

from __future__ import annotations

import threading
from functools import lru_cache

import regex

from countyfhir.fhirpath.error import FhirPathError

TIME_LIMIT = 0.25
"""Seconds that one match may take; sound patterns take microseconds."""
LONGEST_PATTERN = 5_000
MOST_REFUSED = 1_000
_refused: set[str] = set()
_guard = threading.Lock()


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> regex.Pattern[str]:
    if len(pattern) > LONGEST_PATTERN:
        raise FhirPathError(f"A pattern has {LONGEST_PATTERN} characters at most")
    try:
        return regex.compile(pattern, regex.DOTALL)
    except (regex.error, RecursionError, OverflowError, ValueError):
        raise FhirPathError("The pattern is not a regular expression") from None


def _ready(pattern: str) -> regex.Pattern[str]:
    if pattern in _refused:
        raise _too_costly()
    return _compiled(pattern)


def _too_costly() -> FhirPathError:
    return FhirPathError("The pattern takes too long: it repeats what is repeated already")


def _stopped(pattern: str) -> FhirPathError:
    with _guard:
        if len(_refused) >= MOST_REFUSED:
            _refused.clear()
        _refused.add(pattern)
    return _too_costly()


def found(text: str, pattern: str) -> bool:
    """Whether the pattern occurs in the text."""
    try:
        return _ready(pattern).search(text, timeout=TIME_LIMIT) is not None
    except TimeoutError:
        raise _stopped(pattern) from None


def whole(text: str, pattern: str) -> bool:
    """Whether the pattern is the whole text."""
    try:
        return _ready(pattern).fullmatch(text, timeout=TIME_LIMIT) is not None
    except TimeoutError:
        raise _stopped(pattern) from None


def replaced(text: str, pattern: str, substitution: str) -> str:
    """The text with every match replaced; ``$1`` and ``${name}`` are groups."""
    if not pattern:
        return text
    groups = regex.sub(r"\$\{(\w+)\}|\$(\d+)", r"\\g<\1\2>", substitution.replace("\\", "\\\\"))
    try:
        return _ready(pattern).sub(groups, text, timeout=TIME_LIMIT)
    except TimeoutError:
        raise _stopped(pattern) from None
    except (regex.error, IndexError):
        raise FhirPathError("The substitution of replaceMatches() names a group that the pattern has not") from None
