"""Diagnoses in free text, ICD-10 codes as legacy systems write them, allergies (dirt M14, M15, M16)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from countyfhir.mapping.finding import Noted
from countyfhir.mapping.functions.function import Function
from countyfhir.mapping.functions.text import narrow, negated, text

SEPARATORS = re.compile("[、；;，,\n]+")
NUMBERED = re.compile(r"(?:^|(?<=[\s。；;，,、]))(?:\(?[1-9][.、．)）](?!\d(?!型))|[①-⑨])\s*|(?<=\S)[①-⑨]\s*")
DOUBT = re.compile(r"^[?？]+|\s*[(（]?[?？]+[)）]?$")
STOPS = re.compile(r"[。.]+$")
SUSPECTED = re.compile(r"^疑似|(?:待查|待排除?)$")
ICD10 = re.compile(
    r"^[A-Z]\d{2}(?:\.(?:[\dx]\d{0,2}(?:x\d{0,3})?)?)?[*†]?(?:\+(?:[A-Z](?:\d(?:\d(?:\.\d{0,3})?)?)?)?\*?)?$"
)
"""A code, or what a column too short for it left of one."""


def diagnoses(value: Any) -> list[dict[str, Any]] | None:
    """The diagnoses of a text, each with ``text`` and ``certainty`` (provisional beside a question mark, or where the
    text itself says 疑似, 待查 or 待排, M15)."""
    found = []
    for part in listed(text(value)):
        plain = STOPS.sub("", part.strip())
        doubtful = bool(DOUBT.search(plain) or SUSPECTED.search(plain))
        if named := DOUBT.sub("", plain).strip():
            found.append({"text": named, "certainty": "provisional" if doubtful else "confirmed"})
    return found or None


def listed(plain: str) -> list[str]:
    """The parts of a text between separators; of a numbered list (1.… 2.…, ①…②…) its items."""
    items = [part for part in NUMBERED.split(plain) if part.strip()]
    return [part for item in (items if len(items) > 1 else [plain]) for part in SEPARATORS.split(item)]


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
        return plain.rstrip(".")
    return None if narrow(value) in ("", "无") else Noted(None, "M16u")


def allergies(value: Any) -> list[dict[str, Any]] | None:
    """The substances of a text, each with ``text``; a text that only denies is one entry with ``none`` true (M14). What
    stands beside a denial is still an allergy: 否认食物过敏，青霉素过敏. That nothing is known states nothing."""
    plain = text(value)
    positive, denied = [], False
    for clause in CLAUSES.split(plain):
        if negated(clause) or (denied and UNSPECIFIC.match(clause.strip())):
            denied = True
            continue
        positive += [name for part in SEPARATORS.split(clause) if (name := substance(part))]
    if denied and not positive:
        return [{"none": True, "text": plain}]
    return [{"none": False, "text": name} for name in positive] or None


CLAUSES = re.compile("[；;，,。\n]+|但是?")
UNSPECIFIC = re.compile(r"^(?:及|和|其他|药物|食物|[、\s])*(?:过敏史?)?$")
NOT_KNOWN = frozenset({"不详", "未知", "不明", "不清", "-", "—", "/"})


def substance(part: str) -> str:
    """The name alone: 对青霉素过敏 is 青霉素."""
    name = re.sub(r"^(?:有|对)?(.*?)(?:药物)?过敏史?(?:[(（].*[)）])?$", r"\1", part.strip())
    return "" if name in NOT_KNOWN else name


FUNCTIONS = (
    Function("diagnoses", diagnoses, "the diagnoses of a text, each with its certainty (M15, M29)"),
    Function("coded_diagnoses", coded_diagnoses, "the diagnoses of a list of texts, each with its code", (2, 2)),
    Function("icd10", icd10, "an ICD-10 code in its usual spelling (M16)"),
    Function("allergies", allergies, "the substances of an allergy text, or its negation (M14)"),
)
