"""A resource of which a record states only what changed: what it leaves out stays as it is stored (``keeps`` of a
resource; HL7 v2.5.1 section 2.5.3.6: an absent field is no change, ``""`` takes the value away)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from countyfhir.mapping.expression import Environment, Evaluate, Scope, compile_expression

Resource = dict[str, Any]

TOLD_APART_BY: Mapping[str, str] = {"identifier": "system", "extension": "url"}
"""Lists whose elements are kept one by one, and the member that tells them apart; every other list is one thing."""
OPENED = frozenset({"period", "context"})
"""Objects whose members are kept one by one."""
CHOICES = ("deceased", "value", "effective", "onset", "performed", "occurrence")
"""Elements of which a resource has one form only."""


@dataclass(frozen=True, slots=True)
class Keeps:
    """``keeps`` of a resource in a mapping file, compiled. ``members``: what the mapping can state of it."""

    members: tuple[str, ...]
    cleared: Evaluate | None
    assumed: Evaluate | None
    known: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """How one record completes a stored resource. ``cleared``: members that it takes away (``period.end``,
    ``identifier|SYSTEM``); ``assumed``: members that it states only where nothing is stored; ``known``: it states
    nothing of a resource that is not stored."""

    members: tuple[str, ...]
    cleared: frozenset[str] = frozenset()
    assumed: frozenset[str] = frozenset()
    known: bool = False


def compile_keeps(declared: Any, members: Iterable[str], scope: Scope) -> Keeps | None:
    """``true``, or ``{cleared, assumed, known}``; None when it is absent or false. ``members``: what the mapping states
    of resources of the type. ExpressionError for a wrong expression."""
    if not declared:
        return None
    given = declared if isinstance(declared, dict) else {}
    found = {name: compile_expression(given[name], scope).evaluate for name in ("cleared", "assumed") if name in given}
    return Keeps(tuple(dict.fromkeys(members)), found.get("cleared"), found.get("assumed"), bool(given.get("known")))


def kept_of(keeps: Keeps, environment: Environment) -> Kept:
    """What holds for the record of the environment."""
    cleared, assumed = (names(one, environment) for one in (keeps.cleared, keeps.assumed))
    return Kept(keeps.members, cleared, assumed, keeps.known)


def names(evaluate: Evaluate | None, environment: Environment) -> frozenset[str]:
    return frozenset(flat(evaluate(environment))) if evaluate is not None else frozenset()


def flat(found: Any) -> list[str]:
    """The texts of a list of texts and lists."""
    if isinstance(found, list):
        return [each for one in found for each in flat(one)]
    return [] if found is None else [str(found)]


def completed(stated: Resource, stored: Resource, how: Kept) -> Resource:
    """What a record states of a stored resource, with what it leaves out."""
    made = dict(stated)
    for name in how.members:
        before = stored.get(name)
        if before is None or name in how.cleared or rival(name, stated):
            continue
        if name in TOLD_APART_BY:
            made[name] = one_by_one(stated.get(name, []), before, name, how)
        elif name in OPENED:
            rest = {part: value for part, value in before.items() if f"{name}.{part}" not in how.cleared}
            made[name] = rest | stated.get(name, {})
        elif name not in stated or name in how.assumed:
            made[name] = before
    return {name: value for name, value in made.items() if value not in ([], {})}


def one_by_one(stated: list[Resource], stored: list[Resource], name: str, how: Kept) -> list[Resource]:
    """The stated elements, then the stored ones of another kind."""
    member = TOLD_APART_BY[name]
    own = {one.get(member) for one in stated}
    rest = [one for one in stored if one.get(member) not in own and f"{name}|{one.get(member)}" not in how.cleared]
    return [*stated, *rest]


def rival(name: str, stated: Resource) -> bool:
    """Whether the record states another form of the same element."""
    choice = next((one for one in CHOICES if name.startswith(one)), None)
    return choice is not None and any(one != name and one.startswith(choice) for one in stated)


def explicit(stated: Resource, how: Kept) -> frozenset[str]:
    """What the record says of itself, by path: members that it states, not only supposes, and those that it takes
    away."""
    found = set(how.cleared)
    for name in how.members:
        value = stated.get(name)
        if value is None or name in how.assumed:
            continue
        if name in TOLD_APART_BY:
            found |= {f"{name}|{one.get(TOLD_APART_BY[name])}" for one in value}
        elif name in OPENED:
            found |= {f"{name}.{part}" for part in value}
        else:
            found.add(name)
    return frozenset(found)


def without(stated: Resource, how: Kept, paths: frozenset[str]) -> tuple[Resource, Kept]:
    """What the record states but for these paths, of which a later record has said something already."""
    made = {}
    for name, value in stated.items():
        if name in paths:
            continue
        if name in TOLD_APART_BY and isinstance(value, list):
            value = [one for one in value if f"{name}|{one.get(TOLD_APART_BY[name])}" not in paths]
        elif name in OPENED and isinstance(value, dict):
            value = {part: each for part, each in value.items() if f"{name}.{part}" not in paths}
        if value not in ([], {}):
            made[name] = value
    return made, replace(how, cleared=how.cleared - paths)


def has(stored: Resource, path: str) -> bool:
    """Whether something stands there."""
    name, _, key = path.partition("|")
    if key:
        return any(one.get(TOLD_APART_BY[name]) == key for one in stored.get(name, ()))
    name, _, part = path.partition(".")
    return name in stored and (not part or part in stored[name])
