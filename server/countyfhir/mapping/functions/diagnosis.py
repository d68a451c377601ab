"""Diagnoses in free text, ICD-10 codes as legacy systems write them, allergies (dirt M14, M15, M16)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from countyfhir.mapping.finding import Noted
from countyfhir.mapping.functions.function import Function
from countyfhir.mapping.functions.text import narrow, negated, text

SEPARATORS = re.compile("[、；;，,\n]+")
DOUBT = re.compile(r"[?？]+$")
ICD10 = re.compile(r"^[A-Z]\d{2}(?:\.[\dx]\d{0,2}(?:x\d{1,3})?)?[*†+]?(?:\+[A-Z]\d{2}(?:\.\d{1,3})?\*)?$")


def diagnoses(value: Any) -> list[dict[str, Any]] | None:
    """The diagnoses of a text, each with ``text`` and ``certainty`` (provisional after a question mark, M15)."""
    found = []
    for part in SEPARATORS.split(text(value)):
        plain = part.strip()
        doubtful = bool(DOUBT.search(plain))
        if named := DOUBT.sub("", plain).strip():
            found.append({"text": named, "certainty": "provisional" if doubtful else "confirmed"})
    return found or None


def coded_diagnoses(value: Any, codes: Any) -> list[dict[str, Any]] | None:
    """The diagnoses of a list of texts with the codes beside them: ``text``, ``certainty``, ``code``. A text of several
    diagnoses has no code, nor has any when the lists are not equally long."""
    names = value if isinstance(value, list) else [value]
    beside = codes if isinstance(codes, list) else [codes]
    beside = beside if len(beside) == len(names) else [None] * len(names)
    found = [(diagnoses(name) or [], code) for name, code in zip(names, beside, strict=True)]
    return [one | ({"code": code} if code and len(several) == 1 else {}) for several, code in found for one in several]


def icd10(value: Any) -> Any:
    """The code in the usual spelling: width, blanks and case mended, the NHSA 'x' small (M16); truncated codes stay
    as they are (M16t); what is no ICD-10 code is absent (M16u)."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", str(value))).upper().replace("X", "x")
    if ICD10.match(plain):
        return plain
    return None if narrow(value) in ("", "无") else Noted(None, "M16u")


def allergies(value: Any) -> list[dict[str, Any]] | None:
    """The substances of a text, each with ``text``; a negation is one entry with ``none`` true (M14)."""
    plain = text(value)
    if negated(plain):
        return [{"none": True, "text": plain}]
    names = [re.sub(r"过敏史?$", "", part.strip()) for part in SEPARATORS.split(plain)]
    return [{"none": False, "text": name} for name in names if name] or None


FUNCTIONS = (
    Function("diagnoses", diagnoses, "the diagnoses of a text, each with its certainty (M15, M29)"),
    Function("coded_diagnoses", coded_diagnoses, "the diagnoses of a list of texts, each with its code", (2, 2)),
    Function("icd10", icd10, "an ICD-10 code in its usual spelling (M16)"),
    Function("allergies", allergies, "the substances of an allergy text, or its negation (M14)"),
)
