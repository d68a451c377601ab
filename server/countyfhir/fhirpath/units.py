"""Units of quantities: calendar words and the common part of UCUM, to compare and convert (FHIRPath N1 section 6.2).

A full UCUM table can be put in place of :func:`canonical` with the ``canonical_unit`` argument of an evaluation.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

CALENDAR_UNITS: dict[str, str] = {
    word: name
    for name in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for word in (name, name + "s")
}
"""Calendar words, singular and plural, to the singular."""
UCUM_OF_CALENDAR = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
CALENDAR_OF_UCUM = {code: word for word, code in UCUM_OF_CALENDAR.items()}

Canonical = tuple[Decimal, tuple[tuple[str, int], ...]]
"""A factor and the powers of the fundamental units: ``(Decimal('0.001'), (('m', 1),))`` for ``mm``."""

_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip
_METRIC: dict[str, tuple[str, str]] = {
    "m": ("1", "m"),
    "s": ("1", "s"),
    "g": ("1", "g"),
    "K": ("1", "K"),
    "A": ("1", "A"),
    "cd": ("1", "cd"),
    "C": ("1", "A.s"),
    "mol": ("602214076000000000000000", "1"),
    "eq": ("602214076000000000000000", "1"),
    "osm": ("602214076000000000000000", "1"),
    "l": ("0.001", "m3"),
    "L": ("0.001", "m3"),
    "t": ("1000000", "g"),
    "Hz": ("1", "s-1"),
    "N": ("1000", "g.m.s-2"),
    "Pa": ("1000", "g.m-1.s-2"),
    "J": ("1000", "g.m2.s-2"),
    "W": ("1000", "g.m2.s-3"),
    "V": ("1000", "g.m2.s-3.A-1"),
    "Ohm": ("1000", "g.m2.s-3.A-2"),
    "bar": ("100000000", "g.m-1.s-2"),
    "cal": ("4184", "g.m2.s-2"),
    "m[Hg]": ("133322000", "g.m-1.s-2"),
    "m[H2O]": ("9806650", "g.m-1.s-2"),
    "U": ("10036894500000000", "s-1"),
    "kat": ("602214076000000000000000", "s-1"),
    "Bq": ("1", "s-1"),
    "Gy": ("1", "m2.s-2"),
    "Sv": ("1", "m2.s-2"),
    "[iU]": ("1", "[iU]"),
    "[IU]": ("1", "[iU]"),
}
_PLAIN: dict[str, tuple[str, str]] = {
    "1": ("1", ""),
    "%": ("0.01", "1"),
    "[ppth]": ("0.001", "1"),
    "[ppm]": ("0.000001", "1"),
    "[pi]": ("3.1415926535897932384626433832795", "1"),
    "min": ("60", "s"),
    "h": ("3600", "s"),
    "d": ("86400", "s"),
    "wk": ("604800", "s"),
    "mo": ("2629800", "s"),
    "a": ("31557600", "s"),
    "Cel": ("1", "Cel"),
    "[degF]": ("1", "[degF]"),
    "[in_i]": ("0.0254", "m"),
    "[ft_i]": ("0.3048", "m"),
    "[yd_i]": ("0.9144", "m"),
    "[mi_i]": ("1609.344", "m"),
    "[lb_av]": ("453.59237", "g"),
    "[oz_av]": ("28.349523125", "g"),
    "[st_av]": ("6350.29318", "g"),
    "[gr]": ("0.06479891", "g"),
    "[drp]": ("0.00000005", "m3"),
    "deg": ("0.017453292519943295769236907684886", "rad"),
    "rad": ("1", "rad"),
    "10*": ("10", "1"),
    "10^": ("10", "1"),
}
_FUNDAMENTAL = frozenset({"m", "s", "g", "K", "A", "cd", "rad", "Cel", "[degF]", "[iU]"})
_COMPONENT = re.compile(r"(?P<number>\d++(?![*^]))|(?P<atom>10[*^]|[^\d.()/{}+\-]*(?:\[[^\]]*\])?[^\d.()/{}+\-\[\]]*)")
_EXPONENT = re.compile(r"[+-]?\d+")
_ANNOTATION = re.compile(r"\{[^{}]*\}")


@lru_cache(maxsize=1024)
def canonical(code: str) -> Canonical | None:
    """The factor and fundamental units of a UCUM code; None when a part of it is not in this table."""
    text = _ANNOTATION.sub("", code)
    if not text:
        return (Decimal(1), ()) if code else None
    try:
        factor, powers, end = _term(text, 0)
    except (KeyError, ValueError):
        return None
    return (factor, tuple(sorted((u, p) for u, p in powers.items() if p))) if end == len(text) else None


def _term(text: str, position: int) -> tuple[Decimal, dict[str, int], int]:
    factor, powers, sign = Decimal(1), dict[str, int](), 1
    if text.startswith("/", position):
        sign, position = -1, position + 1
    while position < len(text) and text[position] != ")":
        part, units, position = _component(text, position)
        factor = factor * part if sign > 0 else factor / part
        for unit, power in units.items():
            powers[unit] = powers.get(unit, 0) + sign * power
        if position < len(text) and text[position] in "./":
            sign, position = (1 if text[position] == "." else -1), position + 1
            if position == len(text):
                raise ValueError("the unit ends with an operator")
        elif position < len(text) and text[position] != ")":
            raise ValueError("an operator is missing in the unit")
    return factor, powers, position


def _component(text: str, position: int) -> tuple[Decimal, dict[str, int], int]:
    if text[position] == "(":
        factor, powers, position = _term(text, position + 1)
        if not text.startswith(")", position):
            raise ValueError("a bracket of the unit is not closed")
        return factor, powers, position + 1
    match = _COMPONENT.match(text, position)
    if match is None or not match.group():
        raise ValueError("a unit is missing")
    if match.group("number"):
        return Decimal(match.group()), {}, match.end()
    factor, powers = _atom(match.group())
    exponent = _EXPONENT.match(text, match.end())
    if exponent is None:
        return factor, powers, match.end()
    power = int(exponent.group())
    if abs(power) > 30:
        raise ValueError("the exponent of the unit is too large")
    return factor**power, {unit: count * power for unit, count in powers.items()}, exponent.end()


def _atom(symbol: str) -> tuple[Decimal, dict[str, int]]:
    if symbol in _FUNDAMENTAL:
        return Decimal(1), {symbol: 1}
    definition = _PLAIN.get(symbol) or _METRIC.get(symbol)
    if definition is not None:
        return _defined(definition)
    for length in (1, 2):
        rest = symbol[length:]
        if symbol[:length] in _PREFIXES and rest in _METRIC:
            factor, powers = _atom(rest)
            return factor * Decimal(10) ** _PREFIXES[symbol[:length]], powers
    raise KeyError(symbol)


def _defined(definition: tuple[str, str]) -> tuple[Decimal, dict[str, int]]:
    factor, units = definition
    if units in ("", "1"):
        return Decimal(factor), {}
    known = canonical(units)
    if known is None:
        raise KeyError(units)
    return Decimal(factor) * known[0], dict(known[1])
