"""Units: what can be converted is, what is not known stays unknown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from countyfhir.fhirpath import compile, units  # noqa: A004


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 'kg' = 1000 'g'", [True]),
        ("120 'mm[Hg]' > 15 'kPa'", [True]),
        ("5.5 'mmol/L' = 0.0055 'mol/L'", [True]),
        ("1 'L' = 1 'dm3'", [True]),
        ("1 'g' = 1 's'", [False]),
        ("1 'g' < 1 's'", []),
        ("1 'U/L' = 1 'U/L'", [True]),
        ("1 'nonsense' = 1 'nonsense'", [True]),
        ("1 'nonsense' = 1 'other'", [False]),
        ("10 '10*9/L' = 10000000000 '/L'", [True]),
        ("1 year = 12 months", [True]),
        ("1 year = 1 'a'", []),
        ("1 year ~ 1 'a'", [True]),
        ("3 'g' + 500 'mg' = 3.5 'g'", [True]),
        ("1 'kg'.toQuantity('g') = 1000 'g'", [True]),
        ("(1 'kg' | 1000 'g' | 2 'g').distinct().count()", [2]),
    ],
)
def test_quantities(expression: str, expected: list[bool]) -> None:
    """Quantities of one dimension compare across units."""
    assert [item.value for item in compile(expression)({"resourceType": "Basic"})] == expected


def test_canonical() -> None:
    """A code becomes a factor and powers of fundamental units; annotations do not count."""
    assert units.canonical("mg/dL{glucose}") == (Decimal("0.001") / Decimal("0.0001"), (("g", 1), ("m", -3)))
    for code in ("", "g/", "(g", "g//m", "m999", "qqq"):
        assert units.canonical(code) is None


def test_given_table() -> None:
    """A caller's table takes the place of the small one."""
    table = {"斤": (Decimal(500), (("g", 1),)), "g": (Decimal(1), (("g", 1),))}
    assert [item.value for item in compile("2 '斤' = 1000 'g'")({}, canonical_unit=table.get)] == [True]
