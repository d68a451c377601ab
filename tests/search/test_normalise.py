"""Strings are folded by width, case, accents and white space."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir.search.normalise import normalise


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Chalmers", "chalmers"),
        ("Édouard MÜLLER", "edouard muller"),
        ("ＷＡＮＧ　１２３", "wang 123"),
        ("STRASSE Straße", "strasse strasse"),
        ("  two \t words\n", "two words"),
        ("欧阳　修", "欧阳 修"),
        ("买买提•吐尔逊", "买买提·吐尔逊"),
        ("ガ", "ガ"),
        ("Đặng", "đang"),
        ("ﬁn", "fin"),
        ("", ""),
    ],
)
def test_text_is_folded(text, folded):
    """Hand-written foldings; voicing marks of kana stay."""
    assert normalise(text) == folded


@given(st.text(max_size=30))
def test_folding_twice_changes_nothing(text):
    """A folded text folds to itself, so that index and query agree."""
    assert normalise(normalise(text)) == normalise(text)
