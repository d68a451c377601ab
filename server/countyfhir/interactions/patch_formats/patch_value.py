"""The parts of a FHIRPath Patch operation and the values they carry (R4 fhirpatch.html; Parameters.parameter)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.interactions.patch_formats.placing import Target, Value, choices
from countyfhir.model import tree
from countyfhir.model.definitions import ElementDefinition, definitions
from countyfhir.outcome import FhirError

Part = Mapping[str, Any]

__all__ = ["Part", "Value", "integer", "parts_by_name", "text", "value"]


def parts_by_name(parameter: Part) -> dict[str, Part]:
    """The parts of an operation by name; each may stand once."""
    parts: dict[str, Part] = {}
    for part in _parts(parameter):
        name = part["name"]
        if name in parts:
            raise FhirError("structure", f"The part '{name[:64]}' stands twice")
        parts[name] = part
    return parts


def _parts(parameter: Part) -> list[Part]:
    parts = parameter.get("part", [])
    if not isinstance(parts, list) or not all(
        isinstance(one, dict) and isinstance(one.get("name"), str) for one in parts
    ):
        raise FhirError("structure", "'part' must be an array of objects that have a name")
    return parts


def _content(part: Part) -> tuple[str, Any, Any]:
    """Type name, value and ``_`` sibling of a part's value[x]; ("", None, None) when it has none."""
    found = {key.lstrip("_") for key in part if key.lstrip("_").startswith("value") and len(key.lstrip("_")) > 5}
    if len(found) > 1:
        raise FhirError("structure", f"The part '{part['name'][:64]}' has several values")
    if not found:
        return "", None, None
    key = found.pop()
    element = definitions().types["Parameters.parameter"].elements.get(key)
    if element is None:
        raise FhirError("structure", f"'{key[:64]}' is no value of a parameter")
    return element.type_name, part.get(key), part.get("_" + key)


def text(parts: Mapping[str, Part], name: str) -> str:
    """The string that the part ``name`` must have."""
    if name not in parts:
        raise FhirError("required", f"The part '{name}' is missing")
    content = _content(parts[name])[1]
    if not isinstance(content, str) or not content:
        raise FhirError("value", f"The part '{name}' must have a string or code")
    return content


def integer(parts: Mapping[str, Part], name: str) -> int:
    """The index that the part ``name`` must have."""
    if name not in parts:
        raise FhirError("required", f"The part '{name}' is missing")
    content = _content(parts[name])[1]
    if not isinstance(content, int) or isinstance(content, bool) or content < 0:
        raise FhirError("value", f"The part '{name}' must have an integer from 0")
    return content


def value(part: Part, target: Target) -> Value:
    """The value of ``part`` as it stands at ``target``; FhirError "processing" when its type does not fit there."""
    return _fitted(part, target.choices)


def _fitted(part: Part, allowed: tuple[ElementDefinition, ...]) -> Value:
    if "resource" in part:
        return _resource(part["resource"], allowed)
    type_name, item, sibling = _content(part)
    if type_name:
        element = next((one for one in allowed if one.type_name == type_name), None)
        element = element or next((one for one in allowed if _related(type_name, one.type_name)), None)
        if element is None:
            expected = ", ".join(one.type_name for one in allowed[:5]) + (" …" if len(allowed) > 5 else "")
            raise FhirError("processing", f"The value is a {type_name}, but {expected} was expected there")
        return Value(tree.copied(item), tree.copied(sibling), element.name)
    if "part" not in part:
        raise FhirError("required", f"The part '{part['name'][:64]}' has neither a value nor parts")
    if len(allowed) > 1 or allowed[0].is_primitive:
        raise FhirError("processing", f"The part '{part['name'][:64]}' must have a value of its type, not parts")
    return Value(_object(part, allowed[0].type_name), None, allowed[0].name)


NOT_TEXT = frozenset({"boolean", "integer", "positiveInt", "unsignedInt", "decimal"})
TIMES = frozenset({"date", "dateTime", "instant"})


def _related(given: str, wanted: str) -> bool:
    """Whether a value of one primitive type may be given for another: one specialises the other (code and string), both
    are dates, or a plain string is given for what JSON writes as one (a narrative). Validation checks the format."""
    known = definitions()
    if not known.types[given].kind == known.types[wanted].kind == "primitive-type":
        return False
    if {given, wanted} <= TIMES or (given == "string" and wanted not in NOT_TEXT):
        return True
    return known.is_subtype(given, wanted) or known.is_subtype(wanted, given)


def _resource(resource: Any, allowed: tuple[ElementDefinition, ...]) -> Value:
    if definitions().types[allowed[0].type_name].kind != "resource" or not isinstance(resource, dict):
        raise FhirError("processing", "A resource cannot stand in this place")
    return Value(tree.copied(resource), None, allowed[0].name)


def _object(part: Part, type_name: str) -> dict[str, Any]:
    """An object of a type that has no value[x] of its own (a backbone element), put together from nested parts."""
    made: dict[str, Any] = {}
    for child in _parts(part):
        allowed = choices(type_name, child["name"])
        if not allowed:
            raise FhirError("processing", f"{type_name} has no element '{child['name'][:64]}'")
        fitted = _fitted(child, allowed)
        _append(made, allowed[0], fitted)
    return made


def _append(made: dict[str, Any], element: ElementDefinition, fitted: Value) -> None:
    key = fitted.key or element.name
    if element.is_array:
        items = made.setdefault(key, [])
        items.append(fitted.item)
        if fitted.sibling or "_" + key in made:
            siblings = made.setdefault("_" + key, [])
            siblings.extend([None] * (len(items) - 1 - len(siblings)))
            siblings.append(fitted.sibling)
    elif key in made or "_" + key in made:
        raise FhirError("structure", f"The element '{key}' does not repeat, but is given twice")
    else:
        if fitted.item is not None:
            made[key] = fitted.item
        if fitted.sibling:
            made["_" + key] = fitted.sibling
