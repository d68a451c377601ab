"""What each prefix compares, in one table that every store compiles from (R4 section 3.1.1.4.4 to 3.1.1.4.6).

Dates are ranges on both sides: the entry's ``[low, high)`` and the search value's ``[LOW, HIGH)``. Numbers are
points on the entry's side; on the search value's side ``LOW`` and ``HIGH`` bound the implicit precision and
``EXACT`` is the number itself, which is what every prefix except ``eq`` and ``ne`` compares with ("treated as if
they have arbitrarily high precision"). A rule is a disjunction of conjunctions of ``(entry side, operator, value
side)``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Comparison = tuple[str, str, str]
Rule = tuple[tuple[Comparison, ...], ...]

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

_CONTAINED = (("low", ">=", "LOW"), ("high", "<=", "HIGH"))
_OVERLAPS = (("low", "<", "HIGH"), ("high", ">", "LOW"))

DATE_RULES: Mapping[str, Rule] = {
    "eq": (_CONTAINED,),
    "ne": ((("low", "<", "LOW"),), (("high", ">", "HIGH"),)),
    "gt": ((("high", ">", "HIGH"),),),
    "lt": ((("low", "<", "LOW"),),),
    "ge": ((("high", ">", "HIGH"),), _CONTAINED),
    "le": ((("low", "<", "LOW"),), _CONTAINED),
    "sa": ((("low", ">=", "HIGH"),),),
    "eb": ((("high", "<=", "LOW"),),),
    "ap": (_OVERLAPS,),
}
"""``DateIs`` and ``LastUpdatedIs`` against an entry's ``low`` and ``high`` (of an instant ``high`` is ``low`` +
1000: it is kept in whole milliseconds). The value of ``ap`` is already widened."""

NUMBER_RULES: Mapping[str, Rule] = {
    "eq": ((("key", ">=", "LOW"), ("key", "<", "HIGH")),),
    "ne": ((("key", "<", "LOW"),), (("key", ">=", "HIGH"),)),
    "gt": ((("key", ">", "EXACT"),),),
    "lt": ((("key", "<", "EXACT"),),),
    "ge": ((("key", ">=", "EXACT"),),),
    "le": ((("key", "<=", "EXACT"),),),
    "sa": ((("key", ">", "EXACT"),),),
    "eb": ((("key", "<", "EXACT"),),),
    "ap": ((("key", ">=", "LOW"), ("key", "<=", "HIGH")),),
}
"""``NumberIs`` against the decimal key of an entry."""

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(rule: Rule, entry: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Whether ``rule`` holds between an entry's sides (low, high or key) and a search value's (LOW, HIGH, EXACT)."""
    return any(all(_OPERATORS[sign](entry[left], value[right]) for left, sign, right in terms) for terms in rule)


def date_holds(prefix: str, low: int, high: int, value_low: int, value_high: int) -> bool:
    """Whether an entry's ``[low, high)`` compares by ``prefix`` with a search value's."""
    return holds(DATE_RULES[prefix], {"low": low, "high": high}, {"LOW": value_low, "HIGH": value_high})


def number_holds(prefix: str, key: bytes, low: bytes, exact: bytes, high: bytes) -> bool:
    """Whether the decimal key of an entry compares by ``prefix`` with a search value's."""
    return holds(NUMBER_RULES[prefix], {"key": key}, {"LOW": low, "EXACT": exact, "HIGH": high})


def precision_range(text: str) -> tuple[Decimal, Decimal, Decimal]:
    """``(low, exact, high)`` of a number as it was written: half of its last digit to either side.

    The specification's own example reads ``1e2`` as 95 to 105, so an exponential without a decimal point counts as
    if it had one digit after it.
    """
    exact = Decimal(text)
    exponent = exact.as_tuple().exponent
    assert isinstance(exponent, int)
    if "e" in text.lower() and "." not in text:
        exponent -= 1
    half = Decimal((0, (5,), exponent - 1))
    return add_exactly(exact, -half), exact, add_exactly(exact, half)


def approximate_range(text: str) -> tuple[Decimal, Decimal, Decimal]:
    """``(low, exact, high)`` of ``ap``: ten per cent to either side, at least the implicit precision."""
    low, exact, high = precision_range(text)
    tenth = abs(exact).scaleb(-1)
    return min(low, add_exactly(exact, -tenth)), exact, max(high, add_exactly(exact, tenth))


def add_exactly(left: Decimal, right: Decimal) -> Decimal:
    """The sum without rounding, whatever the ambient decimal context is."""
    exponent = min(_exponent(left), _exponent(right))
    total = _units(left, exponent) + _units(right, exponent)
    return Decimal((int(total < 0), tuple(map(int, str(abs(total)))), exponent))


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


def _units(number: Decimal, exponent: int) -> int:
    sign, digits, own = number.as_tuple()
    assert isinstance(own, int)
    units: int = int("".join(map(str, digits))) * 10 ** (own - exponent)
    return -units if sign else units
