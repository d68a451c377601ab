"""Writes resources in FHIR's XML form (R4 section 2.6.1): element order from the definitions, digits as they are."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from countyfhir.model import xhtml
from countyfhir.model.definitions import definitions
from countyfhir.model.json import Literal
from countyfhir.model.xml_table import COMPLEX, DIV, FHIR, PRIMITIVE, Step, by_json_name
from countyfhir.outcome import FhirError

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
Gaps = tuple[str, ...]
_COMPACT: Gaps = ("",) * 300
_INDENTED: Gaps = tuple("\n" + "  " * level for level in range(300))
_SPECIAL = re.compile('[&<>"\t\n\r]|[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
_ESCAPES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}


def dumps(resource: dict[str, Any], *, pretty: bool = False) -> bytes:
    """The XML document of ``resource``, UTF-8; indented by two spaces when ``pretty``.

    FhirError "structure" (with the place) for what has no XML form: unknown elements, values where objects belong, a
    narrative that is no XHTML, characters that XML cannot carry.
    """
    parts = [DECLARATION]
    type_name = _type_name(resource, "Resource")
    _write_resource(resource, parts, _INDENTED if pretty else _COMPACT, 0, type_name)
    parts[1] = ("\n" if pretty else "") + f'<{type_name} xmlns="{FHIR}"'
    return "".join(parts).encode()


def _type_name(resource: Any, path: str) -> str:
    type_name = resource.get("resourceType") if isinstance(resource, dict) else None
    if type_name not in definitions().resource_types:
        raise FhirError("structure", "A resource with a resourceType of R4 was expected here", expression=path)
    return str(type_name)


def _write_resource(resource: dict[str, Any], parts: list[str], gaps: Gaps, level: int, path: str) -> None:
    type_name = _type_name(resource, path)
    parts.append(f"{gaps[level]}<{type_name}")
    _write_content(resource, type_name, type_name, parts, gaps, level, path)


def _write_content(
    value: dict[str, Any], type_name: str, tag: str, parts: list[str], gaps: Gaps, level: int, path: str
) -> None:
    """Writes attributes and children after ``<tag``, and the end of the element."""
    steps = by_json_name(type_name)
    children: list[Step] = []
    for key, item in value.items():
        step = steps.get(key)
        if step is None:
            step = _sibling_step(value, key, steps, path)
            if step is None:
                continue
        if step.attribute:
            parts.append(f' {key}="{_text(item, path)}"')
        else:
            children.append(step)
    if not children:
        parts.append("/>")
        return
    parts.append(">")
    children.sort(key=_order)
    for step in children:
        _write_element(value, step, parts, gaps, level + 1, path)
    parts.append(f"{gaps[level]}</{tag}>")


def _order(step: Step) -> int:
    return step.order


def _sibling_step(value: dict[str, Any], key: str, steps: dict[str, Step], path: str) -> Step | None:
    """The step of a ``_name`` whose ``name`` is absent (it is written with ``name`` otherwise)."""
    if key == "resourceType":
        return None
    step = steps.get(key[1:]) if key.startswith("_") else None
    if step is None or step.form != PRIMITIVE:
        raise FhirError("structure", f"The element '{key[:64]}' is not known here", expression=path)
    return None if step.name in value else step


def _write_element(value: dict[str, Any], step: Step, parts: list[str], gaps: Gaps, level: int, path: str) -> None:
    """Writes all occurrences of one element."""
    here = f"{path}.{step.name}"
    items, siblings = value.get(step.name), value.get(step.sibling) if step.form == PRIMITIVE else None
    if not step.is_array:
        _write_item(items, siblings, step, parts, gaps, level, here)
        return
    if not isinstance(items, list | None) or not isinstance(siblings, list | None):
        raise FhirError("structure", "An array was expected here", expression=here)
    for index in range(max(len(items or ()), len(siblings or ()))):
        item = items[index] if items and index < len(items) else None
        sibling = siblings[index] if siblings and index < len(siblings) else None
        _write_item(item, sibling, step, parts, gaps, level, f"{here}[{index}]")


def _write_item(item: Any, sibling: Any, step: Step, parts: list[str], gaps: Gaps, level: int, path: str) -> None:
    if step.form == PRIMITIVE:
        _write_primitive(item, sibling, step, parts, gaps, level, path)
    elif step.form == DIV:
        if not isinstance(item, str):
            raise FhirError("structure", "The narrative must be a string of XHTML", expression=path)
        parts.append(gaps[level] + xhtml.for_xml(item, path))
    elif not isinstance(item, dict):
        raise FhirError("structure", "An object was expected here", expression=path)
    elif step.form == COMPLEX:
        parts.append(f"{gaps[level]}<{step.name}")
        _write_content(item, step.type_name, step.name, parts, gaps, level, path)
    else:
        parts.append(f"{gaps[level]}<{step.name}>")
        _write_resource(item, parts, gaps, level + 1, path)
        parts.append(f"{gaps[level]}</{step.name}>")


def _write_primitive(item: Any, sibling: Any, step: Step, parts: list[str], gaps: Gaps, level: int, path: str) -> None:
    shown = "" if item is None else f' value="{_text(item, path)}"'
    if sibling is None:
        if item is None:
            raise FhirError("structure", "null stands here without an '_' sibling that explains it", expression=path)
        parts.append(f"{gaps[level]}<{step.name}{shown}/>")
        return
    if not isinstance(sibling, dict):
        raise FhirError("structure", "The '_' sibling of a primitive must be an object", expression=path)
    parts.append(f"{gaps[level]}<{step.name}{shown}")
    _write_content(sibling, step.type_name, step.name, parts, gaps, level, path)


def _text(value: Any, path: str) -> str:
    """The value of a primitive as the text of an attribute."""
    if isinstance(value, str):
        return _SPECIAL.sub(lambda found: _escape(found.group(), path), value) if _SPECIAL.search(value) else value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, Literal):
        return value.text
    if isinstance(value, int | Decimal):
        return str(value)
    raise FhirError("structure", "A string, a number or a boolean was expected here", expression=path)


def _escape(character: str, path: str) -> str:
    if character not in _ESCAPES:
        said = f"The character U+{ord(character):04X} stands here, which XML cannot carry; ask for JSON"
        raise FhirError("structure", said, expression=path, status=406)
    return _ESCAPES[character]
