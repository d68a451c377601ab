"""Chinese names as pinyin: full and initials, surnames read as surnames (GB/T 28039 names in pinyin; DESIGN decision
6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, lru_cache

from countyfhir.search.readings import COMPOUND, PLACES, RARE, SINGLE

ROLES = ("family", "given", "whole")
"""What a text is: a family name, given names, or family and given names in one (surname first)."""

_IGNORED = frozenset(" ·•‧・　")


def is_chinese(text: str) -> bool:
    """Whether ``text`` holds a Han character (CJK unified ideographs, extensions and compatibility)."""
    if text.isascii():
        return False
    return any(
        "\u4e00" <= letter <= "\u9fff" or "\u3400" <= letter <= "\u4dbf" or "\uf900" <= letter <= "\ufaff"
        or "\U00020000" <= letter <= "\U0003ffff" or letter == "〇"
        for letter in text
    )  # fmt: skip


@lru_cache(maxsize=16_384)
def forms(text: str, role: str) -> tuple[str, ...]:
    """What ``text`` (normalised) is also found by: full pinyin in its spellings, the initials (from two syllables on),
    and its characters without what stands between them.

    ``ü`` is written v, yu (as passports do) and u. ``()`` when there is no Han character.
    """
    if not is_chinese(text):
        return ()
    syllables = syllables_of(text, role)
    full = "".join(syllables)
    spellings = [full]
    if "v" in full:
        spellings += [full.replace("v", "yu"), full.replace("v", "u")]
    if len(syllables) > 1:
        spellings.append("".join(syllable[0] for syllable in syllables))
    letters = _letters(text)
    if letters != text:
        spellings.append(letters)
    return tuple(dict.fromkeys(spellings))


@lru_cache(maxsize=16_384)
def sort_key(text: str, role: str) -> str:
    """``text`` as names are sorted: syllable by syllable, the shorter first, the characters after it to part
    homophones."""
    return f"{' '.join(syllables_of(text, role))}\t{text}" if is_chinese(text) else text


@lru_cache(maxsize=16_384)
def syllables_of(text: str, role: str) -> tuple[str, ...]:
    """The syllables of a name, tones left out; what is not Han stays as it is."""
    letters = _letters(text)
    if role == "given":
        return _readings(letters)
    surname = _surname(letters)
    return surname + _readings(letters[len(surname) :])


def _letters(text: str) -> str:
    return "".join(letter for letter in text if letter not in _IGNORED)


def _surname(letters: str) -> tuple[str, ...]:
    """The syllables of the surname that ``letters`` begin with, as many as it has characters; () for the usual
    readings."""
    compound = COMPOUND.get(letters[:2])
    if compound:
        return compound
    single = SINGLE.get(letters[:1])
    return (single,) if single else ()


def _readings(letters: str) -> tuple[str, ...]:
    return tuple(_plain(_reader()(letters))) if letters else ()


def prepare() -> None:
    """Load the dictionary of readings, so that no name waits for it: a third of a second, 15 MB."""
    _reader()


@cache
def _reader() -> Callable[[str], list[str]]:
    """The dictionary of readings, with our places; loaded when the first Chinese name is met."""
    import pypinyin

    places = {word: [[syllable] for syllable in syllables] for word, syllables in PLACES.items()}
    pypinyin.load_phrases_dict(places)
    pypinyin.load_single_dict({ord(character): reading for character, reading in RARE.items()})
    return pypinyin.lazy_pinyin


def _plain(syllables: Iterable[str]) -> Iterable[str]:
    return (syllable.lower() for syllable in syllables if syllable)
