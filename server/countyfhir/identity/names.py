"""Names of persons: one form, how they sound, and how well two of them agree (dirt M09, M09n)."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct
from rapidfuzz.distance import OSA

from countyfhir.identity.rules import Rules
from countyfhir.search import pinyin
from countyfhir.search.normalise import normalise
from countyfhir.search.readings import COMPOUND

_NOTHING = re.compile(r"[\s·.,\-'’_()（）]+")
_TWO = 2
_LATIN_LIKE = 0.88


class Name(Struct, frozen=True, array_like=True):
    """``text`` in one form, blanks and dots left out, variant characters as one; ``sound`` its syllables, joined by
    blanks; ``family`` how many syllables the surname has (0: not a Han name)."""

    text: str
    sound: str
    family: int = 0


@lru_cache(maxsize=16_384)
def _sounding(text: str) -> tuple[str, int]:
    if not pinyin.is_chinese(text):
        return text, 0
    syllables = pinyin.syllables_of(text, "whole")
    compound = COMPOUND.get(text[:_TWO])
    return " ".join(syllables), _TWO if compound else 1


def name_of(text: str, rules: Rules) -> Name | None:
    """The name in its form; None for what is no name of the person."""
    plain = rules.titles.sub("", normalise(text))
    if not plain or rules.unusable_names.search(plain):
        return None
    bare = _NOTHING.sub("", plain).translate(rules.variants)
    if len(bare) < 2:
        return None
    sound, family = _sounding(bare)
    if not family:  # words in any order: family names come first here and last there
        bare = "".join(sorted(_NOTHING.sub(" ", plain).split()))
        sound = bare
    return Name(bare, sound, family)


def agreement(a: Name, b: Name) -> str:
    """same, sound (homophones, variants, pinyin against characters), similar (one character in three or more, the same
    letters in another order), surname, or other."""
    if a.text == b.text:
        return "same"
    if a.family and b.family and a.family != b.family:
        return "sound" if a.sound.replace(" ", "") == b.sound.replace(" ", "") else "other"
    if a.family != b.family:
        han, latin = (a, b) if a.family else (b, a)
        return "sound" if latin.text in spellings(han) else "other"
    if not a.family:
        if sorted(a.text) == sorted(b.text):  # XIE XIAOMING, Xiao Ming Xie: nobody knows where words end
            return "similar"
        long = max(len(a.text), len(b.text))
        return "similar" if 1 - OSA.distance(a.text, b.text) / long >= _LATIN_LIKE else "other"
    if a.sound == b.sound:
        return "sound"
    if min(len(a.text), len(b.text)) > 2 and OSA.distance(a.text, b.text) == 1:
        return "similar"
    return "surname" if a.text[: a.family] == b.text[: b.family] else "other"


@lru_cache(maxsize=16_384)
def spellings(name: Name) -> frozenset[str]:
    """A Han name in letters, as such names are kept here (words in order of the alphabet, joined): family name and
    given name as words or as syllables, before or after each other; ü also as v, u and yu."""
    syllables = name.sound.split()
    family, given = syllables[: name.family], syllables[name.family :]
    words = [
        ["".join(family), "".join(given)],
        [*family, *given],
        ["".join(family), *given],
        [*family, "".join(given)],
        ["".join(syllables)],
        ["".join((*given, *family))],
    ]
    return frozenset("".join(sorted(written)) for one in words for written in with_u(one))


def with_u(words: list[str]) -> list[list[str]]:
    """The words with each way to write ü, which stands as v in syllables."""
    return [[word.replace("v", u) for word in words] for u in ("v", "u", "yu")]
