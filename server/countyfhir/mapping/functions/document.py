"""Clinical documents: what the entries of a section say in words, and the diagnoses among its statements (WS 363
DE05.01.025 name, DE05.01.024 code)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from countyfhir.mapping.functions.diagnosis import diagnoses
from countyfhir.mapping.functions.function import Function

NAME, CODE = "DE05.01.025.00", "DE05.01.024.00"


def section_text(value: Any) -> str | None:
    """What the entries of a CDA section say, in words: '收缩压 102 mmHg；舒张压 79 mmHg'; without any its title."""
    said = "；".join(dict.fromkeys(entries(value)))
    return said or first(value, "title", "xmlText") or first(value, "code", "displayName")


def entries(node: Any) -> Iterator[str]:
    """The observations and other statements below a node, in order."""
    if isinstance(node, list):
        for one in node:
            yield from entries(one)
    elif isinstance(node, dict):
        if "value" in node and "code" in node and (said := stated(node)):
            yield said
        for name, part in node.items():
            if isinstance(part, list) and name not in ("code", "value", "text"):
                yield from entries(part)


def stated(statement: dict[str, Any]) -> str | None:
    """Label and value of a statement."""
    value = statement["value"][0] if isinstance(statement["value"], list) and statement["value"] else {}
    said = value.get("xmlText") or value.get("displayName") or value.get("value") or value.get("code")
    label, unit = first(statement, "code", "displayName"), value.get("unit", "")
    return " ".join(part for part in (label, said, unit) if part) if said else None


def first(node: Any, name: str, member: str) -> str | None:
    """A member of the first child of that name."""
    children = node.get(name) if isinstance(node, dict) else None
    return children[0].get(member) if isinstance(children, list) and children else None


def stated_diagnoses(value: Any) -> list[dict[str, Any]] | None:
    """The diagnoses of the observations of a document, each with ``text``, ``certainty``, ``code`` and ``section``. A
    code belongs to the name beside it, in the order in which the document begins (name or code first); names and codes
    in two blocks belong together by position when there are as many. A code alone is called by its display."""
    found = []
    for name, code in paired(value if isinstance(value, list) else [value]):
        shown = said(name) or (first(code, "value", "displayName") or first(code, "value", "code") if code else None)
        several = diagnoses(shown) or [] if shown else []
        coded = first(code, "value", "code") or first(code, "value", "xmlText")
        section = {"section": (name or code or {}).get("inSection")}
        found += [one | section | ({"code": coded} if coded and len(several) == 1 else {}) for one in several]
    return found or None


Pair = tuple[dict[str, Any] | None, dict[str, Any] | None]


def paired(observations: list[dict[str, Any]]) -> list[Pair]:
    """Names with their codes."""
    kinds = [(first(one, "code", "code"), one) for one in observations]
    stated = [(kind, one) for kind, one in kinds if kind in (NAME, CODE)]
    pairs: list[Pair] = []
    for _, group in groupby(stated, key=lambda pair: pair[1].get("inSection")):
        pairs += paired_in_section(list(group))
    return pairs


def paired_in_section(stated: list[tuple[str | None, dict[str, Any]]]) -> list[Pair]:
    names = [one for kind, one in stated if kind == NAME]
    coded = [one for kind, one in stated if kind == CODE]
    in_blocks = len({kind for kind, _ in stated[: len(names)]}) == 1
    if len(names) == len(coded) and in_blocks:
        return list(zip(names, coded, strict=True))
    pairs: list[Pair] = []
    leading, at = stated[0][0], 0
    while at < len(stated):
        kind, one = stated[at]
        beside = stated[at + 1][1] if kind == leading and at + 1 < len(stated) and stated[at + 1][0] != kind else None
        pairs.append((one, beside) if kind == NAME else (beside, one))
        at += 1 if beside is None else 2
    return pairs


def said(observation: dict[str, Any] | None) -> str | None:
    """The words of its value."""
    return first(observation, "value", "xmlText") or first(observation, "value", "displayName")


FUNCTIONS = (
    Function("section_text", section_text, "what the entries of a CDA section say, in words"),
    Function("stated_diagnoses", stated_diagnoses, "the diagnoses of a document's observations, each with its code"),
)
