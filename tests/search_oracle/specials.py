"""What is asked in a language of its own, by walking the resource: ``_text``, ``_content``, ``_list``, ``near``,
``_filter``, hierarchies, value sets (R4 sections 3.1.1.4.3, 3.1.1.4.10, 3.1.1.4.16, and the page "Filter parameter").

The trees of expressions are drawn (``drawn_specials``), printed as a URL wants them, and looked up here by that text:
no parser is shared with the server, and none is written twice.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from . import matching, texts
from .moments import Range, covered

Tree = tuple[Any, ...]
EXPRESSIONS: dict[str, Tree] = {}
"""Printed expression -> its tree: ("and" | "or", trees), ("not", tree), or a leaf."""

TREE, FLAT = "urn:tree", "urn:s"
BELOW = {"root": {"root", "left", "leaf", "right"}, "left": {"left", "leaf"}, "leaf": {"leaf"}, "right": {"right"}}
MEMBERS = {
    "urn:vs:left": {(TREE, "left"), (TREE, "leaf")},
    "urn:vs:all": {(TREE, code) for code in BELOW},
    "urn:vs:mixed": {(TREE, "right"), (FLAT, "A")},
}
KNOWLEDGE: list[dict[str, Any]] = [
    {
        "resourceType": "CodeSystem",
        "id": "tree",
        "url": TREE,
        "status": "active",
        "content": "complete",
        "hierarchyMeaning": "is-a",
        "concept": [{"code": "root", "concept": [{"code": "left", "concept": [{"code": "leaf"}]}, {"code": "right"}]}],
    },
    {
        "resourceType": "CodeSystem",
        "id": "flat",
        "url": FLAT,
        "status": "active",
        "content": "complete",
        "concept": [{"code": "A"}, {"code": "x y"}],
    },
    {
        "resourceType": "ValueSet",
        "id": "of-left",
        "url": "urn:vs:left",
        "status": "active",
        "compose": {"include": [{"system": TREE, "filter": [{"property": "concept", "op": "is-a", "value": "left"}]}]},
    },
    {
        "resourceType": "ValueSet",
        "id": "of-all",
        "url": "urn:vs:all",
        "status": "active",
        "compose": {"include": [{"system": TREE}]},
    },
    {
        "resourceType": "ValueSet",
        "id": "of-some",
        "url": "urn:vs:mixed",
        "status": "active",
        "compose": {
            "include": [
                {"system": TREE, "concept": [{"code": "right"}]},
                {"system": FLAT, "concept": [{"code": "A"}]},
            ]
        },
    },
]
"""What the server is told before it is asked; ``BELOW`` and ``MEMBERS`` say the same."""


def joined(tree: Tree, holds: Any) -> bool:
    """Whether a tree holds, given what tells it of a leaf."""
    if tree[0] in ("and", "or"):
        return (all if tree[0] == "and" else any)(joined(each, holds) for each in tree[1])
    return not joined(tree[1], holds) if tree[0] == "not" else holds(tree)


def strings(element: Any, under: str = "") -> Iterator[tuple[str, str]]:
    """Every text with the name of what holds it."""
    if isinstance(element, dict):
        for name, value in element.items():
            yield from strings(value, name)
    elif isinstance(element, list):
        for each in element:
            yield from strings(each, under)
    elif isinstance(element, str):
        yield under, element


def words(resource: dict[str, Any], code: str, text: str) -> bool:
    """``_text`` looks at narratives, ``_content`` at other texts, too."""
    read = [
        texts.folded(re.sub("<[^>]*>", " ", html.unescape(found)))
        for name, found in strings(resource)
        if name == "div" or code == "_content"
    ]
    return joined(EXPRESSIONS[text], lambda leaf: any(re.search(leaf[1], each) for each in read))


def codes(resource: dict[str, Any], element: str) -> set[str]:
    """The codes that stand in an element."""
    value = resource.get(element, [])
    concepts = value if isinstance(value, list) else [value]
    return {coding["code"] for each in concepts for coding in each["coding"]}


FUNCTIONAL: dict[str, dict[str, Callable[[dict[str, Any]], bool]]] = {
    "$current-problems": {
        "Condition": lambda one: (
            bool(codes(one, "clinicalStatus") & {"active", "recurrence", "relapse"})
            and not codes(one, "verificationStatus") & {"refuted", "entered-in-error"}
            and "encounter-diagnosis" not in codes(one, "category")
        )
    },
    "$current-medications": {"MedicationRequest": lambda one: one["status"] == "active" and one["intent"] == "order"},
}
"""Functional lists: what they hold of a type."""


def near(resource: dict[str, Any], text: str) -> bool:
    """At most so far along a great circle."""
    latitude, longitude, distance, unit = text.split("|")
    position = resource.get("position")
    if not position:
        return False
    here, there = (math.radians(float(each)) for each in (latitude, position["latitude"]))
    turn = math.radians(float(longitude) - float(position["longitude"]))
    between = math.sin(here) * math.sin(there) + math.cos(here) * math.cos(there) * math.cos(turn)
    metres = math.acos(max(-1.0, min(1.0, between))) * 6_371_000
    return metres <= float(distance) * (1_000 if unit == "km" else 1)


def coded(value: Any, kind: str, modifier: str, text: str) -> bool:
    """``:in``, ``:below``, ``:above`` of one element."""
    if modifier == "in":
        wanted = MEMBERS[text]
    else:
        code = text.partition("|")[2]
        lower = {each for each in BELOW if code in BELOW[each]}
        wanted = {(TREE, each) for each in (BELOW[code] if modifier == "below" else lower)}
    return any(
        system == each[0] and matching.alike(code, each[1], kind, system)
        for system, code in matching.codings(value, kind)
        for each in wanted
    )


def compared(value: Any, kind: str, search_type: str, code: str, operator: str, text: str, asked: Any) -> bool:
    """One comparison of a filter on one value; ``ne`` of what has no order is judged by the caller."""
    if search_type == "string":
        found = (*matching.strings(value, kind, code), *matching.spellings(value, kind, code))
        wanted = texts.folded(text)
        return any(_OF_STRINGS[operator](texts.folded(each), wanted) for each in found)
    if operator == "po":
        return overlap(matching.covered(value, kind), covered(text))
    prefix = operator if search_type in ("date", "number", "quantity") else ""
    return matching.MATCH[search_type](value, kind, prefix + text, "", asked)


_OF_STRINGS = {
    "eq": lambda found, wanted: found == wanted,
    "co": lambda found, wanted: wanted in found,
    "sw": lambda found, wanted: found.startswith(wanted),
    "ew": lambda found, wanted: found.endswith(wanted),
}


def overlap(found: Range | None, wanted: Range) -> bool:
    """Whether two ranges have an instant in common."""
    return found is not None and found[0] < wanted[1] and found[1] > wanted[0]
