"""Sections of clinical documents: the text that their entries say, where they have no narrative of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from countyfhir.mapping.functions.function import Function


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


FUNCTIONS = (Function("section_text", section_text, "what the entries of a CDA section say, in words"),)
