"""Setting a value at a path of a resource that is being made: the simple subset of FHIRPath that
dynamicValue.path is in (R4 section 2.26)."""

from __future__ import annotations

import re
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.fhirpath.item import Item, Quantity
from countyfhir.model.definitions import Definitions, TypeDefinition
from countyfhir.outcome import FhirError

_STEP = re.compile(r"(?P<name>[a-zA-Z]+)(?:\[x\])?(?:\[(?P<index>\d+)\])?(?:\.(?:ofType|as)\((?P<type>\w+)\))?")
_CHOICES = {
    "System.Date": "dateTime",
    "System.DateTime": "dateTime",
    "System.Boolean": "boolean",
    "System.String": "string",
}
_CHOICES |= {"System.Integer": "integer", "System.Decimal": "decimal", "System.Quantity": "Quantity"}


def put(resource: Resource, path: str, items: list[Any], definitions: Definitions, where: str) -> None:
    """Set the element; nothing is set by an empty result. FhirError 422 for a path that the type has not."""
    if not items:
        return
    values = [one if isinstance(one, dict) else one.value for one in items]
    steps = path.removeprefix("%resource.").removeprefix(resource["resourceType"] + ".").replace("[x]", "")
    names = re.sub(r"\.(?=(?:ofType|as)\()", "\0", steps).split(".")
    type_name, holder = resource["resourceType"], resource
    for place, step in enumerate(names):
        found = _STEP.fullmatch(step.replace("\0", "."))
        if found is None:
            raise FhirError("invalid", f"'{path[:100]}' is no simple path.", status=422, expression=where)
        last = place == len(names) - 1
        kind = definitions.types[type_name]
        name = _element(kind, found["name"], found["type"], items[0] if last else None, where)
        element = kind.elements[name]
        if last:
            plain = [_plain(one) for one in values]
            _set(holder, name, plain, element.is_array, found["index"])
            return
        holder = _inner(holder, name, element.is_array, int(found["index"] or 0))
        type_name = element.type_name


def _element(kind: TypeDefinition, name: str, wanted: str | None, item: Any, where: str) -> str:
    if name in kind.elements:
        return name
    choices = {one: element for one, element in kind.elements.items() if element.choice == name}
    if not choices:
        raise FhirError("invalid", f"{kind.name} has no element '{name[:64]}'.", status=422, expression=where)
    told = wanted or _type_of(item)
    for suffix in (told, _CHOICES.get(told or "", "")):
        found = name + suffix[:1].upper() + suffix[1:] if suffix else ""
        if found in choices:
            return found
    if len(choices) == 1 or item is None:
        return next(iter(choices))
    text = f"A value of type {told} does not fit {name}[x]."
    raise FhirError("invalid", text, status=422, expression=where)


def _type_of(item: Any) -> str | None:
    if isinstance(item, dict):
        return item.get("resourceType")
    return str(item.type_name) if isinstance(item, Item) else None


def _plain(value: Any) -> Any:
    if isinstance(value, Quantity):
        unit = str(value.unit).strip("'")
        return {"value": value.value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return value


def _set(holder: Resource, name: str, values: list[Any], is_array: bool, index: str | None) -> None:
    if not is_array:
        holder[name] = values[0]
    elif index is None:
        holder[name] = values
    else:
        listed = holder.setdefault(name, [])
        del listed[int(index) :]
        listed += values


def _inner(holder: Resource, name: str, is_array: bool, index: int) -> Resource:
    if not is_array:
        found = holder.setdefault(name, {})
    else:
        listed = holder.setdefault(name, [])
        if not listed:
            listed.append({})
        found = listed[min(index, len(listed) - 1)]
    assert isinstance(found, dict)
    return found
