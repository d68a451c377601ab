"""The rules of comparison as data: weights, thresholds, identifier systems, patterns of names (``rules.yaml``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).with_name("rules.yaml")


class RulesProblem(ValueError):
    """A file of rules that cannot be used: the message names the place."""


@dataclass(frozen=True, slots=True)
class Rules:
    """``weights[field][agreement]`` in bits; the thresholds as ``rules.yaml`` explains them."""

    version: int
    link: float
    review: float
    margin: float
    block: int
    group: int
    base: float
    national: frozenset[str]
    countywide: frozenset[str]
    unverified: frozenset[str]
    weights: Mapping[str, Mapping[str, float]]
    names_that_link: frozenset[str]
    unusable_names: re.Pattern[str]
    titles: re.Pattern[str]
    variants: Mapping[int, str]
    placeholder_phones: re.Pattern[str]

    def weight(self, field: str, agreement: str) -> float:
        """The bits of an agreement; 0 for one that the table does not name (a field that is absent)."""
        return self.weights[field].get(agreement, 0.0)


@cache
def shipped_rules() -> Rules:
    """The rules of this program."""
    return load(SHIPPED)


def load(path: Path) -> Rules:
    """The rules in a file; RulesProblem when it is not of that shape."""
    import yaml  # not needed to start

    try:
        return _rules(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, re.error) as error:
        raise RulesProblem(f"the rules of persons in {path.name} cannot be used: {error!r}") from error


def _rules(told: dict[str, Any]) -> Rules:
    limits, systems, names = told["thresholds"], told["systems"], told["names"]
    weights = {field: {name: float(bits) for name, bits in table.items()} for field, table in told["weights"].items()}
    missing = {"national", "archive", "identifier", "name", "sex", "birth", "phone", "address", "contact"} - set(
        weights
    )
    if missing or limits["review"] > limits["link"]:
        raise ValueError("weights of every field and review <= link are needed")
    return Rules(
        int(told["version"]), float(limits["link"]), float(limits["review"]), float(limits["margin"]),
        int(limits["block"]), int(limits["group"]), float(limits["base"]),
        frozenset(systems["national"]), frozenset(systems["countywide"]), frozenset(systems["unverified"]),
        weights, frozenset(told["link_needs"]["name"]), re.compile("|".join(names["unusable"]), re.IGNORECASE),
        re.compile(names["titles"]), {ord(other): line[0] for line in names["variants"] for other in line[1:]},
        re.compile("|".join(f"(?:{each})" for each in _numbered(told["placeholder_phones"]))),
    )  # fmt: skip


def _numbered(patterns: list[str]) -> list[str]:
    """The patterns with their back references renumbered, so that they can stand side by side."""
    groups, made = 0, []
    for pattern in patterns:
        shifted = re.sub(r"\\(\d)", lambda found, groups=groups: f"\\{int(found[1]) + groups}", pattern)  # type: ignore[misc]
        groups += re.compile(pattern).groups
        made.append(shifted)
    return made
