"""Structured reports as a flat list of what they say (DICOM PS3.3 C.17.3, PS3.16)."""

from __future__ import annotations

from typing import Any

from countyfhir.intake.dicom.codes import coding_of
from countyfhir.intake.dicom.tree import Tree

DEEPEST = 24
STATED = {"DATE": "Date", "TIME": "Time", "DATETIME": "DateTime", "UIDREF": "UID"}


def items(tree: Tree) -> list[Tree]:
    """The content items in order, each with ``place`` ("1.2"), ``type``, ``relationship``, ``name`` (a Coding),
    ``under`` (the name of the container it stands in), and what it states: ``text``, ``quantity``, ``coded`` (a
    Coding), ``person``, ``value`` (a date, time or UID)."""
    found: list[Tree] = []
    walk(tree.get("ContentSequence") or [], (), heading(tree), found)
    return found


def heading(tree: Tree) -> str | None:
    """The title of the document, or the name of a container."""
    return name_of(tree).get("display")


def name_of(item: Tree) -> dict[str, str]:
    return coding_of(next(iter(item.get("ConceptNameCodeSequence") or ()), {}))


def walk(contents: list[Tree], above: tuple[int, ...], under: str | None, found: list[Tree]) -> None:
    if len(above) > DEEPEST:
        return
    for place, item in enumerate(contents, 1):
        made = stated(item) | {"place": ".".join(map(str, (*above, place))), "under": under}
        found.append({name: value for name, value in made.items() if value not in (None, {})})
        inner = heading(item) if item.get("ValueType") == "CONTAINER" else under
        walk(item.get("ContentSequence") or [], (*above, place), inner, found)


def stated(item: Tree) -> Tree:
    kind = item.get("ValueType")
    made: Tree = {"type": kind, "relationship": item.get("RelationshipType"), "name": name_of(item)}
    if kind == "TEXT":
        made["text"] = item.get("TextValue")
    elif kind == "NUM":
        made |= measured(next(iter(item.get("MeasuredValueSequence") or ()), {}))
    elif kind == "CODE":
        made["coded"] = coding_of(next(iter(item.get("ConceptCodeSequence") or ()), {}))
    elif kind == "PNAME":
        made["person"] = (item.get("PersonName") or {}).get("text")
    elif kind in STATED:
        made["value"] = item.get(STATED[kind])
    return made


def measured(item: Tree) -> dict[str, Any]:
    """Number and unit; a unit of another scheme than UCUM is only a text."""
    unit = coding_of(next(iter(item.get("MeasurementUnitsCodeSequence") or ()), {}))
    quantity: dict[str, Any] = {"value": item.get("NumericValue"), "unit": unit.get("code")}
    if unit.get("system") == "http://unitsofmeasure.org":
        quantity |= {"system": unit["system"], "code": unit["code"]}
    given = {name: value for name, value in quantity.items() if value is not None}
    return {"quantity": given} if isinstance(item.get("NumericValue"), (int, float)) or given.get("value") else {}
