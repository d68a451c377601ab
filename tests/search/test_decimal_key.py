"""Decimal keys order as the numbers do."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir.search.decimal_key import decode, encode

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False) | st.builds(
    lambda digits, exponent: Decimal((int(digits < 0), tuple(map(int, str(abs(digits)))), exponent)),
    st.integers(-(10**30), 10**30),
    st.integers(-400, 400) | st.integers(-100_000, 100_000),
)


@given(NUMBERS, NUMBERS)
def test_keys_compare_as_the_numbers_compare(left, right):
    """Less, equal and greater are the same for keys and for numbers, whatever sign, size and precision."""
    assert (encode(left) < encode(right), encode(left) == encode(right)) == (left < right, left == right)


@pytest.mark.parametrize(
    "ascending",
    [
        ["-1e40000", "-1e300", "-100.5", "-100", "-99.99", "-0.001", "-1e-40000", "0", "1e-40000", "1e-9", "0.1"],
        ["0.1", "0.11", "0.2", "1", "1.0000000000000000000000001", "9", "10", "10.5", "99", "100", "1e300", "1e40000"],
    ],
)
def test_a_ladder_of_numbers_is_in_order(ascending):
    """Hand-written numbers of every size sort by their keys."""
    keys = [encode(Decimal(text)) for text in ascending]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_precision_does_not_count():
    """1.0, 1.00, 1 and 10e-1 have one key; so have 0, -0 and 0.000."""
    assert len({encode(Decimal(text)) for text in ("1.0", "1.00", "1", "10e-1")} | {encode(1)}) == 1
    assert len({encode(Decimal(text)) for text in ("0", "-0", "0.000", "0e9")}) == 1


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_has_no_key(text):
    """NaN and infinities are refused."""
    with pytest.raises(ValueError, match="finite"):
        encode(Decimal(text))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-180, max_value=180, places=12))
def test_a_key_tells_its_number(number):
    """Decoding gives the nearest float."""
    assert decode(encode(number)) == float(number)
