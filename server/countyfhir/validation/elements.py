"""Checks of one property's value: one or many, primitive or object (R4 section 2.6.2, JSON)."""

from __future__ import annotations

from typing import Any

from countyfhir.model.primitives import Check
from countyfhir.validation.problem import UNCOVERED_NULL, ObjectCheck, Problem, below, kind_of, wrong_value


def one_value(name: str, step: str, check: Check, code: str) -> ObjectCheck:
    """A primitive element that does not repeat."""

    def checked(value: Any) -> list[Problem] | None:
        expected = check(value)
        if expected is None:
            return None
        return below(step, [wrong_value(name, value, expected, code)])

    return checked


def one_object(name: str, step: str, check: ObjectCheck) -> ObjectCheck:
    """A complex element that does not repeat."""

    def checked(value: Any) -> list[Problem] | None:
        found = check(value)
        if found is None:
            return None
        if isinstance(value, list):
            return [(step, "structure", f"{name} does not repeat: it must be one object, not a list.")]
        return below(step, found)

    return checked


def many_values(name: str, step: str, check: Check, code: str) -> ObjectCheck:
    """A primitive element that repeats; nulls are left for the ``_element`` sibling to explain."""

    def checked(value: Any) -> list[Problem] | None:
        if type(value) is not list or not value:
            return [no_list(name, step, value)]
        for item in value:
            if check(item) is not None:
                return many_wrong(value)
        return None

    def many_wrong(value: list[Any]) -> list[Problem]:
        found: list[Problem] = []
        for index, item in enumerate(value):
            expected = check(item)
            if item is None:
                found.append((f"{step}[{index}]", UNCOVERED_NULL, f"{name} holds null where _{name} has nothing either."))
            elif expected is not None:
                found += below(f"{step}[{index}]", [wrong_value(name, item, expected, code)])
        return found

    return checked


def many_objects(name: str, step: str, check: ObjectCheck, minimum: int, maximum: int | None) -> ObjectCheck:
    """A complex element that repeats."""

    def checked(value: Any) -> list[Problem] | None:
        if type(value) is not list or not value:
            return [no_list(name, step, value)]
        for item in value:
            if check(item) is not None:
                return many_wrong(value)
        if len(value) < minimum or (maximum is not None and len(value) > maximum):
            return [count_wrong(name, step, len(value), minimum, maximum)]
        return None

    def many_wrong(value: list[Any]) -> list[Problem]:
        return [
            problem for index, item in enumerate(value) for problem in below(f"{step}[{index}]", check(item) or [])
        ]

    return checked


def no_list(name: str, step: str, value: Any) -> Problem:
    """A repeating element that is not a list, or an empty one."""
    if isinstance(value, list):
        return step, "structure", f"{name} is an empty list; leave the element out."
    return step, "structure", f"{name} may repeat, so it must be a JSON list even for one value, not {kind_of(value)}."


def count_wrong(name: str, step: str, count: int, minimum: int, maximum: int | None) -> Problem:
    """A list with too few or too many entries."""
    limit = f"at least {minimum}" if count < minimum else f"at most {maximum}"
    return step, "required" if count < minimum else "structure", f"{name} takes {limit} entries, there are {count}."
