"""Words that were found fine a moment ago: systems, codes and dates come again and again (R4 section 2.24.0.1)."""

from __future__ import annotations

from functools import cache
from typing import Any

from countyfhir.model.primitives import PRIMITIVES, Check
from countyfhir.validation.problem import NOTHING_KNOWN, Known

TEXTS = frozenset(("string", "markdown"))
"""Types that take every printable text."""
REPEATED = frozenset(("code", "uri", "url", "canonical", "oid", "date", "dateTime", "instant", "time"))
"""Types whose values are worth remembering."""
MOST_WORDS = 8192
LONGEST_WORD = 128


@cache
def known_words(type_name: str) -> tuple[Check, Known]:
    """The check of a primitive type, and the set in which it keeps what it accepted (bounded; nothing for types whose
    values hardly repeat)."""
    check, words = PRIMITIVES[type_name].check, set[str]()
    if type_name not in REPEATED:
        return check, NOTHING_KNOWN

    def checked(value: Any) -> str | None:
        answer = check(value)
        if answer is None and len(value) <= LONGEST_WORD:
            if len(words) >= MOST_WORDS:
                words.clear()
            words.add(value)
        return answer

    return checked, words
