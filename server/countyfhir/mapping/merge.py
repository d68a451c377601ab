"""A resource that several records state parts of: the images of a study, file by file, in any order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Merge:
    """How the parts come together. ``lists``: path of a list -> the member that tells its elements apart (uid);
    ``same``: paths that all parts agree on, or else it is not one resource; ``least``: paths of which the smallest
    value stands (the start); ``counts``: path of a number -> the list it counts, from where the number stands."""

    lists: Mapping[str, str]
    same: tuple[str, ...] = ()
    least: tuple[str, ...] = ()
    counts: Mapping[str, str] | None = None


class Conflict(ValueError):
    """Two records state one resource about different things."""


def merge_of(declared: Mapping[str, Any]) -> Merge:
    """As a mapping file declares it."""
    return Merge(
        declared["lists"], tuple(declared.get("same", ())), tuple(declared.get("least", ())), declared.get("counts", {})
    )


def merged(stored: Resource, part: Resource, how: Merge, corrects: bool = False) -> Resource:
    """The stored resource with one part more; the same whatever came first. Where two parts disagree on a single value
    the smaller text stands, unless the part ``corrects`` what its own record said before. Conflict when they do not
    agree on what must be the same."""
    for path in how.same:
        if at(stored, path) not in (None, at(part, path)):
            raise Conflict(path)
    made = together(without_moved(stored, part, how), part, "", how, corrects)
    for path, counted in (how.counts or {}).items():
        count(made, path.split("."), counted.split("."))
    return made


def counted(part: Resource, how: Merge) -> Resource:
    """The first part, with its numbers."""
    return merged({name: value for name, value in part.items() if not isinstance(value, list)}, part, how)


def at(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def together(stored: Resource, part: Resource, path: str, how: Merge, corrects: bool) -> Resource:
    made = dict(stored)
    for name, value in part.items():
        place = f"{path}.{name}" if path else name
        known = made.get(name)
        if known is None:
            made[name] = sorted_list(value, how.lists[place]) if place in how.lists else value
        elif place in how.lists:
            made[name] = joined(known, value, place, how, corrects)
        elif place in how.least:
            made[name] = min(known, value)
        elif isinstance(known, dict) and isinstance(value, dict):
            made[name] = together(known, value, place, how, corrects)
        elif known != value:
            made[name] = value if corrects else min(known, value, key=as_text)
    return made


def joined(stored: list[Any], part: list[Any], path: str, how: Merge, corrects: bool) -> list[Any]:
    member = how.lists[path]
    found = {one.get(member): one for one in stored}
    for one in part:
        key = one.get(member)
        found[key] = together(found[key], one, path, how, corrects) if key in found else one
    return sorted_list(list(found.values()), member)


def sorted_list(elements: list[Any], member: str) -> list[Any]:
    """By their number where they have one, then by what tells them apart."""
    return sorted(elements, key=lambda one: (one.get("number", 0), str(one.get(member))))


def without_moved(stored: Resource, part: Resource, how: Merge) -> Resource:
    """An element of an inner list stands in one outer element only: what the part states elsewhere is taken out."""
    made = dict(stored)
    for path, member in how.lists.items():
        outer, dot, inner = path.partition(".")
        if not dot or outer not in made:
            continue
        own = how.lists[outer]
        homes = {one.get(member): each.get(own) for each in part.get(outer, ()) for one in each.get(inner, ())}
        kept = []
        for each in made[outer]:
            there = [one for one in each.get(inner, ()) if homes.get(one.get(member), each.get(own)) == each.get(own)]
            if there or not each.get(inner):
                kept.append(each | ({inner: there} if there else {}))
        made[outer] = kept
    return made


def count(resource: Any, place: list[str], listed: list[str]) -> None:
    """Sets the number at ``place`` to how many elements ``listed`` leads to from there."""
    if len(place) == 1:
        resource[place[0]] = len(reached(resource, listed))
        return
    for one in reached(resource, place[:1]):
        count(one, place[1:], listed)


def reached(value: Any, path: list[str]) -> list[Any]:
    found = [value]
    for step in path:
        inner = [one.get(step) for one in found if isinstance(one, dict)]
        found = [each for one in inner if one is not None for each in (one if isinstance(one, list) else [one])]
    return found


def as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
