"""What is indexed of one element: per search type and element type a reader that yields facts (R4 section 3.1.1.4.5 to
.13).

A fact is ``(entry kind, suffix, values)``: the suffix is added to the parameter's code (``""``, ``:text``,
``:of-type``, ``:identifier``, ``:sort``), the values are those of ``entries.py``. A CodeableConcept without a coding
or a Reference without a usable target still leaves an empty entry, so that ``:missing`` is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from countyfhir.model import json
from countyfhir.search import decimal_key, pinyin, token_case
from countyfhir.search.contained import LINK
from countyfhir.search.entries import NUMBER, QUANTITY, REFERENCE, STRING, TOKEN, URI
from countyfhir.search.moments import moment_readers
from countyfhir.search.normalise import normalise
from countyfhir.search.resident_id import equivalents
from countyfhir.search.targets import target_of
from countyfhir.terminology.ucum import canonical

Fact = tuple[int, str, tuple[object, ...]]
Reader = Callable[[Any], Iterable[Fact]]

UCUM = "http://unitsofmeasure.org"
CURRENCY = "urn:iso:std:iso:4217"
TEXT, OF_TYPE, IDENTIFIER, SORT = ":text", ":of-type", ":identifier", ":sort"
LOGICAL, CANONICAL = ":logical", ":canonical"
SUFFIXES = ("", TEXT, OF_TYPE, IDENTIFIER, SORT, LOGICAL, CANONICAL, LINK, "$latitude", "$longitude")

UNRESOLVED = "unresolved reference"
"""The reader of references that a parameter of one target type (``resolve() is Patient``) cannot tell."""

_NO_TOKEN: Fact = (TOKEN, "", ("", ""))


def _text(text: object) -> Iterator[Fact]:
    if isinstance(text, str):
        yield STRING, TEXT, (normalise(text), text)


def _coding(coding: Mapping[str, Any]) -> Iterator[Fact]:
    system, code = coding.get("system"), coding.get("code")
    if system or code:
        yield from ((TOKEN, "", (system or "", each)) for each in token_case.written(system or "", code or ""))
    elif coding.get("display"):
        yield _NO_TOKEN
    if "display" in coding:
        yield from _text(coding["display"])


def _concept(concept: Mapping[str, Any]) -> Iterator[Fact]:
    codings = concept.get("coding") or ()
    for coding in codings:
        yield from _coding(coding)
    if "text" in concept:
        if not codings:
            yield _NO_TOKEN
        yield from _text(concept["text"])


def _identifier(identifier: Mapping[str, Any]) -> list[Fact]:
    system, value = identifier.get("system") or "", identifier.get("value") or ""
    kind = identifier.get("type")
    values = (value, *equivalents(value))
    facts: list[Fact] = [(TOKEN, "", (system, each)) for each in values] if system or value or kind else []
    if not kind:
        return facts
    for coding in kind.get("coding") or ():
        if coding.get("code") and value:
            code = token_case.fold(coding["code"])
            facts += [(TOKEN, OF_TYPE, (coding.get("system") or "", f"{code}|{each}")) for each in values]
    facts += _text(kind.get("text"))
    return facts


def _contact_point(contact: Mapping[str, Any]) -> tuple[Fact, ...]:
    """The value by itself, under its use (as in R4's table of tokens) and under its system (as most clients ask)."""
    value = contact.get("value")
    if not value:
        return ()
    under = dict.fromkeys(("", contact.get("use") or "", contact.get("system") or ""))
    return tuple((TOKEN, "", (each, token_case.fold(value))) for each in under)


def _code(code: object) -> tuple[Fact, ...]:
    """A code or another plain value, in any case; a boolean as JSON writes it."""
    return ((TOKEN, "", ("", token_case.fold(str(code)))),)


def _kept(text: object) -> tuple[Fact, ...]:
    """A plain value whose case counts."""
    return ((TOKEN, "", ("", str(text))),)


def _string(text: str) -> tuple[Fact, ...]:
    return ((STRING, "", (normalise(text), text)),)


def _phonetic(text: str) -> Iterator[Fact]:
    """The name of an organisation: the text, and its pinyin when it is Chinese."""
    folded = normalise(text)
    yield STRING, "", (folded, text)
    yield from ((STRING, "", (form, "")) for form in pinyin.forms(folded, "given"))


def _address(address: Mapping[str, Any]) -> list[Fact]:
    texts = [*(address.get("line") or ()), *map(address.get, _ADDRESS_PARTS)]
    return [(STRING, "", (normalise(text), text)) for text in texts if text]


_ADDRESS_PARTS = ("text", "city", "district", "state", "postalCode", "country")


def _name_part(role: str) -> Callable[[Any], list[Fact]]:
    """Family or given names by themselves: the text, its pinyin, and (last) how it sorts."""

    def read(text: str) -> list[Fact]:
        folded = normalise(text)
        facts: list[Fact] = [(STRING, "", (folded, text))]
        facts += [(STRING, "", (form, "")) for form in pinyin.forms(folded, role)]
        facts.append((STRING, SORT, (pinyin.sort_key(folded, role), text)))
        return facts

    return read


_READ_FAMILY, _READ_GIVEN, _READ_WHOLE = map(_name_part, pinyin.ROLES)


def _human_name(name: Mapping[str, Any]) -> list[Fact]:
    family, given = name.get("family"), [part for part in name.get("given") or () if part]
    whole, text = _whole_name(family, given), name.get("text")
    facts: list[Fact] = _READ_FAMILY(family)[:-1] if family else []
    for part in given:
        facts += _READ_GIVEN(part)[:-1]
    if text:
        facts += _READ_WHOLE(text)[:-1]
    if whole:
        facts += _READ_WHOLE(whole)[:-1]
    for affix in (*(name.get("prefix") or ()), *(name.get("suffix") or ())):
        if affix:
            facts += _string(affix)
    sorted_as = whole or text or " ".join(given)
    if sorted_as:
        facts.append((STRING, SORT, (pinyin.sort_key(normalise(sorted_as), "whole"), sorted_as)))
    return facts


def _whole_name(family: str | None, given: list[str]) -> str:
    """Family and given names in one, the Chinese way or with a space; "" when there is but one of them at most."""
    parts = [family, *given] if family else given
    if len(parts) < 2 and not family:
        return ""
    return ("" if pinyin.is_chinese("".join(parts)) else " ").join(parts)


def _number(number: Decimal | int) -> Iterator[Fact]:
    yield NUMBER, "", (decimal_key.encode(number),)


def _quantity(quantity: Mapping[str, Any]) -> Iterator[Fact]:
    value = quantity.get("value")
    if value is None:
        return
    key = decimal_key.encode(value)
    system, code, unit = quantity.get("system"), quantity.get("code"), quantity.get("unit")
    yield QUANTITY, "", ("", key)
    if system and code:
        yield QUANTITY, "", (f"{system}|{code}", key)
    for text in dict.fromkeys(text for text in (code, unit) if text):
        yield QUANTITY, "", (f"|{text}", key)
    if system == UCUM and code:
        reduced = canonical(Decimal(value), code)
        if reduced:
            yield QUANTITY, "", (f"={reduced[1]}", decimal_key.encode(reduced[0]))


def _money(money: Mapping[str, Any]) -> Iterator[Fact]:
    return _quantity({"value": money.get("value"), "system": CURRENCY, "code": money.get("currency")})


def _quantity_range(bounds: Mapping[str, Any]) -> Iterator[Fact]:
    for side in ("low", "high"):
        if side in bounds:
            yield from _quantity(bounds[side])


def _number_range(bounds: Mapping[str, Any]) -> Iterator[Fact]:
    for side in ("low", "high"):
        if bounds.get(side, {}).get("value") is not None:
            yield from _number(bounds[side]["value"])


def _uri(uri: str) -> Iterator[Fact]:
    plain, bar, _ = uri.partition("|")
    yield URI, "", (plain,)
    if bar:
        yield URI, "", (uri,)


def _position(position: Mapping[str, Any]) -> Iterator[Fact]:
    for side in ("latitude", "longitude"):
        if position.get(side) is not None:
            yield NUMBER, f"${side}", (decimal_key.encode(position[side]),)


def _of_identifier(identifier: Mapping[str, Any], *, logical: bool) -> Iterator[Fact]:
    """The identifier of a Reference; ``logical``: it is all that tells where the reference leads."""
    yield from ((TOKEN, IDENTIFIER, fact[2]) for fact in _identifier(identifier) if fact[1] == "")
    if logical and identifier.get("system") and identifier.get("value"):
        yield TOKEN, LOGICAL, (identifier["system"], identifier["value"])


def _reference(bases: tuple[str, ...]) -> Reader:
    def read(reference: Mapping[str, Any]) -> list[Fact]:
        literal = reference.get("reference")
        target = target_of(literal, bases)
        facts: list[Fact] = []
        if target:
            facts.append((REFERENCE, "", target))
        elif reference.keys() - {"id", "extension"}:
            facts.append((REFERENCE, "", ("", "")))
        if literal and literal[0] == "#":
            facts.append((TOKEN, LINK, ("", literal)))
        if "identifier" in reference:
            facts += _of_identifier(reference["identifier"], logical=not literal)
        return facts

    return read


def _unresolved(reference: Mapping[str, Any]) -> Iterator[Fact]:
    """The identifier of a Reference that says neither where it leads nor to what type."""
    if "identifier" in reference and not reference.get("reference") and not reference.get("type"):
        yield from (fact for fact in _of_identifier(reference["identifier"], logical=True) if fact[1] == LOGICAL)


def _canonical(bases: tuple[str, ...]) -> Reader:
    def read(uri: str) -> Iterator[Fact]:
        plain, bar, _ = uri.partition("|")
        target = target_of(plain, bases)
        if target:
            yield REFERENCE, "", target
        if bar and target and not target[0]:
            yield REFERENCE, "", ("", uri)
        if target:
            yield URI, CANONICAL, (uri.partition("#")[0],)

    return read


def _inlined(resource: Mapping[str, Any]) -> Iterator[Fact]:
    if resource.get("id"):
        yield REFERENCE, "", (resource.get("resourceType"), resource["id"])


def _computed_quantity(quantity: Any) -> Iterator[Fact]:
    """A quantity that FHIRPath computed: its unit is a quoted UCUM code or a calendar word."""
    unit = str(quantity.unit)
    coded = {"system": UCUM, "code": unit.strip("'")} if unit.startswith("'") else {"unit": unit}
    return _quantity({"value": quantity.value, **coded})


_QUANTITIES = ("Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity", "MoneyQuantity")
_FOLDED = ("code", "boolean", "string", "markdown", "integer")
_KEPT = ("id", "uri", "url", "canonical", "oid", "uuid")

_FIXED: Mapping[str, Mapping[str, Reader]] = {
    "token": {"Coding": _coding, "CodeableConcept": _concept, "Identifier": _identifier, "ContactPoint": _contact_point}
    | dict.fromkeys(_FOLDED, _code)
    | dict.fromkeys(_KEPT, _kept),
    "string": {"HumanName": _human_name, "Address": _address, "family": _READ_FAMILY, "given": _READ_GIVEN}
    | {"phonetic": _phonetic}
    | dict.fromkeys(("string", "markdown", "code", "id", "uri"), _string),
    "number": {"Range": _number_range} | dict.fromkeys(("integer", "decimal", "positiveInt", "unsignedInt"), _number),
    "quantity": {"Money": _money, "Range": _quantity_range} | dict.fromkeys(_QUANTITIES, _quantity),
    "uri": dict.fromkeys(("uri", "url", "canonical", "oid", "uuid"), _uri),
    "special": {"Location.position": _position},
}


_COMPUTED: Mapping[tuple[str, str], Reader] = {
    ("token", "System.Boolean"): _code,
    ("token", "System.String"): _code,
    ("token", "System.Integer"): _code,
    ("string", "System.String"): _string,
    ("number", "System.Integer"): _number,
    ("number", "System.Decimal"): _number,
    ("quantity", "System.Quantity"): _computed_quantity,
    ("uri", "System.String"): _uri,
}
"""What an expression computes instead of selecting it."""


def _itself(text: object) -> object:
    return text if type(text) is str else None


def _literal(reference: Mapping[str, Any]) -> object:
    return reference.get("reference") if "identifier" not in reference else None


KEYS: Mapping[str, Callable[[Any], object]] = {
    "CodeableConcept": json.dumps,
    "Reference": _literal,
    **dict.fromkeys(("Coding", *_QUANTITIES), json.dumps),
    **dict.fromkeys((*_FOLDED, *_KEPT, "date", "dateTime", "instant"), _itself),
}
"""What two elements of a type have alike that have the same facts; None of an element that is read each time."""


def readers(zone: object, bases: tuple[str, ...]) -> dict[tuple[str, str], Reader]:
    """All readers by (search type, element type). ``zone`` is that of dates without one; ``bases`` are our own base
    URLs, so that an absolute reference to ourselves is a local one."""
    table = {(kind, name): reader for kind, by_type in _FIXED.items() for name, reader in by_type.items()}
    table |= _COMPUTED
    canonical_reader = _canonical(bases)
    table |= {("reference", name): canonical_reader for name in ("canonical", "uri", "url", "System.String")}
    table[UNRESOLVED, "Reference"] = _unresolved
    table |= {("reference", "Reference"): _reference(bases), ("reference", "Resource"): _inlined}
    return table | {("date", name): reader for name, reader in moment_readers(zone).items()}
