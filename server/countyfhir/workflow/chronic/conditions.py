"""Conditions of rule tables on facts: thresholds, memberships, all and any of others (``profiles/rules``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Facts = Mapping[str, Any]
"""Name -> Range, frozenset of codes, or bool. What was not told is absent."""


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and the highest of several readings; of one reading both are the same."""

    low: Decimal
    high: Decimal

    def with_reading(self, value: Decimal) -> Range:
        """The range with one more reading."""
        return Range(min(self.low, value), max(self.high, value))


def reading(value: Decimal | int) -> Range:
    """The range of one reading."""
    return Range(Decimal(value), Decimal(value))


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "at-least": lambda fact, limit: isinstance(fact, Range) and fact.high >= Decimal(str(limit)),
    "above": lambda fact, limit: isinstance(fact, Range) and fact.high > Decimal(str(limit)),
    "at-most": lambda fact, limit: isinstance(fact, Range) and fact.low <= Decimal(str(limit)),
    "below": lambda fact, limit: isinstance(fact, Range) and fact.high < Decimal(str(limit)),
    "in": lambda fact, codes: isinstance(fact, frozenset) and not fact.isdisjoint(codes),
    "is": lambda fact, wanted: isinstance(fact, bool) and fact is wanted,
}
"""Of several readings the highest counts, but the lowest where a limit is not to be gone under: what is worse."""


def holds(condition: Mapping[str, Any], facts: Facts) -> bool:
    """Whether a condition holds; one on a fact that is not known does not."""
    if "all" in condition:
        return all(holds(one, facts) for one in condition["all"])
    if "any" in condition:
        return any(holds(one, facts) for one in condition["any"])
    fact = facts.get(condition["fact"])
    return all(test(fact, condition[name]) for name, test in _TESTS.items() if name in condition)
