"""Every literal local reference of a resource, wherever it stands: what a delete must not leave dangling (R4 section
2.3)."""

from __future__ import annotations

from typing import Any

from countyfhir.search.targets import target_of


def references(resource: dict[str, Any], bases: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    """``(type, id)`` of each local target, once, in the order met: in any element, extension or contained resource.

    ``bases`` are our own base URLs. Canonicals, contained targets and foreign URLs are none.
    """
    found: dict[tuple[str, str], None] = {}
    _walk(resource, bases, found)
    return tuple(found)


def _walk(element: dict[str, Any], bases: tuple[str, ...], found: dict[tuple[str, str], None]) -> None:
    for name, value in element.items():
        kind = type(value)
        if kind is dict:
            _walk(value, bases, found)
        elif kind is list:
            _walk_list(value, bases, found)
        elif name == "reference" and kind is str:
            target = target_of(value, bases)
            if target and target[0]:
                found[target] = None


def _walk_list(elements: list[Any], bases: tuple[str, ...], found: dict[tuple[str, str], None]) -> None:
    for value in elements:
        if type(value) is dict:
            _walk(value, bases, found)
        elif type(value) is list:
            _walk_list(value, bases, found)
