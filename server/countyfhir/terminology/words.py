"""Displays as words that can be looked up: folded words of letters and digits, pairs of characters for Chinese, and
the initials of Chinese displays in pinyin (ValueSet/$expand: ``filter``)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

_HAN = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_is_han = re.compile(f"[{_HAN}]").match
INITIALS = "zz"
"""Begins the word that holds the pinyin initials of a display, so that they meet no word of another language."""
_MOST_INITIALS = 12


@lru_cache(maxsize=16_384)
def folded(text: str) -> str:
    """``text`` without differences of width, case, accents and white space."""
    if text.isascii():
        return " ".join(text.casefold().split())
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(letter for letter in decomposed if not 200 <= unicodedata.combining(letter) <= 240)
    return " ".join(unicodedata.normalize("NFKC", bare).split())


def words(text: str) -> list[str]:
    """The words of ``text`` in order; a run of Chinese as every pair of neighbours and its last character."""
    kept: list[str] = []
    for run in _WORD.findall(folded(text)):
        if _is_han(run):
            kept += map(str.__add__, run, run[1:])
            kept.append(run[-1])
        else:
            kept.append(run)
    return kept


def kept_words(texts: Iterable[str]) -> str:
    """What the index keeps of a concept's code, display and designations."""
    found: list[str] = []
    for text in dict.fromkeys(texts):
        found += words(text)
        initials = pinyin_initials(text)
        if initials:
            found.append(INITIALS + initials)
        found.append("|")
    return " ".join(found)


def query(text: str) -> str | None:
    """The full-text query of a filter: every part between blanks must occur, its last word may go on; letters alone may
    also be pinyin initials. None when the text has no word."""
    parts = []
    for part in folded(text).split():
        found = words(part)
        if not found:
            continue
        if len(found) > 1 and _is_han(found[-1]) and found[-2].endswith(found[-1]) and len(found[-2]) == 2:
            parts.append(f'"{" ".join(found[:-1])}"')
            continue
        phrase = f'"{" ".join(found)}"*'
        if len(found) == 1 and len(part) > 1 and part.isascii() and part.isalpha():
            phrase = f'({phrase} OR "{INITIALS}{part}"*)'
        parts.append(phrase)
    return " AND ".join(parts) or None


def matches(text: str, candidates: Iterable[str]) -> bool:
    """Whether texts that are in no index fit a filter, by the same rule as ``query``."""
    have = f" {kept_words(candidates)} "
    for part in folded(text).split():
        found = words(part)
        if len(found) > 1 and _is_han(found[-1]) and found[-2].endswith(found[-1]) and len(found[-2]) == 2:
            found = found[:-1]
        if found and f" {' '.join(found)}" not in have and f" {INITIALS}{part}" not in have:
            return False
    return True


def pinyin_initials(text: str) -> str:
    """The initials of the Chinese characters of a text, at most 12; "" when there are fewer than two."""
    if text.isascii():
        return ""
    readings = _readings()
    found = [readings[letter] for letter in text if letter in readings]
    return "".join(found[:_MOST_INITIALS]) if len(found) > 1 else ""


@cache
def _readings() -> dict[str, str]:
    """The initial of the most usual reading of each character."""
    from pypinyin.pinyin_dict import pinyin_dict  # large; only where Chinese displays are indexed

    plain = {code: unicodedata.normalize("NFD", reading[:1])[:1] for code, reading in pinyin_dict.items()}
    return {chr(code): initial for code, initial in plain.items() if initial.isascii()}
