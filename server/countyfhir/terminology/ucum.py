"""UCUM units reduced to base units, exactly (The Unified Code for Units of Measure 2.2; R4 section 3.1.1.4.13).

The table of unit atoms, ``ucum_units.tsv``, is UCUM's own and carries its notice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache, cached_property, lru_cache
from importlib.resources import files

Dimensions = tuple[tuple[str, int], ...]

_LONGEST = 200
_GREATEST_EXPONENT = 99
_FARTHEST = 1_000
_EXACT = Context(prec=2_000, Emax=999_999, Emin=-999_999)
_ROUNDED = Context(prec=40, Emax=999_999, Emin=-999_999)
_PIECE = re.compile(r"[./()]|\{[^{}]*\}|(?:[^./(){}\[\]]|\[[^\[\]]*\])+")
_SIMPLE = re.compile(r"(?P<atom>10\*|10\^|.*?[^0-9+-])(?P<exponent>[+-]?\d+)?")

_OFFSETS = {
    "Cel": (Fraction(1), Fraction("273.15")),
    "[degF]": (Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
    "[degRe]": (Fraction(5, 4), Fraction("273.15")),
}
"""Temperature scales as (factor, offset) to kelvin; UCUM's other special units have logarithms and are not reduced."""


@dataclass(frozen=True)
class Unit:
    """A unit as ``factor`` times base units; ``offset`` is added after the factor (temperature scales only)."""

    factor: Fraction
    dimensions: Dimensions
    offset: Fraction = Fraction(0)

    @property
    def text(self) -> str:
        """The base units as one UCUM code, always in the same order; "1" for a pure number."""
        return ".".join(name + (str(power) if power != 1 else "") for name, power in self.dimensions) or "1"

    @cached_property
    def line(self) -> tuple[Decimal, Decimal, Decimal, str]:
        """``(a, b, c, text)`` so that a value v is (v * a + b) / c in the base units ``text``; a, b, c are whole
        numbers."""
        denominator = self.factor.denominator * self.offset.denominator
        numerator, addend = self.factor * denominator, self.offset * denominator
        return Decimal(int(numerator)), Decimal(int(addend)), Decimal(denominator), self.text


class _NotAUnit(ValueError):
    """The code is no UCUM unit that can be reduced."""


@lru_cache(maxsize=16_384)
def canonical(value: Decimal, code: str) -> tuple[Decimal, str] | None:
    """``value`` in base units and their code: ``canonical(Decimal("5.4"), "mg") == (Decimal("0.0054"), "g")``.

    Exact where 40 significant digits suffice, else rounded once to them. None for what is no UCUM code, and for
    units on a logarithmic scale.
    """
    unit = reduce(code)
    if unit is None or not value.is_finite() or abs(value.adjusted()) > _FARTHEST:
        return None
    numerator, addend, denominator, text = unit.line
    return _ROUNDED.divide(_EXACT.fma(value, numerator, addend), denominator), text


@lru_cache(maxsize=4_096)
def reduce(code: str) -> Unit | None:
    """The unit a case-sensitive UCUM code stands for, or None."""
    if not code or len(code) > _LONGEST or not code.isascii():
        return None
    if code in _OFFSETS:
        factor, offset = _OFFSETS[code]
        return Unit(factor, (("K", 1),), offset)
    try:
        return _Parser(_pieces(code)).whole()
    except (_NotAUnit, RecursionError):
        return None


def _pieces(code: str) -> list[str]:
    pieces = _PIECE.findall(code)
    if sum(map(len, pieces)) != len(code):
        raise _NotAUnit(code)
    return pieces


class _Parser:
    """The grammar of unit terms: components joined by ``.`` and ``/``, from left to right, with parentheses."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces, self.place = pieces, 0

    def whole(self) -> Unit:
        unit = self.term()
        if self.place != len(self.pieces):
            raise _NotAUnit
        return unit

    def term(self) -> Unit:
        unit = _power(self.component(), -1) if self.accept("/") else self.component()
        while True:
            if self.accept("."):
                unit = _times(unit, self.component())
            elif self.accept("/"):
                unit = _times(unit, _power(self.component(), -1))
            else:
                return unit

    def component(self) -> Unit:
        if self.accept("("):
            unit = self.term()
            if not self.accept(")"):
                raise _NotAUnit
            return self.annotated(unit)
        if self.place >= len(self.pieces) or self.pieces[self.place] in "./()":
            raise _NotAUnit
        piece = self.pieces[self.place]
        self.place += 1
        if piece[0] == "{":
            return _ONE
        return self.annotated(_simple(piece))

    def annotated(self, unit: Unit) -> Unit:
        if self.place < len(self.pieces) and self.pieces[self.place][0] == "{":
            self.place += 1
        return unit

    def accept(self, piece: str) -> bool:
        if self.place < len(self.pieces) and self.pieces[self.place] == piece:
            self.place += 1
            return True
        return False


_ONE = Unit(Fraction(1), ())


@lru_cache(maxsize=4_096)
def _simple(text: str) -> Unit:
    """An integer, or an atom with its prefix and exponent."""
    if text.isdigit():
        return Unit(Fraction(_positive(int(text))), ())
    found = _SIMPLE.fullmatch(text)
    if found is None:
        raise _NotAUnit(text)
    exponent = int(found["exponent"] or 1)
    if abs(exponent) > _GREATEST_EXPONENT:
        raise _NotAUnit(text)
    return _power(_prefixed(found["atom"]), exponent)


def _positive(number: int) -> int:
    if number == 0:
        raise _NotAUnit("0")
    return number


def _prefixed(text: str) -> Unit:
    atoms, prefixes = _table()
    if text in atoms:
        return _atom(text)
    for length in (1, 2):
        name, rest = text[:length], text[length:]
        if name in prefixes and rest in atoms and atoms[rest][0] in ("base", "metric", "arbitrary-metric"):
            unit = _atom(rest)
            return Unit(prefixes[name] * unit.factor, unit.dimensions)
    raise _NotAUnit(text)


@cache
def _atom(code: str) -> Unit:
    kind, value, definition = _table()[0][code]
    if kind == "special":
        raise _NotAUnit(code)
    if kind == "base" or kind.startswith("arbitrary"):
        return Unit(Fraction(1), ((code, 1),))
    unit = _Parser(_pieces(definition)).whole()
    return Unit(Fraction(Decimal(value)) * unit.factor, unit.dimensions)


@cache
def _table() -> tuple[dict[str, tuple[str, str, str]], dict[str, Fraction]]:
    """Atoms as (kind, value, definition) and prefixes as factors."""
    atoms: dict[str, tuple[str, str, str]] = {}
    prefixes: dict[str, Fraction] = {}
    for code, kind, value, definition in _rows():
        if kind == "prefix":
            prefixes[code] = Fraction(Decimal(value))
        else:
            atoms[code] = (kind, value, definition)
    return atoms, prefixes


def _rows() -> Iterator[list[str]]:
    text = files("countyfhir.terminology").joinpath("ucum_units.tsv").read_text("ascii")
    return (line.split("\t") for line in text.splitlines() if not line.startswith("#"))


def _times(left: Unit, right: Unit) -> Unit:
    powers = dict(left.dimensions)
    for name, power in right.dimensions:
        powers[name] = powers.get(name, 0) + power
    return Unit(left.factor * right.factor, tuple(sorted((name, power) for name, power in powers.items() if power)))


def _power(unit: Unit, exponent: int) -> Unit:
    if exponent == 1:
        return unit
    dimensions = tuple((name, power * exponent) for name, power in unit.dimensions if exponent)
    return Unit(unit.factor**exponent, dimensions)
