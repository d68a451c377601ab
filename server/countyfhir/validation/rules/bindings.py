"""Bindings that need a terminology: extensible and preferred ones, and the maximum value sets beyond which nothing goes
(R4 section 4.1.5.1, elementdefinition-maxValueSet)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from countyfhir.model.definitions import ElementDefinition
from countyfhir.terminology import ucum
from countyfhir.validation.bindings import is_media_type
from countyfhir.validation.rules.finding import Around, Finding

Judge = Callable[[Any, Around], "list[Finding] | None"]

CORE = "http://hl7.org/fhir/ValueSet/"
LANGUAGES = CORE + "languages"
UCUM = "http://unitsofmeasure.org"
BCP_47 = "urn:ietf:bcp:47"
LANGUAGE_TAG = re.compile(r"(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8}|[xX])(?:-[A-Za-z0-9]{1,8}){0,8}")
EXPRESSION_LANGUAGES = CORE + "expression-language"
MAXIMUM: dict[str, tuple[str, str]] = {
    "Age": (CORE + "all-time-units", "s"),
    "Duration": (CORE + "all-time-units", "s"),
    "Distance": (CORE + "all-distance-units", "m"),
}
"""Quantity type -> the value set that its unit must be from, if it is coded: the UCUM units that reduce to one base
unit. (Languages and the languages of expressions, the other maximum bindings, are decided by rule too.)"""
UNITS: dict[str, str] = {
    "Age": CORE + "age-units",
    "Duration": CORE + "duration-units",
    "Distance": CORE + "distance-units",
}
"""Quantity type -> the value set of its extensible binding."""
SEVERITIES = {"extensible": "warning", "preferred": "information"}


def judges_of_element(element: ElementDefinition, complete: bool) -> tuple[Judge, ...]:
    """What judges the codes of an element. Maximum bindings always; the others where everything is to be said."""
    judges = []
    value_set = (element.binding_value_set or "").partition("|")[0]
    if value_set == LANGUAGES:
        judges.append(_language(element))
    elif value_set == EXPRESSION_LANGUAGES:
        judges.append(_expression_language)
    elif complete and element.binding_strength in SEVERITIES and element.type_name in _CODES_OF:
        judges.append(_bound(element, value_set, SEVERITIES[element.binding_strength]))
    return tuple(judges)


def judges_of_type(type_name: str, complete: bool) -> tuple[Judge, ...]:
    """What judges the unit of a Quantity type of its own."""
    if type_name not in MAXIMUM:
        return ()
    return (_dimension(type_name), _unit(type_name, UNITS[type_name])) if complete else (_dimension(type_name),)


def _bound(element: ElementDefinition, value_set: str, severity: str) -> Judge:
    """An extensible or preferred binding: one of the codes is from the value set."""
    codes_of = _CODES_OF[element.type_name]
    name = element.choice or element.name
    should = "should" if severity == "warning" else "is preferred to"

    def judge(value: Any, around: Around) -> list[Finding] | None:
        codes = list(codes_of(value))
        if not codes:
            return None
        member = around.knowledge.member
        answers = [member(value_set, system, code) for system, code in codes]
        if any(answer is not False for answer in answers):
            return None
        text = f"{name} {should} have a code from {value_set}, where one fits ({element.binding_strength} binding)."
        return [Finding("", "code-invalid", text, severity, value_set)]

    return judge


def codings(value: Any) -> Iterator[tuple[str | None, str]]:
    """(system, code) of each coding of a CodeableConcept."""
    found = value.get("coding") if isinstance(value, dict) else None
    for coding in found if isinstance(found, list) else ():
        yield from coded(coding)


def coded(value: Any) -> Iterator[tuple[str | None, str]]:
    """(system, code) of a Coding or Quantity, if it has a code."""
    code = value.get("code") if isinstance(value, dict) else None
    if isinstance(code, str):
        system = value.get("system")
        yield system if isinstance(system, str) else None, code


def _plain(value: Any) -> Iterator[tuple[str | None, str]]:
    if isinstance(value, str):
        yield None, value


_CODES_OF: dict[str, Callable[[Any], Iterator[tuple[str | None, str]]]] = {
    "CodeableConcept": codings,
    "Coding": coded,
    "code": _plain,
    "uri": _plain,
}


def _language(element: ElementDefinition) -> Judge:
    """Languages are BCP 47 tags, whatever else their binding prefers."""
    codes_of, name = _CODES_OF[element.type_name], element.choice or element.name

    def judge(value: Any, around: Around) -> list[Finding] | None:
        codes = list(codes_of(value))
        if not codes or any(system in (None, BCP_47) and LANGUAGE_TAG.fullmatch(code) for system, code in codes):
            return None
        text = f"{name} must be a language tag of BCP 47, such as zh-CN (system {BCP_47})."
        return [Finding("", "code-invalid", text, "error", CORE + "all-languages")]

    return judge


def _expression_language(value: Any, around: Around) -> list[Finding] | None:
    """The language of an Expression is a media type."""
    if not isinstance(value, str) or is_media_type(value):
        return None
    text = "language must be a media type such as text/fhirpath (BCP 13)."
    return [Finding("", "code-invalid", text, "error", "http://www.rfc-editor.org/bcp/bcp13.txt")]


def _dimension(type_name: str) -> Judge:
    """The unit measures what the type says."""
    value_set, base_unit = MAXIMUM[type_name]

    def judge(value: Any, around: Around) -> list[Finding] | None:
        for system, code in coded(value):
            unit = ucum.reduce(code) if system == UCUM else None
            if unit is None or unit.dimensions != ((base_unit, 1),):
                text = f"The unit of this {type_name} must be a UCUM unit that reduces to {base_unit}."
                return [Finding(".code", "code-invalid", text, "error", value_set)]
        return None

    return judge


def _unit(type_name: str, value_set: str) -> Judge:
    """The unit is one of those that the extensible binding lists."""

    def judge(value: Any, around: Around) -> list[Finding] | None:
        for system, code in coded(value):
            if around.knowledge.member(value_set, system, code) is False:
                text = f"The unit of this {type_name} should be from {value_set}."
                return [Finding(".code", "code-invalid", text, "warning", value_set)]
        return None

    return judge


def codes_in(value: Any) -> Iterator[tuple[str | None, str]]:
    """(system, code) of a code, Coding, CodeableConcept or Quantity."""
    if isinstance(value, dict):
        yield from codings(value) if "coding" in value else coded(value)
    else:
        yield from _plain(value)
