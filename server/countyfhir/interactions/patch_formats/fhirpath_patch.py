"""FHIRPath Patch: a Parameters resource whose operations name places by FHIRPath (R4 fhirpatch.html)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from countyfhir import fhirpath
from countyfhir.exchange import Resource
from countyfhir.fhirpath import FhirPathError, Location
from countyfhir.interactions.patch_formats import patch_value, placing
from countyfhir.interactions.patch_formats.identity import check_depth, checked
from countyfhir.interactions.patch_formats.patch_value import Part, Value
from countyfhir.interactions.patch_formats.placing import Target
from countyfhir.model import tree
from countyfhir.outcome import FhirError, Issue

Parts = Mapping[str, Part]


def apply(resource: Resource, document: Any) -> Resource:
    """The resource after all operations of the Parameters ``document``, in order; ``resource`` itself stays as it is.

    FhirError 400 for malformed Parameters or a path that is no FHIRPath; 422 ("processing") when a path selects none or
    several elements where one is needed, an index is out of range, an element exists already, or the type of a value is
    wrong; 422 ("business-rule") when resourceType or id would change.
    """
    if not isinstance(document, dict) or document.get("resourceType") != "Parameters":
        raise FhirError("structure", "A FHIRPath Patch must be a Parameters resource")
    result = tree.copied(resource)
    parameters = document.get("parameter", [])
    if not isinstance(parameters, list):
        raise FhirError("structure", "It must be an array of operations", expression="Parameters.parameter")
    for number, parameter in enumerate(parameters):
        try:
            _perform(result, parameter)
            check_depth(tree.levels(result))
        except FhirError as error:
            issue = error.issues[0]
            said = f"Operation {number + 1} of the FHIRPath Patch: {issue.diagnostics}"
            places = issue.expression or (f"Parameters.parameter[{number}]",)
            raise FhirError([Issue(issue.code, said, places)]) from error
    return checked(tree.without_empty(result), resource)


def _perform(resource: Resource, parameter: Any) -> None:
    if not isinstance(parameter, dict) or parameter.get("name") != "operation":
        raise FhirError("structure", "Every parameter must be named 'operation'")
    parts = patch_value.parts_by_name(parameter)
    name = patch_value.text(parts, "type")
    if name not in OPERATIONS:
        raise FhirError("value", f"'type' must be one of {', '.join(OPERATIONS)}")
    for part in parts.keys() - PARTS[name]:
        raise FhirError("structure", f"'{name}' takes no part '{part[:64]}'; it takes {', '.join(sorted(PARTS[name]))}")
    OPERATIONS[name](resource, parts)


def _locate(resource: Resource, path: str) -> list[Location]:
    try:
        return fhirpath.locate(path, resource)
    except FhirPathError as error:
        raise FhirError("value", f"'path' is no FHIRPath that selects elements of the resource: {error}") from error


def _single(resource: Resource, path: str) -> Location:
    """The one element that ``path`` selects."""
    found = _locate(resource, path)
    if len(found) != 1:
        selected = f"selects {len(found)} elements" if found else "selects nothing"
        raise FhirError("processing", f"'path' {selected}; it must select exactly one", expression=path)
    return found[0]


def add(resource: Resource, parts: Parts) -> None:
    """Appends a value under ``name`` to the element at ``path``; a single element must not exist yet."""
    path, name = patch_value.text(parts, "path"), patch_value.text(parts, "name")
    target = placing.within(resource, _single(resource, path), name)
    value = _value(parts, target)
    if target.element.is_array:
        placing.insert(target, target.length(), value)
    elif target.present():
        said = f"The element '{name[:64]}' exists already and does not repeat; replace it instead"
        raise FhirError("processing", said, expression=path)
    else:
        placing.store(target, value)


def insert(resource: Resource, parts: Parts) -> None:
    """Inserts a value into the list at ``path``, before the item that has ``index`` now."""
    target = _list(resource, patch_value.text(parts, "path"))
    index = patch_value.integer(parts, "index")
    if index > target.length():
        raise _out_of_range(target, index, parts)
    placing.insert(target, index, _value(parts, target))


def delete(resource: Resource, parts: Parts) -> None:
    """Removes the one element at ``path``; nothing there is no error ("if found")."""
    path = patch_value.text(parts, "path")
    if not _locate(resource, path):
        return
    location = _single(resource, path)
    placing.remove(placing.at(resource, location), location.index)


def replace(resource: Resource, parts: Parts) -> None:
    """Puts a value in the place of the one element at ``path``."""
    location = _single(resource, patch_value.text(parts, "path"))
    target = placing.at(resource, location)
    placing.replace(target, location.index, _value(parts, target))


def move(resource: Resource, parts: Parts) -> None:
    """Moves an item within the list at ``path`` from index ``source`` to index ``destination``."""
    target = _list(resource, patch_value.text(parts, "path"))
    source, destination = patch_value.integer(parts, "source"), patch_value.integer(parts, "destination")
    for index in (source, destination):
        if index >= target.length():
            raise _out_of_range(target, index, parts)
    value = placing.remove(target, source)
    placing.insert(target, destination, value)


def _value(parts: Parts, target: Target) -> Value:
    if "value" not in parts:
        raise FhirError("required", "The part 'value' is missing")
    return patch_value.value(parts["value"], target)


def _list(resource: Resource, path: str) -> Target:
    """The whole list that ``path`` selects, which may still be empty."""
    found = _locate(resource, path)
    target = placing.at(resource, found[0]) if found else _absent_list(resource, path)
    whole = all(one.parent is target.parent and one.key == target.key for one in found)
    if not target.element.is_array or not whole or len(found) != target.length():
        raise FhirError("processing", "'path' must select one whole list of repeating elements", expression=path)
    return target


def _absent_list(resource: Resource, path: str) -> Target:
    """The place of a list that has no items: the element before the last dot, and the name after it."""
    before, _, name = path.rpartition(".")
    if not before or not name.isidentifier():
        raise FhirError("processing", "'path' selects nothing; it must select a list", expression=path)
    return placing.within(resource, _single(resource, before), name)


def _out_of_range(target: Target, index: int, parts: Parts) -> FhirError:
    said = f"The list has {target.length()} items; the index {index} is out of its range"
    return FhirError("processing", said, expression=patch_value.text(parts, "path"))


OPERATIONS: Mapping[str, Callable[[Resource, Parts], None]] = {
    "add": add,
    "insert": insert,
    "delete": delete,
    "replace": replace,
    "move": move,
}
PARTS: Mapping[str, frozenset[str]] = {
    "add": frozenset({"type", "path", "name", "value"}),
    "insert": frozenset({"type", "path", "index", "value"}),
    "delete": frozenset({"type", "path"}),
    "replace": frozenset({"type", "path", "value"}),
    "move": frozenset({"type", "path", "source", "destination"}),
}
"""The parts each operation takes (table of fhirpatch.html)."""
