"""What an object of one type may and must hold, and the full account of what is wrong with one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from countyfhir.validation.problem import (
    UNCOVERED_NULL,
    ElementCheck,
    ObjectCheck,
    Problem,
    below,
    kind_of,
    safe_step,
    shown_name,
    wrong_value,
)


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
class Place:
    """The FHIRPath step to an element, and the issue code of a primitive in it that is not as expected."""

    step: str
    code: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The tables of one type; ``checks`` and ``siblings`` are filled once all types have theirs. ``own_rule`` is a
    rule of the type itself (Extension).
    """

    type_name: str
    places: Mapping[str, Place]
    required: tuple[str, ...]
    choices: tuple[Choice, ...]
    own_rule: ObjectCheck | None = None
    checks: dict[str, ElementCheck] = field(default_factory=dict)
    siblings: dict[str, Sibling] = field(default_factory=dict)


Found = dict[str, "list[Problem] | str"]
"""What the checks of the properties answered, where it was not None."""


def object_check(layout: Layout) -> ObjectCheck:
    """The check of one type: a single pass over the properties, which settles the account only if something was odd."""
    lookup, required, own_rule = layout.checks.get, layout.required, layout.own_rule
    groups = tuple((choice.names.intersection, 1 if choice.required else 0) for choice in layout.choices)

    def checked(value: Any) -> list[Problem] | None:
        if type(value) is not dict:
            return [no_object(layout, value)]
        odd = not value
        found: Found | None = None
        for name, child in value.items():
            check = lookup(name)
            if check is None:
                odd = True
            elif (answer := check(child)) is not None:
                found = found or {}
                found[name] = answer
        for name in required:
            if name not in value:
                odd = True
        for present, least in groups:
            if not least <= len(present(value)) <= 1:
                odd = True
        if odd or found is not None or (own_rule is not None and own_rule(value) is not None):
            return settled(layout, value, found or {})
        return None

    return checked


def no_object(layout: Layout, value: Any) -> Problem:
    """Something else where an object of the type must be."""
    text = f"Expected one JSON object ({layout.type_name}), not {kind_of(value)}"
    return "", "structure", text + ("; this element does not repeat here." if isinstance(value, list) else ".")


def settled(layout: Layout, value: dict[str, Any], found: Found) -> list[Problem] | None:
    """All problems of an object, once siblings are taken into account; None when nothing is left."""
    if not value:
        return [("", "structure", f"An empty object is not allowed; leave the {layout.type_name} out.")]
    complete: list[Problem] = []
    for name, answer in found.items():
        complete += element_problems(layout, value, name, answer)
    complete += unknown_names(layout, value)
    for name, padding in value.items():
        if (sibling := layout.siblings.get(name)) is not None:
            complete += sibling_problems(sibling, value.get(sibling.name), padding, sibling.name in value)
    complete += missing_names(layout, value)
    for choice in layout.choices:
        complete += choice_problems(choice, value)
    if layout.own_rule is not None:
        complete += layout.own_rule(value) or []
    return complete or None


def element_problems(layout: Layout, value: dict[str, Any], name: str, answer: list[Problem] | str) -> list[Problem]:
    """The problems of one property, seen from the object."""
    place = layout.places[name]
    if isinstance(answer, str):
        return below(place.step, [wrong_value(name, value[name], answer, place.code)])
    if any(problem[1] == UNCOVERED_NULL for problem in answer):
        answer = without_covered(answer, value.get("_" + name))
    return below(place.step, answer)


def without_covered(problems: list[Problem], padding: Any) -> list[Problem]:
    """The problems without those on a null whose ``_name`` sibling has something at its place."""
    left: list[Problem] = []
    for path, code, text in problems:
        index = int(path[1:-1]) if code == UNCOVERED_NULL else -1
        covered = (
            code == UNCOVERED_NULL and isinstance(padding, list) and padding[index : index + 1] not in ([], [None])
        )
        if not covered:
            left.append((path, "structure" if code == UNCOVERED_NULL else code, text))
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
