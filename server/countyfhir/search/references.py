"""Every literal local reference of a resource, wherever it stands: what a delete must not leave dangling (R4 section
2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.search.targets import target_of


def references(resource: Mapping[str, Any], bases: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    """``(type, id)`` of each local target, once, in the order met: in any element, extension or contained resource.

    ``bases`` are our own base URLs. Canonicals, contained targets and foreign URLs are none.
    """
    found: dict[tuple[str, str], None] = {}
    _walk(resource, bases, found)
    return tuple(found)


def _walk(element: Any, bases: tuple[str, ...], found: dict[tuple[str, str], None]) -> None:
    if isinstance(element, dict):
        reference = element.get("reference")
        if isinstance(reference, str):
            target = target_of(reference, bases)
            if target and target[0]:
                found[target] = None
        for value in element.values():
            if isinstance(value, dict | list):
                _walk(value, bases, found)
    elif isinstance(element, list):
        for value in element:
            if isinstance(value, dict | list):
                _walk(value, bases, found)
