"""Code systems that are rules, not lists: UCUM units, media types, language tags, URIs (R4 section 4.3.0, external
code systems)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from countyfhir.terminology import ucum
from countyfhir.terminology.code_systems import Concept
from countyfhir.terminology.concepts import Meanings

UCUM = "http://unitsofmeasure.org"
MEDIA_TYPES = "urn:ietf:bcp:13"
LANGUAGES = "urn:ietf:bcp:47"

_WORD = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE = re.compile(rf"{_WORD}/(?:\*|{_WORD})(?:\s*;\s*{_WORD}=[^;]+)*;?")
_SHORT_FORMATS = frozenset(("xml", "json", "ttl"))
_LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+|i-[a-z]{2,8}|zh-(?:min|min-nan|xiang|guoyu|hakka)|sgn-[a-z]{2}-[a-z]{2}",
    re.IGNORECASE,
)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def is_media_type(code: str) -> bool:
    """BCP 13: type/subtype with parameters, or one of the short names of FHIR formats."""
    return code in _SHORT_FORMATS or _MEDIA_TYPE.fullmatch(code) is not None


def is_unit(code: str) -> bool:
    """UCUM: a unit that the grammar and the table of atoms allow; special units with their argument, too."""
    return ucum.reduce(code) is not None or code in ucum_special()


def ucum_special() -> frozenset[str]:
    """UCUM's units on a logarithmic or other special scale, which have no factor."""
    return frozenset(code for code, row in ucum._table()[0].items() if row[0] == "special")


_RULES: Mapping[str, tuple[Callable[[str], bool], bool]] = {
    UCUM: (is_unit, True),
    MEDIA_TYPES: (is_media_type, False),
    LANGUAGES: (lambda code: _LANGUAGE.fullmatch(code) is not None, False),
    "urn:ietf:rfc:3986": (lambda code: _URI.fullmatch(code) is not None, True),
}
"""Code system -> (whether a text is a code of it, whether case counts)."""
URLS = tuple(_RULES)


class RuleSystem:
    """A code system that a rule decides. It has no list, so it cannot be expanded."""

    is_rule = True
    number = 0
    version = ""
    complete = True
    present = True
    language = None
    supplements = ()

    def __init__(self, url: str) -> None:
        self.url = url
        self._holds, self.case_sensitive = _RULES[url]
        self.header: dict[str, Any] = {"url": url, "content": "not-present", "status": "active"}
        self.meanings = Meanings(self.header)

    @property
    def canonical(self) -> str:
        """Its url; rules have no version here."""
        return self.url

    def concept(self, code: str) -> Concept | None:
        """The code itself when the rule holds; its display is the code."""
        return Concept(0, code, code) if self._holds(code) else None

    def designations(self, concept: Concept) -> list[dict[str, Any]]:
        """None: a rule names nothing."""
        return []

    def properties(self, concept: Concept) -> list[dict[str, Any]]:
        """For a unit its canonical form in base units; else none."""
        if self.url != UCUM:
            return []
        unit = ucum.reduce(concept.code)
        return [{"code": "canonical", "valueCode": unit.text}] if unit is not None else []


def rule_system(url: str) -> RuleSystem | None:
    """The rule of a code system, or None where it is a list."""
    return RuleSystem(url) if url in _RULES else None
