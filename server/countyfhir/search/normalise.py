"""Strings as search compares them: width, case and accents folded, white space collapsed (R4 section 3.1.1.4.6)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_MIDDLE_DOTS = dict.fromkeys(map(ord, "•‧・⋅∙●"), "·")
"""The separators people type inside transliterated names, as the one that GB 18030 name fields use."""


@lru_cache(maxsize=32_768)
def normalise(text: str) -> str:
    """``text`` folded: NFKC (full-width letters become ASCII), case, accents, middle dots, runs of white space.

    Vowel signs and voicing marks of scripts that need them stay. Folding twice changes nothing.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", text).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    bare = "".join(letter for letter in decomposed if unicodedata.combining(letter) < 200)
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", bare).casefold())
    return " ".join(composed.translate(_MIDDLE_DOTS).split())
