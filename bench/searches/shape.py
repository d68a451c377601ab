"""What a shape of search is, and how plain Python reads a generated resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bench.county.coded import Resource
from bench.searches.drawn import Drawn

SELECTIVE, FIRST_PAGE, LINEAR, TOTAL = "selective", "first page", "linear", "total"


@dataclass(frozen=True, slots=True)
class Shape:
    """``path`` with the names of ``Drawn`` in braces; ``holds`` says of a generated resource whether it is a match.

    ``kind``: selective (what one value leads to), first page (many match, twenty are asked for), linear by nature
    (``:contains`` and the like) or total (an accurate count). ``also`` names the references of matches whose targets
    are included, ``back`` the (type, element) whose references to matches are. ``order`` is the key that the answer
    must be sorted by; ``pages`` follows next links instead of asking for first pages.
    """

    workload: str
    kind: str
    path: str
    holds: Callable[[Resource, Drawn], bool]
    also: tuple[str, ...] = ()
    back: tuple[tuple[str, str], ...] = ()
    order: Callable[[Resource], Any] | None = None
    descending: bool = False
    pages: bool = False

    def asked(self, values: Drawn) -> str:
        """The request for some values."""
        return self.path.format(**{name: getattr(values, name) for name in Drawn.__dataclass_fields__})


def is_a(resource: Resource, kind: str) -> bool:
    """Whether it is of a type."""
    return bool(resource["resourceType"] == kind)


def points(resource: Resource, element: str) -> set[str]:
    """What an element refers to."""
    value = resource.get(element, [])
    listed = value if isinstance(value, list) else [value]
    return {each["reference"] for each in listed if "reference" in each}


def of(resource: Resource, kind: str, resident: str) -> bool:
    """Whether it is of a type and about a resident."""
    return is_a(resource, kind) and f"Patient/{resident}" in points(resource, "subject") | points(resource, "patient")


def codes(concept: Any) -> set[str]:
    """The codes of a CodeableConcept, or of several."""
    listed = concept if isinstance(concept, list) else [concept]
    return {coding["code"] for each in listed for coding in each.get("coding", ())}


def coded(resource: Resource, code: str) -> bool:
    """Whether its ``code`` has a code."""
    return code in codes(resource.get("code", {}))


def names(resource: Resource) -> list[str]:
    """Every part of a Patient's names."""
    return [part for name in resource["name"] for part in (name["text"], name["family"], *name["given"])]


def whole_days(prefix: str, first: str, last: str, day: str) -> bool:
    """A range of whole days (or moments inside them) against a day, by prefix; ``last`` "9999" when it is open."""
    return {
        "": day <= first and last <= day,
        "eq": day <= first and last <= day,
        "lt": first < day,
        "gt": last > day,
        "ge": last > day or (first >= day and last <= day),
        "le": first < day or (first >= day and last <= day),
        "sa": first > day,
        "eb": last < day,
    }[prefix]


def components(resource: Resource) -> list[Resource]:
    """The components of an Observation."""
    listed: list[Resource] = resource.get("component", [])
    return listed


def amounts(resource: Resource) -> list[Decimal]:
    """Its own value and those of its components."""
    held = [resource, *components(resource)]
    return [each["valueQuantity"]["value"] for each in held if "valueQuantity" in each]


def says(resource: Resource, words: str) -> bool:
    """Whether words stand somewhere in it: Chinese anywhere, others as whole words."""
    bounds = r"\b" if words.isascii() else ""
    return any(re.search(f"{bounds}{words}{bounds}", text, re.IGNORECASE) for text in _texts(resource))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in ("resourceType", "id", "reference", "system", "url"):
                yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
