"""Search values as predicates, one function a search type (R4 sections 3.1.1.4.4 to 3.1.1.4.13)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal

from countyfhir.model.definitions import definitions
from countyfhir.model.primitives import interval
from countyfhir.search import decimal_key, token_case
from countyfhir.search.elements import UCUM
from countyfhir.search.escapes import ascii_lower, split, unescape
from countyfhir.search.normalise import normalise
from countyfhir.search.query import CodeStarts, DateIs, NumberIs, Predicate, ReferenceIs, StringIs, TokenIs, UriIs
from countyfhir.search.ranges import PREFIXES, approximate_range, precision_range
from countyfhir.search.refusals import malformed, shown
from countyfhir.search.targets import target_of
from countyfhir.terminology.ucum import canonical

LOGICAL_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_NUMBER = re.compile(r"[+-]?\d{1,100}(?:\.\d{1,100})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_PREFIXED = re.compile(rf"({'|'.join(PREFIXES)})?(.*)", re.DOTALL)
_PLAIN_ZONE = re.compile(r"(?<=\d) (?=\d\d:\d\d$)")
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What values are read with: the entry name they are compared under, the zone of dates, our base URL, the
    present instant (for ``ap``), the code systems that the parameter's plain codes imply, and the types of the elements
    it reads (empty: not known)."""

    parameter: str
    zone: tzinfo
    base: str
    now: int
    implicit_systems: frozenset[str] = frozenset()
    element_types: frozenset[str] = frozenset()


def token(text: str, reading: Reading) -> tuple[TokenIs, ...]:
    """``code``, ``system|code``, ``|code`` or ``system|``; alternatives where case may count and may not."""
    system, code = _token(text, reading)
    if code is None:
        return (TokenIs(reading.parameter, system, None),)
    forms = token_case.forms(system, code, reading.element_types)
    return tuple(TokenIs(reading.parameter, system, form) for form in forms)


def identifier(text: str, reading: Reading) -> TokenIs:
    """A token whose case counts."""
    return TokenIs(reading.parameter, *_token(text, reading))


def _token(text: str, reading: Reading) -> tuple[str | None, str | None]:
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) > 2 or not any(parts):
        raise malformed(reading.parameter, "a token is written code, system|code, |code or system|")
    if len(parts) == 1:
        return None, parts[0]
    system, code = parts
    return "" if system in reading.implicit_systems else system, code or None


def code_text(text: str, reading: Reading) -> CodeStarts:
    """``:code-text``: the beginning of a code, ASCII letters of either case alike."""
    return CodeStarts(reading.parameter, ascii_lower(unescape(text)))


def identifier_of_type(text: str, reading: Reading) -> TokenIs:
    """``:of-type``: the system and code of Identifier.type, and the value: all three."""
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) != 3 or not all(parts):
        raise malformed(reading.parameter, ":of-type is written system|code|value, all three given")
    return TokenIs(reading.parameter, parts[0], f"{token_case.fold(parts[1])}|{parts[2]}")


def string(match: str) -> Callable[[str, Reading], StringIs]:
    """The reader of ``match`` starts, contains or exact."""

    def read(text: str, reading: Reading) -> StringIs:
        plain = unescape(text)
        value = plain if match == "exact" else normalise(plain)
        if not value:
            raise malformed(reading.parameter, "nothing is left to compare with")
        return StringIs(reading.parameter, match, value)

    return read


def uri(match: str) -> Callable[[str, Reading], UriIs]:
    """The reader of ``match`` exact, below or above."""
    return lambda text, reading: UriIs(reading.parameter, match, unescape(text))


def reference(text: str, reading: Reading, target_type: str | None = None) -> ReferenceIs:
    """``id``, ``Type/id``, or a url, which is a local reference when it starts with our base."""
    value = unescape(text)
    if LOGICAL_ID.fullmatch(value):
        return ReferenceIs(reading.parameter, target_type, value)
    if "/_history/" in value:
        raise malformed(reading.parameter, "the index holds no versions of references; leave /_history/… out")
    target = target_of(value, (reading.base,))
    if target is None or (target_type and target[0] not in ("", target_type)):
        expected = f"{target_type}/id" if target_type else "Type/id"
        raise malformed(reading.parameter, f"a reference is written id, {expected} or an absolute url")
    if target[0] and target[0] not in definitions().resource_types:
        raise malformed(reading.parameter, f"{shown(target[0])} is no resource type")
    if target[0]:
        return ReferenceIs(reading.parameter, *target)
    return ReferenceIs(reading.parameter, None, None, target[1])


def date(text: str, reading: Reading) -> DateIs:
    """A prefix and a date at any precision; without a zone it is in ours."""
    return DateIs(reading.parameter, *date_range(text, reading))


def date_range(text: str, reading: Reading) -> tuple[str, int, int]:
    """``(prefix, low, high)`` in microseconds, widened for ``ap`` by a tenth of the distance to today."""
    prefix, value = prefixed(unescape(text))
    try:
        low, high = interval(_PLAIN_ZONE.sub("+", value), reading.zone)
    except ValueError:
        expected = "a date is written [prefix]YYYY[-MM[-DD[Thh:mm[:ss[.sss]][zone]]]]"
        raise malformed(reading.parameter, expected) from None
    if prefix == "ap":
        today = reading.now - reading.now % _DAY
        widening = max(low - today, today - high, 0) // 10
        return prefix, low - widening, high + widening
    return prefix, low, high


def number(text: str, reading: Reading) -> NumberIs:
    """A prefix and a number; its last digit gives the precision that ``eq`` and ``ne`` allow."""
    prefix, value = prefixed(unescape(text))
    return NumberIs(reading.parameter, prefix, *_keys(_range(prefix, value, reading)))


def quantity(text: str, reading: Reading) -> NumberIs:
    """A prefix and ``number`` (any unit), ``number|system|code`` (UCUM: any unit of the same kind) or
    ``number||unit``."""
    parts = [unescape(part) for part in split(text, "|")]
    prefix, value = prefixed(parts[0])
    numbers = _range(prefix, value, reading)
    if len(parts) == 1:
        return NumberIs(reading.parameter, prefix, *_keys(numbers), "")
    if len(parts) != 3 or not parts[2]:
        raise malformed(reading.parameter, "a quantity is written number, number|system|code or number||unit")
    _, system, code = parts
    if system == UCUM:
        reduced = [canonical(each, code) for each in numbers]
        if reduced[0]:
            found = tuple(each[0] for each in reduced if each)
            return NumberIs(reading.parameter, prefix, *_keys(found), f"={reduced[0][1]}")
    return NumberIs(reading.parameter, prefix, *_keys(numbers), f"{system}|{code}")


def prefixed(text: str) -> tuple[str, str]:
    """The prefix (``eq`` when there is none) and the rest."""
    found = _PREFIXED.fullmatch(text)
    assert found is not None
    return found[1] or "eq", found[2]


def _range(prefix: str, value: str, reading: Reading) -> tuple[Decimal, Decimal, Decimal]:
    if not _NUMBER.fullmatch(value):
        raise malformed(reading.parameter, "a number is written [prefix]digits[.digits][e±digits]")
    return approximate_range(value) if prefix == "ap" else precision_range(value)


def _keys(numbers: tuple[Decimal, ...]) -> tuple[bytes, bytes, bytes]:
    low, exact, high = map(decimal_key.encode, numbers)
    return low, exact, high


def single(reader: Callable[[str, Reading], Predicate]) -> Callable[[str, Reading], tuple[Predicate, ...]]:
    """A reader of one predicate as one of alternatives."""
    return lambda text, reading: (reader(text, reading),)


READERS: Mapping[str, Callable[[str, Reading], tuple[Predicate, ...]]] = {
    "token": token,
    "string": single(string("starts")),
    "reference": single(reference),
    "date": single(date),
    "number": single(number),
    "quantity": single(quantity),
    "uri": single(uri("exact")),
}
"""The reader of a search type without a modifier: alternatives."""
