"""Strings as people compare them, and the names of the tests with their readings (R4 section 3.1.1.4.8)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

READINGS = {"欧阳": "ou yang", "单": "shan", "张": "zhang", "三": "san", "明": "ming", "李": "li", "四": "si"}
"""How the Chinese names of the tests are read."""


def folded(text: str) -> str:
    """Width, case and accents do not count, nor how much white space there is."""
    wide = unicodedata.normalize("NFKD", text)
    bare = "".join(letter for letter in wide if unicodedata.category(letter) != "Mn")
    return " ".join(unicodedata.normalize("NFKC", bare.casefold()).split())


BETWEEN = " ·　"
"""What may stand between the characters of a name."""


def in_one_word(text: str) -> str:
    """A name as it is asked for, without what stands between its words; "" where nothing does, or it is no name."""
    words = folded(text).replace("·", " ").split()
    readings = {*" ".join(READINGS.values()).split(), "ouyang", "zhou"}
    named = all(word in readings for word in words[:-1]) or syllables("".join(words))
    return "".join(words) if len(words) > 1 and named else ""


def syllables(text: str) -> list[str]:
    """The syllables of a Chinese name; [] for any other text."""
    found: list[str] = []
    rest = "".join(letter for letter in text if letter not in BETWEEN)
    while rest:
        word = next((word for word in READINGS if rest.startswith(word)), None)
        if word is None:
            return []
        found += READINGS[word].split()
        rest = rest[len(word) :]
    return found


def spelled(text: str) -> Iterator[str]:
    """Full pinyin, initials from two syllables on, and the characters without what stands between them."""
    found = syllables(text)
    if found:
        yield "".join(letter for letter in text if letter not in BETWEEN)
        yield "".join(found)
        if len(found) > 1:
            yield "".join(syllable[0] for syllable in found)


def whole_name(name: dict[str, Any]) -> str:
    """Family and given names as one: Chinese ones without a space."""
    parts = [part for part in (name.get("family"), *name.get("given", ())) if part]
    if not name.get("family"):
        return ""
    return ("" if syllables("".join(parts)) else " ").join(parts)


def of_name(name: dict[str, Any]) -> list[str]:
    """Every text a HumanName is found by."""
    texts = [name.get("text"), name.get("family"), whole_name(name)]
    texts += [*name.get("given", ()), *name.get("prefix", ()), *name.get("suffix", ())]
    return [text for text in texts if text]


def of_address(address: dict[str, Any]) -> list[str]:
    """Every text an Address is found by."""
    parts = [address.get(part) for part in ("text", "city", "district", "state", "postalCode", "country")]
    return [text for text in (*address.get("line", ()), *parts) if text]


def sort_text(text: str) -> str:
    """A name as it sorts: by syllables, homophones by their characters."""
    found = syllables(text)
    return f"{' '.join(found)}\t{text}" if found else folded(text)


def matches(found: str, asked: str, modifier: str) -> bool:
    """A text begins with what was asked for; ``contains`` anywhere, ``exact`` literally."""
    if modifier == "exact":
        return found == asked
    if modifier == "contains":
        return folded(asked) in folded(found)
    return folded(found).startswith(folded(asked))
