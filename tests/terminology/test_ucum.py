"""UCUM units are reduced to base units exactly."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countyfhir.terminology.ucum import canonical, reduce


@pytest.mark.parametrize(
    ("value", "code", "reduced", "base"),
    [
        ("5.4", "mg", "0.0054", "g"),
        ("5.4", "ug", "0.0000054", "g"),
        ("1", "kg/m2", "1000", "g.m-2"),
        ("120", "mm[Hg]", "15998640", "g.m-1.s-2"),
        ("1", "N/m2", "1000", "g.m-1.s-2"),
        ("1", "Pa", "1000", "g.m-1.s-2"),
        ("37", "Cel", "310.15", "K"),
        ("98.6", "[degF]", "310.15", "K"),
        ("-40", "[degF]", "233.15", "K"),
        ("1", "%", "0.01", "1"),
        ("4.5", "10*9/L", "4500000000000", "m-3"),
        ("4.5", "10^9/l", "4500000000000", "m-3"),
        ("4500", "10*6/L", "4500000000000", "m-3"),
        ("1", "m[iU]/mL", "1000", "[iU].m-3"),
        ("1", "[IU]/L", "1000", "[iU].m-3"),
        ("60", "/min", "1", "s-1"),
        ("60", "{beats}/min", "1", "s-1"),
        ("1", "mL/min/{1.73_m2}", "1.666666666666666666666666666666666666667E-8", "m3.s-1"),
        ("2", "m2{x}/s{y}", "2", "m2.s-1"),
        ("1", "(g/L)/s", "1000", "g.m-3.s-1"),
        ("1", "da", None, None),
        ("1", "dag", "10", "g"),
        ("1", "cd", "1", "cd"),
        ("1", "a", "31557600", "s"),
        ("1", "[in_i]", "0.0254", "m"),
        ("7", "{score}", "7", "1"),
        ("7", "1", "7", "1"),
    ],
)
def test_reductions(value, code, reduced, base):
    """Hand-checked reductions of prefixes, exponents, products, annotations, arbitrary units and temperatures."""
    found = canonical(Decimal(value), code)
    assert found == (None if reduced is None else (Decimal(reduced), base))


@pytest.mark.parametrize(
    "code",
    [
        "",
        "nope",
        "[pH]",
        "B[SPL]",
        "mg/",
        "(mg",
        "mg)",
        "m//s",
        "{",
        "5..",
        "0",
        "片",
        "mmHg",
        "g g",
        "m999",
        "[in_i",
        "." * 300,
    ],
)
def test_what_cannot_be_reduced(code):
    """No UCUM code, a logarithmic scale, or absurd sizes: None, never an exception."""
    assert canonical(Decimal(1), code) is None


@given(st.text(alphabet="mgkL10*[]{}()./-%aCelHI", max_size=15))
def test_arbitrary_text_never_fails(code):
    """Any text is either a unit or None."""
    canonical(Decimal("1.5"), code)


NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9)


@given(NUMBERS, NUMBERS, st.sampled_from(["mg", "Cel", "[degF]", "/min", "mmol/L", "mm[Hg]", "[lb_av]"]))
def test_order_is_kept(left, right, code):
    """Reduced values compare as the values do."""
    reduced = [canonical(number, code)[0] for number in (left, right)]
    assert (left < right) == (reduced[0] < reduced[1])


@given(NUMBERS)
def test_equal_amounts_in_other_units_are_equal(number):
    """x g is 1000x mg and x/1000 kg; x mmol/L is x mol/m3."""
    assert canonical(number, "g") == canonical(number * 1000, "mg") == canonical(number.scaleb(-3), "kg")
    assert canonical(number, "mmol/L") == canonical(number, "mol/m3")


def test_offsets_only_where_a_scale_stands_alone():
    """Degrees Celsius per minute is no scale with an offset, so it is not reduced."""
    assert reduce("Cel/min") is None
    assert reduce("K/min") is not None
