"""Expressions of _text and _content become predicates, or a 400 that says what is wrong."""

from __future__ import annotations

import pytest

from countyfhir.outcome import FhirError
from countyfhir.search.query import AllOf, Clause, FullText, Not
from countyfhir.search.text_expressions import clause


def text(*phrases: str) -> FullText:
    return FullText("_text", phrases)


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("bone", (text("bone"),)),
        ("bone liver", (text("bone", "liver"),)),
        ("(bone OR liver) and metastases", (AllOf(((text("metastases"),), (text("bone"), text("liver")))),)),
        ("bone or liver metastases", (text("bone"), text("liver", "metastases"))),
        ("bone | liver", (text("bone"), text("liver"))),
        ('"Heart  Rate"', (text("heart rate"),)),
        ("cough -fever", (AllOf(((text("cough"),), (Not((text("fever"),)),))),)),
        ("not (a or b)", (Not((text("a"), text("b"))),)),
        ("x-ray", (text("x ray"),)),
        ("diab*", (text("diab*"),)),
        ("肺", (text("肺*"),)),
        ("肺炎", (text("肺炎"),)),
        ("糖尿病", (text("糖尿 尿病"),)),
        ('"and"', (text("and"),)),
    ],
)
def test_expressions(asked: str, read: Clause) -> None:
    """Words, phrases, and, or, not and parentheses."""
    assert clause("_text", asked) == read


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("", "a word"),
        ("(a", "not closed"),
        ("a)", "no opening"),
        ('"a', "quotation mark"),
        ("a and", "a word"),
        ("or a", "a word"),
        ("!", "letter or digit"),
        ("a " * 101, "more than 100"),
    ],
)
def test_malformed_expressions(asked: str, said: str) -> None:
    """Each says what was expected, and never repeats the text."""
    with pytest.raises(FhirError, match=said) as refused:
        clause("_text", asked)
    assert refused.value.status == 400
