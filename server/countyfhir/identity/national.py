"""Resident identity numbers that may be trusted (GB 11643-1999; dirt M01-M04)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from countyfhir.search.resident_id import check_character

_PLACEHOLDERS = frozenset({"123456789012345678", "12345678901234567X", "123456789012345"})
_SHAPE = re.compile(r"[1-9]\d{5}(?:18|19|20)\d{9}[\dX]")


@lru_cache(maxsize=16_384)
def valid(value: str) -> str | None:
    """The number in 18 characters; None for one that identifies nobody: a wrong check character, a day that is not in
    the calendar, a placeholder. 15 digits are filled up, except for the sequence numbers of
    people born in the 1800s."""
    number = re.sub(r"\s", "", unicodedata.normalize("NFKC", value)).upper()
    if re.fullmatch(r"\d{15}", number) and number[12:] < "996":
        number = f"{number[:6]}19{number[6:]}" + check_character(f"{number[:6]}19{number[6:]}")
    if not _SHAPE.fullmatch(number) or number in _PLACEHOLDERS or number[6:14] == "19000101":
        return None
    if len(set(number[:17])) <= 2 or check_character(number[:17]) != number[17]:
        return None
    return number if birth_of(number) else None


def birth_of(number: str) -> str:
    """The birth date inside a number, empty when it is not in the calendar."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14])).isoformat()
    except ValueError:
        return ""


def sex_of(numbers: Sequence[str]) -> str:
    """male or female by the 17th digit, where there is a number."""
    return ("male" if int(numbers[0][16]) % 2 else "female") if numbers else ""
