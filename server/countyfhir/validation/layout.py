"""What an object of one type may and must hold, and the full account of what is wrong with one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from countyfhir.validation.passes import Found, Lane, Pass, looped_pass, straight_pass
from countyfhir.validation.problem import (
    NOTHING_KNOWN,
    UNCOVERED_NULL,
    ElementCheck,
    Known,
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
    """The tables of one type; ``checks``, ``siblings`` and ``known`` are filled once all types have theirs.
    ``own_rule`` is a rule of the type itself on the names of its properties (Extension).
    """

    type_name: str
    places: Mapping[str, Place]
    required: tuple[str, ...]
    choices: tuple[Choice, ...]
    own_rule: ObjectCheck | None = None
    checks: dict[str, ElementCheck] = field(default_factory=dict)
    siblings: dict[str, Sibling] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)


MOST_PLANS = 512
"""Plans kept of a type; clients send few sequences of names, and whoever sends others pays for them."""
LONGEST_PLAN = 64


def object_check(layout: Layout) -> ObjectCheck:
    """The check of one type: a single pass over the properties, which settles the account only if something was odd.

    What the names of the properties decide is decided once for each sequence of names: it is kept as a plan.
    """
    plans: dict[tuple[str, ...], Pass] = {}
    plan_of = plans.get

    def checked(value: Any) -> list[Problem] | None:
        if type(value) is not dict:
            return [no_object(layout, value)]
        plan = plan_of(tuple(value))
        if plan is None:
            plan = planned(layout, value, len(plans) < MOST_PLANS)
            if len(plans) < MOST_PLANS and len(value) <= LONGEST_PLAN:
                plans[tuple(value)] = plan
        return plan(value)

    return checked


def planned(layout: Layout, value: dict[str, Any], compiled: bool) -> Pass:
    """The pass over objects with the names of ``value``; compiled where it is to be kept."""
    lanes = tuple(lane_of(layout, name) for name in value)
    account = partial(settled, layout)
    make = straight_pass if compiled and len(value) <= LONGEST_PLAN else looped_pass
    return make(lanes, account, is_odd(layout, value))


def lane_of(layout: Layout, name: str) -> Lane:
    """How the property of that name is checked."""
    check, sibling = layout.checks.get(name), layout.siblings.get(name)
    if check is None and sibling is not None and not sibling.is_array:
        check = sibling.check
    return name, check or unchecked, layout.known.get(name, NOTHING_KNOWN)


def is_odd(layout: Layout, value: dict[str, Any]) -> bool:
    """Whether the names alone call for the full account."""
    missing = any(name not in value for name in layout.required)
    foreign = any(lane_of(layout, name)[1] is unchecked for name in value)
    chosen = all(
        (1 if choice.required else 0) <= len(choice.names.intersection(value)) <= 1 for choice in layout.choices
    )
    against_rule = layout.own_rule is not None and layout.own_rule(value) is not None
    return not value or missing or foreign or not chosen or against_rule


def unchecked(value: Any) -> None:
    """No check: the name alone makes the object odd, and the account says what is to be said."""


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
        if name not in layout.siblings:
            complete += element_problems(layout, value, name, answer)
    complete += unknown_names(layout, value)
    for name, padding in value.items():
        if (sibling := layout.siblings.get(name)) is not None:
            if sibling.is_array:
                complete += sibling_problems(sibling, value.get(sibling.name), padding, sibling.name in value)
            else:
                complete += below(sibling.step, sibling_answer(found.get(name)))
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


def sibling_answer(answer: list[Problem] | str | None) -> list[Problem]:
    """What the check of a single ``_name`` answered; it is an object, so no check says a mere text of it."""
    return answer if isinstance(answer, list) else []


def sibling_problems(sibling: Sibling, value: Any, padding: Any, has_value: bool) -> list[Problem]:
    """What is wrong with the list ``_name`` beside the ``value`` of ``name``."""
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
