"""The comparison rules of prefixes are those of R4, shown by brute force over instants."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir.search import decimal_key
from countyfhir.search.ranges import PREFIXES, approximate_range, date_holds, number_holds, precision_range

POINTS = st.integers(0, 12)
RANGES = st.tuples(POINTS, POINTS).filter(lambda pair: pair[0] < pair[1])


def by_brute_force(prefix, target, value):
    """The specification's table (3.1.1.4.4) read over sets of instants, the ranges above and below included."""
    inside, wanted = set(range(*target)), set(range(*value))
    above, below = set(range(value[1], 100)), set(range(-100, value[0]))
    return {
        "eq": inside <= wanted,
        "ne": not inside <= wanted,
        "gt": bool(inside & above),
        "lt": bool(inside & below),
        "ge": bool(inside & above) or inside <= wanted,
        "le": bool(inside & below) or inside <= wanted,
        "sa": not inside & wanted and inside <= above,
        "eb": not inside & wanted and inside <= below,
        "ap": bool(inside & wanted),
    }[prefix]


@given(RANGES, RANGES, st.sampled_from(PREFIXES))
def test_dates_compare_as_the_specification_says(target, value, prefix):
    """Every prefix agrees with the set reading of its sentence in the specification."""
    assert date_holds(prefix, *target, *value) == by_brute_force(prefix, target, value)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("100", "99.5", "100.5"),
        ("100.00", "99.995", "100.005"),
        ("1e2", "95", "105"),
        ("1.0e2", "95", "105"),
        ("5.4", "5.35", "5.45"),
        ("5.40e-3", "0.005395", "0.005405"),
        ("5.4e-3", "0.00535", "0.00545"),
        ("-2", "-2.5", "-1.5"),
        ("0", "-0.5", "0.5"),
    ],
)
def test_the_last_digit_gives_the_precision(text, low, high):
    """The specification's own examples (3.1.1.4.6 and .13), and their like."""
    assert precision_range(text) == (Decimal(low), Decimal(text), Decimal(high))


def test_approximately_is_ten_per_cent():
    """ap100 is 90 to 110; ap0 keeps the implicit precision."""
    assert approximate_range("100") == (Decimal(90), Decimal(100), Decimal(110))
    assert approximate_range("-100") == (Decimal(-110), Decimal(-100), Decimal(-90))
    assert approximate_range("0") == (Decimal("-0.5"), Decimal(0), Decimal("0.5"))


@pytest.mark.parametrize(
    ("prefix", "matching"),
    [
        ("eq", ["99.5", "100", "100.4999"]),
        ("ne", ["99", "100.5", "101"]),
        ("gt", ["100.4999", "100.5", "101"]),
        ("lt", ["99", "99.5"]),
        ("ge", ["100", "100.4999", "100.5", "101"]),
        ("le", ["99", "99.5", "100"]),
        ("sa", ["100.4999", "100.5", "101"]),
        ("eb", ["99", "99.5"]),
    ],
)
def test_numbers_compare_exactly_unless_equality_is_asked(prefix, matching):
    """eq and ne use the implicit precision of 100; all others take it as exactly 100."""
    values = ["99", "99.5", "100", "100.4999", "100.5", "101"]
    low, exact, high = map(decimal_key.encode, precision_range("100"))
    found = [text for text in values if number_holds(prefix, decimal_key.encode(Decimal(text)), low, exact, high)]
    assert found == matching
