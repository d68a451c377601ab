"""What linked records say against each other about allergies and blood groups: 无 "none" against a positive allergy,
ABO, Rh (R4 DetectedIssue)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.search.normalise import normalise

NONE_CODES = frozenset(("716186003", "409137002", "428607008", "429625007"))
"""SNOMED CT: no known allergy, drug, environmental, food allergy."""
NONE_WORDS = re.compile(
    r"^(?:无|否认|没有|未发现|未见)(?:已知|明确)?的?(?:(?:药物|食物)?(?:及?(?:药物|食物))?过敏史?)?$"
    r"|^no known (?:drug |food )?allerg(?:y|ies)$|^none$|^nkd?a$"
)
ABO_CODES, RH_CODES = frozenset(("883-9",)), frozenset(("10331-7",))
"""LOINC: ABO group [Type] in Blood, Rh [Type] in Blood."""
_ABO = re.compile(r"^(AB|A|B|O)(?:型| ?group)?", re.IGNORECASE)
_RH = {"阳性": "positive", "+": "positive", "pos": "positive", "阴性": "negative", "-": "negative", "neg": "negative"}

KINDS = {
    "allergy": "One record says that there is no allergy, another names one 过敏史互相矛盾",
    "abo": "Records state different ABO blood groups ABO血型互相矛盾",
    "rh": "Records state different Rh blood groups Rh血型互相矛盾",
}


@dataclass(frozen=True, slots=True)
class Contradiction:
    """``kind`` of KINDS; the resources that contradict each other, as references."""

    kind: str
    implicated: tuple[str, ...]


def concerns(resource_type: str, body: bytes | None) -> bool:
    """Whether a resource may be part of a contradiction (a deletion may end one)."""
    if resource_type == "AllergyIntolerance":
        return True
    return resource_type == "Observation" and (body is None or b'"883-9"' in body or b'"10331-7"' in body)


def contradictions(resources: Iterable[Resource]) -> list[Contradiction]:
    """Those between different records of one person; within one record its institution has to mend it."""
    said: dict[str, dict[str, list[Resource]]] = {kind: {} for kind in KINDS}
    for resource in resources:
        for kind, value in _statements(resource):
            said[kind].setdefault(value, []).append(resource)
    found = []
    allergies = said["allergy"]
    negative = allergies.pop("", [])
    positive = [one for each in allergies.values() for one in each]
    if _several({_patient(one) for one in negative}, {_patient(one) for one in positive}):
        found.append(_made("allergy", [*negative, *positive]))
    for kind in ("abo", "rh"):
        stated = [{_patient(one) for one in each} for each in said[kind].values()]
        if len(stated) > 1 and len(set.union(*stated)) > 1:
            found.append(_made(kind, [one for each in said[kind].values() for one in each]))
    return found


def _several(some: set[str], others: set[str]) -> bool:
    return bool(some) and bool(others) and len(some | others) > 1


def _made(kind: str, resources: Iterable[Resource]) -> Contradiction:
    return Contradiction(kind, tuple(sorted(f"{one['resourceType']}/{one['id']}" for one in resources)))


def _patient(resource: Resource) -> str:
    holder = resource.get("patient") or resource.get("subject") or {}
    return str(holder.get("reference", ""))


def _statements(resource: Resource) -> Iterable[tuple[str, str]]:
    if resource["resourceType"] == "AllergyIntolerance":
        if _code(resource, "verificationStatus") in ("refuted", "entered-in-error"):
            return
        if _code(resource, "clinicalStatus") in ("inactive", "resolved"):
            return
        yield "allergy", "" if is_none(resource.get("code") or {}) else _words(resource.get("code") or {}) or "?"
    elif resource.get("status") not in ("entered-in-error", "cancelled"):
        codes = {one.get("code") for one in (resource.get("code") or {}).get("coding", ())}
        words = _words(resource.get("valueCodeableConcept") or {}) or str(resource.get("valueString") or "")
        if codes & ABO_CODES and (group := _ABO.match(words.strip())):
            yield "abo", group[1].upper()
        if codes & RH_CODES and (sign := _rh(words)):
            yield "rh", sign


def is_none(code: Mapping[str, Any]) -> bool:
    """Whether an allergy's code says that there is none."""
    if any(one.get("code") in NONE_CODES for one in code.get("coding", ())):
        return True
    words = _words(code)
    return bool(words) and NONE_WORDS.match(normalise(words)) is not None


def _rh(words: str) -> str | None:
    plain = normalise(words)
    return next((sign for word, sign in _RH.items() if word in plain), None)


def _words(concept: Mapping[str, Any]) -> str:
    texts = [concept.get("text"), *(one.get("display") for one in concept.get("coding", ()))]
    return next((str(text) for text in texts if text), "")


def _code(resource: Resource, name: str) -> str:
    return str(next((one.get("code") for one in (resource.get(name) or {}).get("coding", ())), ""))
