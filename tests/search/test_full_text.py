"""Full text: folded words, Chinese by pairs of characters, narratives without their markup."""

from __future__ import annotations

import pytest

from countyfhir.search.full_text import entries, occurs, phrase, plain, words


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Chest X-ray", ["chest", "x", "ray"]),
        ("Ménière ＦＬＵ", ["meniere", "flu"]),
        ("肺炎", ["肺炎", "炎"]),
        ("肺", ["肺"]),
        ("糖尿病 type 2", ["糖尿", "尿病", "病", "type", "2"]),
        ("2型糖尿", ["2", "型糖", "糖尿", "尿"]),
        ("かぜ。감기", ["かぜ", "ぜ", "감기", "기"]),
        ("—, 。", []),
    ],
)
def test_words(text: str, kept: list[str]) -> None:
    """Width, case and accents are folded; runs of Chinese, Japanese and Korean become pairs and their last one."""
    assert words(text) == kept


@pytest.mark.parametrize(
    "text", ["肺", "炎", "肺炎", "炎球", "肺炎球菌", "菌 infection", "infection 2", "肺炎球菌 Infection"]
)
def test_every_part_of_a_text_is_found(text: str) -> None:
    """Any run of characters or words in order, from one character on."""
    assert occurs(phrase(text), " ".join(words("急性肺炎球菌 infection 2 days")))


@pytest.mark.parametrize(
    "text", ["肺球", "炎肺", "2 infection", "infect", "菌肺", "急性 infection", "肺炎 球菌", "肺炎 infection"]
)
def test_nothing_else_is_found(text: str) -> None:
    """Neither what stands in another order nor part of a word."""
    assert not occurs(phrase(text), " ".join(words("急性肺炎球菌 infection 2 days")))


def test_the_beginning_of_a_word() -> None:
    """Only when it is asked for."""
    assert occurs(phrase("infect*", beginning=True), "infection 2")
    assert phrase("infect*") == "infect"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<div><p>one</p><p>two</p></div>", "one two"),
        ("<div>肺<b>炎</b></div>", "肺炎"),
        ('<div><a title="x > y">here</a><!-- <p>never</p> --></div>', "here"),
        ("<div>a &amp; b &lt; c</div>", "a & b < c"),
    ],
)
def test_narratives_without_markup(markup: str, text: str) -> None:
    """Blocks part words, tags within a line do not; comments and attributes are no text."""
    assert " ".join(plain(markup).split()) == text


def test_narrative_and_rest_are_kept_apart() -> None:
    """Addresses, identities, dates and bytes are no words."""
    resource = {
        "resourceType": "Observation",
        "id": "never",
        "meta": {"source": "never"},
        "text": {"status": "generated", "div": "<div>咳嗽</div>"},
        "code": {"coding": [{"system": "http://never", "code": "8867-4", "display": "Heart rate"}]},
        "subject": {"reference": "Patient/never", "display": "Wang"},
        "effectiveDateTime": "2024-05-06T07:08:09Z",
        "valueAttachment": {"data": "bmV2ZXI="},
    }
    ((_, _, _, narrative, rest),) = entries(resource)
    assert (narrative, rest) == ("咳嗽 嗽", "generated 8867 4 heart rate wang")
