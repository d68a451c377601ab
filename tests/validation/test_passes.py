"""The compiled pass over an object and its loop."""

import pytest

from countyfhir.validation.passes import factory, looped_pass, straight_pass
from countyfhir.validation.problem import NOTHING_KNOWN
from countyfhir.validation.structure import check


def refusing(value):
    """Accepts "good" only."""
    return None if value == "good" else "good"


LANES = (
    ("word", refusing, frozenset(("good", "known"))),
    ("text", refusing, None),
    ("other", refusing, NOTHING_KNOWN),
)


def account(value, found):
    """Shows what was found."""
    return [(name, str(answer), str(value[name])) for name, answer in found.items()]


@pytest.mark.parametrize("make", [straight_pass, looped_pass])
def test_every_wrong_value_is_in_the_account(make):
    """All three kinds of lanes ask the check, and its answers arrive under the names."""
    value = {"word": 1, "text": "\x00", "other": "known"}
    assert make(LANES, account, odd=False)(value) == [(name, "good", str(value[name])) for name in value]
    assert make(LANES, account, odd=False)({"word": "good", "text": "good", "other": "good"}) is None
    assert make(LANES, account, odd=True)({"word": "good", "text": "good", "other": "good"}) == []


def test_known_and_printable_texts_are_not_asked_about():
    """What is known to be fine passes without a call; the loop, which always asks, is for rare shapes."""
    assert straight_pass(LANES, account, odd=False)({"word": "known", "text": "any", "other": "good"}) is None


def test_the_code_of_a_pass_holds_no_name():
    """Two sequences of names with checks of the same kinds share their code."""
    other = (("x'; import os #", *LANES[0][1:]), *LANES[1:])
    assert straight_pass(other, account, odd=False).__code__ is straight_pass(LANES, account, odd=False).__code__
    assert factory("").__code__ is not factory("c").__code__


def test_more_shapes_than_are_kept_are_checked_the_same():
    """Beyond the plans that are kept, the loop says the same."""
    for number in range(600):
        issues = check({"resourceType": "Basic", f"x{number}": 1, "code": {"text": "a"}, "language": " "})
        assert [issue.expression for issue in issues] == [("Basic.language",), (f"Basic.x{number}",)]


@pytest.mark.parametrize(
    "wrapped", [lambda inner: {"extension": [inner]}, lambda inner: {"_valueString": {"extension": [inner]}}]
)
def test_wrong_values_deep_inside_are_checked_once(wrapped):
    """Problems on each of 60 levels do not double the work with every level: it ends."""
    extension = {"url": "u", "valueString": ""}
    for _ in range(60):
        extension = {"url": [], **wrapped(extension)}
    issues = check({"resourceType": "Basic", "code": {"text": "a"}, "extension": [extension]})
    assert len(issues) == 61
