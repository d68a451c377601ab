"""The 15 and 18 digit forms of one resident identity number are equivalent (fictitious numbers)."""

import pytest

from countyfhir.search.resident_id import check_character, equivalents

BODY = "52262819800101001"
NEW = BODY + check_character(BODY)
OLD = "522628800101001"


def test_the_check_character_follows_iso_7064():
    """The example number of GB 11643-1999, annex: 11010519491231002 has X."""
    assert check_character("11010519491231002") == "X"


def test_both_forms_find_each_other():
    """18 digits of the 1900s give the 15, and 15 give the 18."""
    assert equivalents(NEW) == (OLD,)
    assert equivalents(OLD) == (NEW,)


def test_a_small_x_is_the_capital_one():
    """…002x, …002X and the 15 digits all lead to the other two."""
    forms = {"11010519491231002x", "11010519491231002X", "110105491231002"}
    assert [set(equivalents(form)) for form in sorted(forms)] == [forms - {form} for form in sorted(forms)]


@pytest.mark.parametrize(
    "value", ["", "12345", "110105194912310021", "991305491231002", "110105491331002", "1101054912310ab"]
)
def test_other_values_have_no_other_form(value):
    """A wrong check digit, an unknown province, a 13th month and plain text are left alone."""
    assert equivalents(value) == ()


def test_a_number_of_this_century_has_no_old_form():
    """Nobody born after 1999 ever had 15 digits."""
    body = "52262820100101001"
    assert equivalents(body + check_character(body)) == ()
