"""JSON Patch (RFC 6902; R4 section 3.1.0.6): add, remove, replace, move, copy, test on the JSON form of a resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.interactions.patch_formats import json_pointer
from countyfhir.interactions.patch_formats.identity import check_depth, checked
from countyfhir.interactions.patch_formats.json_pointer import Pointer
from countyfhir.model import tree
from countyfhir.outcome import FhirError, Issue

Entry = Mapping[str, Any]
MAXIMUM_COPIED = 200_000
"""Values that the copy operations of one patch may add; copying a copy doubles it each time."""


def apply(resource: Resource, document: Any) -> Resource:
    """The resource after all operations of ``document``, in order; ``resource`` itself stays as it is.

    Objects and arrays left empty are dropped at the end, since FHIR has none. FhirError 400 for a malformed document,
    422 when a place is absent or a ``test`` fails ("processing") or resourceType or id would change ("business-rule").
    """
    return checked(_without_empty(patched(resource, document)), resource)


def _without_empty(value: Any) -> Any:
    return tree.without_empty(value) if isinstance(value, dict) else value


def patched(value: Any, document: Any) -> Any:
    """Any JSON value after the operations, exactly as RFC 6902 says."""
    if not isinstance(document, list):
        raise FhirError("structure", "A JSON Patch must be a JSON array of operations")
    result, copied = tree.copied(value), 0
    for number, operation in enumerate(document):
        try:
            perform = _operation(operation)
            if perform is copy:
                copied = _counted(copied, result, operation)
            result = perform(result, operation)
        except FhirError as error:
            said = f"Operation {number + 1} of the JSON Patch: {error.issues[0].diagnostics}"
            raise FhirError([Issue(error.issues[0].code, said, error.issues[0].expression)]) from error
    return result


def _counted(copied: int, root: Any, entry: Entry) -> int:
    """The values copied so far with those of ``entry``; FhirError "too-costly" beyond the limit."""
    copied += tree.size(json_pointer.get(root, _pointer(entry, "from")))
    if copied > MAXIMUM_COPIED:
        raise FhirError("too-costly", f"The copy operations of the patch add more than {MAXIMUM_COPIED} values")
    return copied


def _operation(entry: Any) -> Callable[[Any, Entry], Any]:
    if not isinstance(entry, dict):
        raise FhirError("structure", "It must be an object with 'op' and 'path'")
    name = entry.get("op")
    if not isinstance(name, str) or name not in OPERATIONS:
        raise FhirError("value", f"'op' must be one of {', '.join(OPERATIONS)}")
    if name in NEED_VALUE and "value" not in entry:
        raise FhirError("required", f"'{name}' needs a 'value'")
    return OPERATIONS[name]


def _pointer(entry: Entry, member: str = "path") -> Pointer:
    text = entry.get(member)
    if not isinstance(text, str):
        raise FhirError("required", f"'{member}' is missing or no string; it must be a JSON Pointer")
    return json_pointer.parse(text, f"'{member}'")


def add(root: Any, entry: Entry) -> Any:
    """RFC 6902 section 4.1."""
    return _put(root, _pointer(entry), tree.copied(entry["value"]))


def _put(root: Any, pointer: Pointer, value: Any) -> Any:
    check_depth(len(pointer) + tree.levels(value))
    if not pointer:
        return value
    parent, last = json_pointer.get(root, pointer[:-1]), pointer[-1]
    if isinstance(parent, list):
        place = len(parent) if last == "-" else json_pointer.index(last, len(parent) + 1, pointer, root)
        parent.insert(place, value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise json_pointer.absent(pointer, root, "The pointer leads into a value that is neither object nor array")
    return root


def remove(root: Any, entry: Entry) -> Any:
    """RFC 6902 section 4.2."""
    return _take(root, _pointer(entry))


def _take(root: Any, pointer: Pointer) -> Any:
    json_pointer.get(root, pointer)
    if not pointer:
        return None
    parent, last = json_pointer.get(root, pointer[:-1]), pointer[-1]
    if isinstance(parent, list):
        del parent[int(last)]
    else:
        del parent[last]
    return root


def replace(root: Any, entry: Entry) -> Any:
    """RFC 6902 section 4.3; the key keeps its place in the object."""
    pointer, value = _pointer(entry), tree.copied(entry["value"])
    json_pointer.get(root, pointer)
    check_depth(len(pointer) + tree.levels(value))
    if not pointer:
        return value
    parent, last = json_pointer.get(root, pointer[:-1]), pointer[-1]
    parent[int(last) if isinstance(parent, list) else last] = value
    return root


def move(root: Any, entry: Entry) -> Any:
    """RFC 6902 section 4.4."""
    source, target = _pointer(entry, "from"), _pointer(entry)
    value = json_pointer.get(root, source)
    if source == target:
        return root
    if target[: len(source)] == source:
        raise FhirError("value", "A value cannot be moved into itself")
    return _put(_take(root, source), target, value)


def copy(root: Any, entry: Entry) -> Any:
    """RFC 6902 section 4.5."""
    source = _pointer(entry, "from")
    return _put(root, _pointer(entry), tree.copied(json_pointer.get(root, source)))


def test(root: Any, entry: Entry) -> Any:
    """RFC 6902 section 4.6; numbers are compared by value."""
    pointer = _pointer(entry)
    if not tree.equal(json_pointer.get(root, pointer), entry["value"]):
        raise json_pointer.absent(pointer, root, "The test failed: the resource holds another value there")
    return root


OPERATIONS: Mapping[str, Callable[[Any, Entry], Any]] = {
    "add": add,
    "remove": remove,
    "replace": replace,
    "move": move,
    "copy": copy,
    "test": test,
}
NEED_VALUE = frozenset({"add", "replace", "test"})
