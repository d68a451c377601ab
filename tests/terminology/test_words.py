"""Filters find displays by words, beginnings, Chinese characters anywhere and pinyin initials."""

from __future__ import annotations

import pytest

from countyfhir.terminology.words import kept_words, matches, query


@pytest.mark.parametrize(
    ("text", "display", "found"),
    [
        ("heart", "Heart valve", True),
        ("HEA val", "Heart valve", True),
        ("art", "Heart valve", False),
        ("cafe", "Café", True),
        ("糖尿病", "2型糖尿病伴有肾的并发症", True),
        ("肾 糖尿", "2型糖尿病伴有肾的并发症", True),
        ("肾", "2型糖尿病伴有肾的并发症", True),
        ("症发", "2型糖尿病伴有肾的并发症", False),
        ("２型", "2型糖尿病", True),
        ("xtnb", "型糖尿病", True),
        ("tnb", "糖尿病", True),
        ("nb", "糖尿病", False),
        ("a00.1", "A00.100 霍乱", True),
        ("a00.2", "A00.100 霍乱", False),
    ],
)
def test_matches(text: str, display: str, found: bool) -> None:
    """As people type."""
    assert matches(text, [display]) is found


def test_what_holds_no_word_has_no_query() -> None:
    """Punctuation alone finds nothing; a text is kept once."""
    assert query("、 -") is None
    assert kept_words(["肺炎", "肺炎"]) == "肺炎 炎 zzfy |"
