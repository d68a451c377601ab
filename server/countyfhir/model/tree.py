"""Copying, comparing and pruning JSON trees (R4 section 2.6; RFC 6902 section 4.6 for equality)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from countyfhir.exchange import Resource


def copied(value: Any) -> Any:
    """A copy that shares no object or array with ``value``; several times faster than ``copy.deepcopy``."""
    if value.__class__ is dict:
        return {key: copied(item) if item.__class__ in _CONTAINERS else item for key, item in value.items()}
    if value.__class__ is list:
        return [copied(item) if item.__class__ in _CONTAINERS else item for item in value]
    return value


_CONTAINERS = frozenset({dict, list})


def equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same: numbers by value (1.50 is 1.5), ``true`` is not 1, key order is free."""
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(equal(left[key], right[key]) for key in left)
        )
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float, Decimal)) and isinstance(right, (int, float, Decimal)):
        return left == right
    return type(left) is type(right) and bool(left == right)


def without_empty(resource: Resource) -> Resource:
    """The resource without the objects and arrays that hold nothing, which FHIR has no place for.

    In the ``_name`` arrays of repeating primitives ``null`` takes the place of an emptied object, since places count.
    """
    return {key: item for key, value in resource.items() if (item := _pruned(key, value)) not in ({}, [])}


def _pruned(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return without_empty(value)
    if not isinstance(value, list):
        return value
    if key.startswith("_"):
        siblings = [_pruned("", each) or None for each in value]
        return siblings if any(siblings) else []
    return [item for each in value if (item := _pruned("", each)) not in ({}, [])]


def levels(value: Any) -> int:
    """Levels of nested objects and arrays, counted without recursion."""
    count = 0
    level: list[Any] = [value] if value.__class__ in _CONTAINERS else []
    while level:
        count += 1
        members = (node.values() if node.__class__ is dict else node for node in level)
        level = [each for inner in members for each in inner if each.__class__ is dict or each.__class__ is list]
    return count


def size(value: Any) -> int:
    """The number of values in ``value``, itself included."""
    if value.__class__ is dict:
        return 1 + sum(size(item) for item in value.values())
    if value.__class__ is list:
        return 1 + sum(map(size, value))
    return 1
