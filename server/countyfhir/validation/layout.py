"""What an object of one type may and must hold, and the full account of what is wrong with one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.validation.problem import UNCOVERED_NULL, ObjectCheck, Problem, below, kind_of, safe_step, shown_name


@dataclass(frozen=True, slots=True)
class Sibling:
    """The ``_name`` property of the primitive element ``name``: id and extensions of its value or values."""

    name: str
    step: str
    is_array: bool
    check: ObjectCheck


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice group ("value"): its JSON names, with and without underscore, and whether one must be there."""

    name: str
    names: frozenset[str]
    required: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The tables of one type. ``extra`` are rules of the type itself (Extension)."""

    type_name: str
    checks: Mapping[str, ObjectCheck]
    siblings: Mapping[str, Sibling]
    required: tuple[str, ...]
    choices: tuple[Choice, ...]
    extra: ObjectCheck | None = None


def object_check(layout: Layout) -> ObjectCheck:
    """The check of one type; the tables may still be filled after this returns, since types refer to each other."""
    lookup, required, extra = layout.checks.get, layout.required, layout.extra
    groups = tuple((choice.names.intersection, 1 if choice.required else 0) for choice in layout.choices)
    not_object = f"{layout.type_name} must be a JSON object"

    def checked(value: Any) -> list[Problem] | None:
        if type(value) is not dict:
            return [("", "structure", f"{not_object}, not {kind_of(value)}.")]
        found: list[Problem] | None = None
        odd = not value
        for name, child in value.items():
            check = lookup(name)
            if check is None:
                odd = True
            elif (problems := check(child)) is not None:
                found = problems if found is None else found + problems
        for name in required:
            if name not in value:
                odd = True
        for present, least in groups:
            if not least <= len(present(value)) <= 1:
                odd = True
        if extra is not None and (problems := extra(value)) is not None:
            found = problems if found is None else found + problems
        return None if found is None and not odd else settled(layout, value, found or [])

    return checked


def settled(layout: Layout, value: dict[str, Any], found: list[Problem]) -> list[Problem] | None:
    """All problems of an object, once siblings are taken into account; None when nothing is left."""
    if not value:
        return [("", "structure", f"An empty object is not allowed; leave the {layout.type_name} out.")]
    complete = [problem for problem in found if problem[1] != UNCOVERED_NULL]
    complete += uncovered_nulls(layout, value, found)
    complete += unknown_names(layout, value)
    for name, sibling in layout.siblings.items():
        if name in value:
            complete += sibling_problems(sibling, value.get(sibling.name), value[name], sibling.name in value)
    complete += missing_names(layout, value)
    for choice in layout.choices:
        complete += choice_problems(choice, value)
    return complete or None


def uncovered_nulls(layout: Layout, value: dict[str, Any], found: list[Problem]) -> list[Problem]:
    """The nulls of primitive arrays at whose place the sibling has nothing."""
    left: list[Problem] = []
    for path, code, text in found:
        if code == UNCOVERED_NULL:
            name, _, index = path[1:-1].partition("[")
            padding = value.get("_" + name)
            covered = isinstance(padding, list) and int(index) < len(padding) and padding[int(index)] is not None
            if not covered:
                left.append((path, "structure", text))
    return left


def unknown_names(layout: Layout, value: dict[str, Any]) -> list[Problem]:
    """Properties that the type does not have."""
    return [
        (safe_step(name), "structure", unknown_text(layout, name))
        for name in value
        if name not in layout.checks and name not in layout.siblings
    ]


def unknown_text(layout: Layout, name: str) -> str:
    """The sentence on an unknown property, with the name that was probably meant."""
    text = f"{layout.type_name} has no element {shown_name(name)}"
    meant = next((known for known in layout.checks if known.lower() == name.lower()), None)
    choice = next((choice for choice in layout.choices if choice.name == name), None)
    if meant:
        return f"{text}; write '{meant}'."
    if choice:
        return f"{text}; a type is part of the name here, such as '{min(n for n in choice.names if n[0] != '_')}'."
    return f"{text}."


def missing_names(layout: Layout, value: dict[str, Any]) -> list[Problem]:
    """Required elements that are not there, not even as ``_name`` with an extension instead of a value."""
    return [
        (f".{name}", "required", f"{layout.type_name}.{name} is required.")
        for name in layout.required
        if name not in value and ("_" + name not in layout.siblings or "_" + name not in value)
    ]


def choice_problems(choice: Choice, value: dict[str, Any]) -> list[Problem]:
    """A choice group that is used twice, or not at all where it must be."""
    present = sorted({name.lstrip("_") for name in choice.names.intersection(value)})
    if len(present) > 1:
        return [(f".{choice.name}", "structure", f"Only one of {', '.join(present)} may be given.")]
    if choice.required and not present:
        names = sorted(name for name in choice.names if name[0] != "_")
        more = f" or {len(names) - 6} more" if len(names) > 6 else ""
        return [(f".{choice.name}", "required", f"One of {', '.join(names[:6])}{more} is required.")]
    return []


def sibling_problems(sibling: Sibling, value: Any, padding: Any, has_value: bool) -> list[Problem]:
    """What is wrong with a ``_name`` property beside the ``value`` of ``name``."""
    if not sibling.is_array:
        return below(sibling.step, sibling.check(padding) or [])
    if not isinstance(padding, list) or not padding:
        text = f"_{sibling.name} must be a JSON list that is not empty, as {sibling.name} repeats."
        return [(sibling.step, "structure", text)]
    found = []
    if has_value and isinstance(value, list) and len(value) != len(padding):
        text = f"_{sibling.name} and {sibling.name} must be of equal length; pad with null."
        found.append((sibling.step, "structure", text))
    for index, entry in enumerate(padding):
        if entry is not None:
            found += below(f"{sibling.step}[{index}]", sibling.check(entry) or [])
        elif not has_value:
            text = f"_{sibling.name} holds null where {sibling.name} has nothing either."
            found.append((f"{sibling.step}[{index}]", "structure", text))
    return found
