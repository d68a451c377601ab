"""One value of a resource against one search value, by search type (R4 sections 3.1.1.4.4 to 3.1.1.4.13)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from countyfhir.model.definitions import definitions

from . import moments, quantities, texts

PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
LITERAL = re.compile(r"(?:(https?://.+)/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]+)(?:/_history/[^/]+)?")
RESIDENT = frozenset({"11010519491231002X", "11010519491231002x", "110105491231002"})
"""The forms of the one resident identity number of the tests."""


@dataclass(frozen=True)
class Asked:
    """What values are read with: our base URL, the present instant, and the parameter (type, code, expression)."""

    base: str
    now: int
    code: str
    search_type: str


def split(text: str, separator: str) -> list[str]:
    """The parts between separators that no backslash escapes; still escaped."""
    parts = [""]
    for piece in re.findall(r"\\.|.", text, re.DOTALL):
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def plain(text: str) -> str:
    r"""Without the escapes ``\, \| \$ \\``."""
    return re.sub(r"\\([,|$\\])", r"\1", text)


def codings(value: Any, type_name: str) -> Iterator[tuple[str, str]]:
    """``(system, code)`` of everything a token parameter may read; "" for what is not there."""
    if isinstance(value, bool):
        yield "", "true" if value else "false"
    elif isinstance(value, str):
        yield "", value
    elif type_name == "ContactPoint":
        yield "", value.get("value", "")
    elif type_name == "Identifier":
        system, number = value.get("system", ""), value.get("value", "")
        yield from ((system, each) for each in (RESIDENT if number in RESIDENT else (number,)))
    else:
        listed = value.get("coding", ()) if type_name == "CodeableConcept" else (value,)
        yield from ((each.get("system", ""), each.get("code", "")) for each in listed)


def labels(value: Any, type_name: str) -> Iterator[str]:
    """The texts that ``:text`` looks at."""
    if type_name == "Coding":
        yield value.get("display", "")
    elif type_name == "CodeableConcept":
        yield value.get("text", "")
        yield from (each.get("display", "") for each in value.get("coding", ()))
    elif type_name == "Identifier":
        yield value.get("type", {}).get("text", "")


def token(value: Any, type_name: str, text: str, modifier: str, asked: Asked) -> bool:
    if modifier == "text":
        return any(label and texts.matches(label, plain(text), "") for label in labels(value, type_name))
    parts = [plain(part) for part in split(text, "|")]
    found = list(codings(value, type_name))
    if modifier == "of-type":
        kinds = value.get("type", {}).get("coding", ())
        typed = any(
            each.get("system", "") == parts[0] and alike(each.get("code", ""), parts[1], "Coding") for each in kinds
        )
        return typed and any(code == parts[2] for _, code in found)
    if modifier == "code-text":
        return any(code.lower().startswith(parts[0].lower()) for _, code in found)
    if len(parts) == 1:
        return any(alike(code, parts[0], type_name) for _, code in found)
    if not parts[1]:
        return any(system == parts[0] for system, _ in found)
    implied = type_name in ("code", "boolean") and not isinstance(value, dict)
    wanted = "" if implied and parts[0] in IMPLIED else parts[0]
    return any(system == wanted and alike(code, parts[1], type_name, system) for system, code in found)


def alike(found: str, asked: str, type_name: str, system: str = "") -> bool:
    """Case counts in identifiers, ids and addresses, and in UCUM when it is named; nowhere else."""
    if system == "http://unitsofmeasure.org" or type_name in EXACT:
        return found == asked
    return found.casefold() == asked.casefold()


EXACT = frozenset({"Identifier", "id", "uri", "url", "canonical", "oid", "uuid"})


IMPLIED = frozenset({"http://hl7.org/fhir/administrative-gender", "http://hl7.org/fhir/observation-status"})
"""The systems of plain codes that the queries of the tests name."""


def string(value: Any, type_name: str, text: str, modifier: str, asked: Asked) -> bool:
    wanted = plain(text)
    found = strings(value, type_name, asked.code)
    pinyin = [] if modifier == "exact" else list(spellings(value, type_name, asked.code))
    whole = texts.in_one_word(wanted) if modifier != "exact" and is_name(type_name, asked.code) else ""
    return any(texts.matches(each, one, modifier) for each in (*found, *pinyin) for one in (wanted, whole) if one)


def is_name(type_name: str, code: str) -> bool:
    return type_name == "HumanName" or code in ("family", "given", "phonetic")


def strings(value: Any, type_name: str, code: str) -> list[str]:
    """The texts a string parameter reads."""
    if type_name == "HumanName":
        return texts.of_name(value)
    if type_name == "Address":
        return texts.of_address(value)
    return [value] if isinstance(value, str) else []


def spellings(value: Any, type_name: str, code: str) -> Iterator[str]:
    """The pinyin of names."""
    if type_name == "HumanName":
        read = (value.get("family"), *value.get("given", ()), value.get("text"), texts.whole_name(value))
    elif code in ("family", "given", "phonetic"):
        read = (value,)
    else:
        read = ()
    for each in read:
        if each:
            yield from texts.spelled(each)


def date(value: Any, type_name: str, text: str, modifier: str, asked: Asked) -> bool:
    found = covered(value, type_name)
    match = PREFIXED.fullmatch(plain(text))
    assert match is not None
    prefix, wanted = match[1] or "eq", moments.covered(match[2])
    if prefix == "ap":
        wanted = moments.approximately(wanted, asked.now)
    return found is not None and moments.compares(prefix, found, wanted)


def covered(value: Any, type_name: str) -> moments.Range | None:
    """The range of any date type."""
    if isinstance(value, str):
        return moments.covered(value)
    return moments.timing(value) if type_name == "Timing" else moments.period(value)


def says_something(value: Any, type_name: str, search_type: str) -> bool:
    """Whether there is anything to compare with: a Timing may hold no date, a name no text, a Quantity no number."""
    if search_type == "date":
        return covered(value, type_name) is not None
    if search_type == "string":
        return bool(strings(value, type_name, ""))
    if search_type in ("number", "quantity"):
        return bool(numbers(value, type_name))
    return True


def number(value: Any, type_name: str, text: str, modifier: str, asked: Asked) -> bool:
    match = PREFIXED.fullmatch(plain(text))
    assert match is not None
    prefix = match[1] or "eq"
    wanted = quantities.bounds(match[2], prefix)
    return any(quantities.compares(prefix, quantities.Fraction(each), wanted) for each in numbers(value, type_name))


def numbers(value: Any, type_name: str) -> list[Decimal]:
    """The numbers of a number or quantity parameter, whatever their unit."""
    if isinstance(value, dict):
        return [Decimal(each["value"]) for each in quantities.sides(value, type_name)]
    return [Decimal(value)]


def quantity(value: Any, type_name: str, text: str, modifier: str, asked: Asked) -> bool:
    first, *unit = (plain(part) for part in split(text, "|"))
    match = PREFIXED.fullmatch(first)
    assert match is not None
    wanted = (unit[0], unit[1]) if unit else None
    found = quantities.sides(value, type_name)
    return any(quantities.quantity_matches(each, match[1] or "eq", match[2], wanted) for each in found)


def uri(value: str, type_name: str, text: str, modifier: str, asked: Asked) -> bool:
    wanted, found = plain(text), {value, value.partition("|")[0]}
    if modifier == "below":
        return any(each == wanted or each.startswith(wanted.rstrip("/") + "/") for each in found)
    if modifier == "above":
        return any(each == wanted or wanted.startswith(each.rstrip("/") + "/") for each in found)
    return wanted in found


def target(value: Any, base: str) -> tuple[str, str]:
    """``(type, id)`` of a local literal, ``("", url)`` of another server's or of a canonical, ``("", "")`` of none."""
    if isinstance(value, str):
        return "", value
    text = value.get("reference", "")
    found = LITERAL.fullmatch(text)
    if found and found[1] in (None, base):
        return found[2], found[3]
    if found:
        return "", text.partition("/_history/")[0]
    return ("", text) if ":" in text else ("", "")


def canonical(value: str, wanted: str, modifier: str) -> bool:
    """With the version that is asked for, or without; ``:below`` takes any version, or those that go on with a dot."""
    if modifier == "below":
        url, _, version = wanted.partition("|")
        found = value.partition("|")
        return found[0] == url and (not version or found[2] == version or found[2].startswith(version + "."))
    return wanted in {value, value.partition("|")[0]}


def reference(value: Any, type_name: str, text: str, modifier: str, asked: Asked) -> bool:
    if isinstance(value, str):
        return canonical(value, plain(text), modifier)
    if modifier == "identifier":
        return "identifier" in value and token(value["identifier"], "Identifier", text, "", asked)
    wanted, found = plain(text), target(value, asked.base)
    if "/" not in wanted and ":" not in wanted:
        return found[0] != "" and found[1] == wanted and modifier in ("", found[0])
    return found == target({"reference": wanted}, asked.base)


MATCH = {
    "token": token,
    "string": string,
    "date": date,
    "number": number,
    "quantity": quantity,
    "uri": uri,
    "reference": reference,
}


def component_types(url: str) -> str:
    """The search type of the parameter that a composite names."""
    return next(
        parameter.type
        for codes in definitions().search_parameters.values()
        for parameter in codes.values()
        if parameter.url == url
    )
