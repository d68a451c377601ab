"""The resource that stands for an event, made of all statements about it: the leading channel's, and what it lacks from
the others. The result does not depend on the order in which they came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from countyfhir.intake.events.statement import Statement

Resource = dict[str, Any]

LEADING: Mapping[str, tuple[str, ...]] = {
    "Condition": ("table", "message", "document"),
    "DiagnosticReport": ("table", "message", "document"),
    "Encounter": ("table", "message", "document"),
    "Observation": ("table", "message", "document"),
}
"""Which channel leads, by resource type: the system that keeps the event before what it sends about it, and that before
what a document repeats."""
USUAL = ("table", "message", "document")
UNITED = frozenset({"identifier", "coding", "extension", "basedOn", "result", "imagingStudy", "appointment", "media"})
"""Lists that are united; of every other list the leading statement's stands whole."""
OPENED = frozenset({"period", "effectivePeriod", "hospitalization", "code", "class", "serviceType"})
"""Objects whose members are merged one by one; every other one stands whole."""
VAGUE = frozenset({"unknown"})
"""A status that any other replaces."""
CHOICES = ("value", "effective", "onset", "performed", "deceased")


def merged(statements: Iterable[Statement], logical_id: str) -> Resource:
    """One resource of all statements."""
    ordered = sorted(statements, key=rank)
    made = ordered[0].resource()
    for one in ordered[1:]:
        made = completed(made, one.resource())
    return made | {"id": logical_id}


def rank(statement: Statement) -> tuple[int, str, str]:
    order = LEADING.get(statement.own.partition("/")[0], USUAL)
    return order.index(statement.channel), statement.source, statement.own


def completed(base: Resource, other: Resource) -> Resource:
    """``base`` with what it lacks."""
    made = dict(base)
    for name, part in other.items():
        if name not in made:
            if not rival(name, made):
                made[name] = part
        elif name in UNITED and isinstance(part, list):
            made[name] = united(made[name], part)
        elif name in OPENED and isinstance(part, dict):
            made[name] = completed(made[name], part)
        elif vague(name, made[name], part):
            made[name] = part
    return made


def vague(name: str, mine: Any, other: Any) -> bool:
    """Whether the other says more: a status that is known, a number with its unit."""
    if name == "valueQuantity":
        return "code" not in mine and "code" in other
    return name == "status" and mine in VAGUE


def rival(name: str, made: Resource) -> bool:
    """Whether another form of the same choice is there (effectiveDateTime beside effectivePeriod), or a value that a
    reason for its absence excludes."""
    if name == "dataAbsentReason":
        return any(one.startswith("value") for one in made)
    return any(name.startswith(choice) and any(one.startswith(choice) for one in made) for choice in CHOICES)


def united(one: list[Any], other: list[Any]) -> list[Any]:
    """Both lists, each element once; a Coding or Identifier that only says more is the same."""
    known = [identity(part) for part in one]
    return [*one, *(part for part in other if identity(part) not in known)]


def identity(part: Any) -> Any:
    if isinstance(part, dict):
        for names in (("system", "value"), ("system", "code"), ("url",), ("reference",)):
            if all(name in part for name in names):
                return tuple(part[name] for name in names)
    return part
