"""Checks of a property that repeats (R4 section 2.6.2, JSON); one that does not is checked by its type directly."""

from __future__ import annotations

from typing import Any

from countyfhir.model.primitives import Check
from countyfhir.validation.problem import UNCOVERED_NULL, ObjectCheck, Problem, below, kind_of, wrong_value


def many_values(name: str, check: Check, code: str) -> ObjectCheck:
    """A primitive element that repeats; nulls are left for the ``_element`` sibling to explain."""

    def checked(value: Any) -> list[Problem] | None:
        if type(value) is not list or not value:
            return [no_list(name, value)]
        for item in value:
            if check(item) is not None:
                return many_wrong(value)
        return None

    def many_wrong(value: list[Any]) -> list[Problem]:
        found: list[Problem] = []
        for index, item in enumerate(value):
            expected = check(item)
            if item is None:
                found.append((f"[{index}]", UNCOVERED_NULL, f"{name} holds null where _{name} has nothing either."))
            elif expected is not None:
                found += below(f"[{index}]", [wrong_value(name, item, expected, code)])
        return found

    return checked


def many_objects(name: str, check: ObjectCheck, minimum: int, maximum: int | None) -> ObjectCheck:
    """A complex element that repeats. Each entry is checked once, or the cost would double with every level."""

    def checked(value: Any) -> list[Problem] | None:
        if type(value) is not list or not value:
            return [no_list(name, value)]
        found: list[Problem] | None = None
        for index, item in enumerate(value):
            if (problems := check(item)) is not None:
                found = found or []
                found += below(f"[{index}]", problems)
        if len(value) < minimum or (maximum is not None and len(value) > maximum):
            found = [*(found or []), count_wrong(name, len(value), minimum, maximum)]
        return found

    return checked


def no_list(name: str, value: Any) -> Problem:
    """A repeating element that is not a list, or an empty one."""
    if isinstance(value, list):
        return "", "structure", f"{name} is an empty list; leave the element out."
    return "", "structure", f"{name} may repeat, so it must be a JSON list even for one value, not {kind_of(value)}."


def count_wrong(name: str, count: int, minimum: int, maximum: int | None) -> Problem:
    """A list with too few or too many entries."""
    limit = f"at least {minimum}" if count < minimum else f"at most {maximum}"
    return "", "required" if count < minimum else "structure", f"{name} takes {limit} entries, there are {count}."
