"""Which real event a resource states, so that one that arrives through several channels is one resource (DESIGN
decision 15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.mapping.expression import Environment, Evaluate, Scope
from countyfhir.mapping.syntax import ExpressionError
from countyfhir.mapping.template import compile_template

CHANNELS: Mapping[str, str] = {"hl7v2": "message", "cda": "document"}
"""Format of a file -> channel; every other format is a table."""
TABLE = "table"
WITH_CLOCK = len("2025-01-01T00:00")


@dataclass(frozen=True, slots=True)
class Event:
    """The event that a resource of a record states. ``numbers`` are (system, value); ``times`` are named instants with
    a clock; ``within`` is the reference of a larger event that it is a part of, which its code then tells, not a
    number (a row of several diagnoses has one)."""

    reference: str
    channel: str
    institution: str | None
    subject: str | None
    numbers: tuple[tuple[str, str], ...]
    times: tuple[tuple[str, str], ...]
    code: str | None
    within: str | None


@dataclass(frozen=True, slots=True)
class EventTemplate:
    """The ``event`` of a resource in a mapping file, compiled."""

    channel: str
    render: Evaluate


def compile_event(declared: Mapping[str, Any], scope: Scope, source: str, file_format: str) -> EventTemplate:
    """``{institution, time: {start, end}, code, within: {ref, key}}``; ExpressionError when it names neither a time nor
    a larger event and could agree by number alone only where ``number: true`` says so."""
    if not {"time", "within", "number"} & declared.keys():
        raise ExpressionError("'event' needs 'time', 'within' or 'number: true' to be recognised by")
    parts = {name: part for name, part in declared.items() if name != "number"}
    rendered = compile_template(parts, scope, source).render if parts else lambda environment: {}
    return EventTemplate(CHANNELS.get(file_format, TABLE), rendered)


def event_of(template: EventTemplate, reference: str, resource: Mapping[str, Any], environment: Environment) -> Event:
    """The event that a resource states."""
    found = template.render(environment) or {}
    subject = resource.get("subject") or resource.get("patient") or {}
    within = found.get("within") or {}
    code = found.get("code")
    return Event(
        reference,
        template.channel,
        found.get("institution"),
        subject.get("reference"),
        () if within else numbers(resource),
        tuple((name, str(time)) for name, time in (found.get("time") or {}).items() if len(str(time)) >= WITH_CLOCK),
        None if code is None else str(code),
        within.get("reference"),
    )


def numbers(resource: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The identifiers of the resource."""
    found: Any = resource.get("identifier") or []
    listed: list[Any] = found if isinstance(found, list) else [found]
    return tuple((one["system"], str(one["value"])) for one in listed if "system" in one and "value" in one)
