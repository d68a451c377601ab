"""The search parameters of recorded AuditEvents, as tests of a record and as criteria of the store (R4 AuditEvent,
section "Search Parameters")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Any

from countyfhir.audit.event import INTERACTION_OF, SUBTYPE_OF, SUBTYPE_SYSTEM, TYPE_SYSTEM, entities
from countyfhir.exchange import AuditRecord
from countyfhir.model.primitives import interval
from countyfhir.outcome import FhirError
from countyfhir.search.normalise import normalise

Zone = tzinfo | timedelta
Test = Callable[[AuditRecord], bool]

ACTION_SYSTEM = "http://hl7.org/fhir/audit-event-action"
OUTCOME_SYSTEM = "http://hl7.org/fhir/audit-event-outcome"
LOGICAL_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
TYPE_NAME = re.compile(r"[A-Z][A-Za-z]+")
PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One value of a parameter: ``test`` is the truth; ``criteria`` (if any) hold for every record that passes it, so
    that a store can find them by an index."""

    test: Test
    criteria: Mapping[str, Any] | None = None


def refused(name: str, reason: str) -> FhirError:
    """400 for a parameter."""
    return FhirError("invalid", f"AuditEvent: the parameter {name[:64]} {reason}.")


def reference(name: str, modifier: str, value: str) -> tuple[str | None, str]:
    """Type and id of a reference parameter's value; the modifier may name the type."""
    *path, logical_id = value.partition("/_history/")[0].split("/")
    resource_type = path[-1] if path else modifier or None
    if LOGICAL_ID.fullmatch(logical_id) is None or (path and TYPE_NAME.fullmatch(path[-1]) is None):
        raise refused(name, "expects an id, Type/id or an absolute URL")
    if modifier and resource_type != modifier:
        raise refused(name, "names one type in the modifier and another in the value")
    return resource_type, logical_id


def patient(name: str, modifier: str, value: str) -> Alternative:
    """``patient``: the records that concern a patient."""
    if modifier not in ("", "Patient"):
        raise refused(name, f"has no modifier :{modifier[:32]}")
    resource_type, logical_id = reference(name, modifier, value)
    if resource_type not in (None, "Patient"):
        return Alternative(lambda record: False)
    return Alternative(lambda record: logical_id in record.patients, {"patient": logical_id})


def entity(name: str, modifier: str, value: str) -> Alternative:
    """``entity``: the records that concern a resource."""
    resource_type, logical_id = reference(name, modifier, value)
    if resource_type is None:
        return Alternative(lambda record: logical_id in (record.logical_id, *record.patients))
    if resource_type == "Patient":
        return patient(name, "", logical_id)
    key = (resource_type, logical_id)
    return Alternative(lambda record: (record.resource_type, record.logical_id) == key, {"resource": key})


def agent(name: str, modifier: str, value: str) -> Alternative:
    """``agent:identifier``: who asked, or the organization it acted for, by name or code. Recorded agents are known by
    identifier, so a literal reference finds none."""
    if modifier != "identifier":
        reference(name, modifier, value)
        return Alternative(lambda record: False)
    system, bar, code = value.rpartition("|")
    if bar and system:
        return Alternative(lambda record: False)
    return Alternative(lambda record: code in (record.principal, record.organization))


def text(of: Callable[[AuditRecord], str | None], key: str | None) -> Callable[[str, str, str], Alternative]:
    """A string parameter: begins with, ``:contains`` or ``:exact``."""

    def parameter(name: str, modifier: str, value: str) -> Alternative:
        wanted = normalise(value)
        if modifier == "exact":
            return Alternative(lambda record: of(record) == value, {key: value} if key else None)
        if modifier == "contains":
            return Alternative(lambda record: wanted in normalise(of(record) or ""))
        if modifier == "":
            return Alternative(lambda record: normalise(of(record) or "").startswith(wanted))
        raise refused(name, f"has no modifier :{modifier[:32]}")

    return parameter


def token(
    system: str, of: Callable[[AuditRecord], str], key: str | None, kept_as: Mapping[str, str] | None = None
) -> Callable[[str, str, str], Alternative]:
    """A token parameter with a fixed system, and ``:not``. ``kept_as`` translates a code to what the store keeps."""

    def parameter(name: str, modifier: str, value: str) -> Alternative:
        given, bar, code = value.rpartition("|")
        same_system = not bar or given == system
        if modifier == "not":
            return Alternative(lambda record: not (same_system and code in ("", of(record))))
        if modifier:
            raise refused(name, f"has no modifier :{modifier[:32]}")
        criteria = {key: (kept_as or {}).get(code, code)} if key and code and same_system else None
        return Alternative(lambda record: same_system and code in ("", of(record)), criteria)

    return parameter


def subtype_of(record: AuditRecord) -> str:
    """The code shown for the record's interaction."""
    return SUBTYPE_OF.get(record.interaction, record.interaction)


def entity_codes(of: Callable[[AuditRecord], list[str]]) -> Callable[[str, str, str], Alternative]:
    """A token parameter of the entities, by code alone."""

    def parameter(name: str, modifier: str, value: str) -> Alternative:
        code = value.rpartition("|")[2]
        if modifier == "not":
            return Alternative(lambda record: code not in of(record))
        if modifier:
            raise refused(name, f"has no modifier :{modifier[:32]}")
        return Alternative(lambda record: code in of(record))

    return parameter


def roles_of(record: AuditRecord) -> list[str]:
    """The codes of ``entity.role``."""
    return [part["role"]["code"] for part in entities(record) if "role" in part]


def types_of(record: AuditRecord) -> list[str]:
    """The codes of ``entity.type``."""
    return [part["type"]["code"] for part in entities(record)]


def never(name: str, modifier: str, value: str) -> Alternative:
    """A parameter of an element that recorded events do not have."""
    return Alternative(lambda record: modifier == "not")


PARAMETERS: Mapping[str, Callable[[str, str, str], Alternative]] = {
    "patient": patient,
    "entity": entity,
    "agent": agent,
    "agent-name": text(lambda record: record.principal, "principal"),
    "address": text(lambda record: record.client, None),
    "action": token(ACTION_SYSTEM, lambda record: record.action, "action"),
    "outcome": token(OUTCOME_SYSTEM, lambda record: record.outcome, "outcome"),
    "subtype": token(SUBTYPE_SYSTEM, subtype_of, "interaction", INTERACTION_OF),
    "type": token(TYPE_SYSTEM, lambda record: "rest", None),
    "entity-role": entity_codes(roles_of),
    "entity-type": entity_codes(types_of),
    **dict.fromkeys(("agent-role", "altid", "entity-name", "policy", "site", "source"), never),
    **dict.fromkeys(("_tag", "_security", "_profile", "_source"), never),
}
"""Parameter name -> (name, modifier, one value) -> Alternative; dates stand apart, since they need the county's
zone."""

PRESENT: Mapping[str, Test] = {
    "patient": lambda record: bool(record.patients),
    "entity": lambda record: bool(record.patients or record.logical_id),
    "entity-role": lambda record: bool(roles_of(record)),
    "entity-type": lambda record: bool(types_of(record)),
    "address": lambda record: record.client is not None,
}
"""Which records have a value of the parameter, for ``:missing``; the others are always there, or never."""


def modifiers_of(name: str) -> tuple[str, ...]:
    """The modifiers of a parameter."""
    if name not in PARAMETERS and name not in DATES:
        return ()
    return (*_MODIFIERS.get(name, ("not",)), "missing")


_MODIFIERS: Mapping[str, tuple[str, ...]] = {
    "patient": ("Patient",),
    "entity": ("[type]",),
    "agent": ("identifier", "[type]"),
    **dict.fromkeys(("agent-name", "address"), ("contains", "exact")),
    **dict.fromkeys(("date", "_lastUpdated"), ()),
}
"""Modifiers beside ``:missing``; those that are not here are tokens."""


def missing(name: str, value: str) -> Alternative:
    """``:missing`` of any parameter."""
    if value not in ("true", "false"):
        raise refused(name, "expects true or false with :missing")
    present, always = PRESENT.get(name), PARAMETERS.get(name) is not never
    return Alternative(lambda record: (present(record) if present else always) != (value == "true"))


DATES = ("date", "_lastUpdated")


def date(name: str, modifier: str, value: str, zone: Zone) -> Alternative:
    """``date``: when the access was recorded, with a prefix."""
    if modifier:
        raise refused(name, f"has no modifier :{modifier[:32]}")
    matched = PREFIXED.fullmatch(value)
    assert matched is not None
    try:
        low, high = interval(matched[2], zone)
    except ValueError as error:
        raise refused(name, f"is not understood: {error}") from None
    if matched[1] == "ne":
        return Alternative(lambda record: not low <= record.recorded < high)
    since, until = BOUNDS[matched[1] or "eq"](low, high)
    criteria = {key: bound for key, bound in (("since", since), ("until", until)) if bound is not None}
    return Alternative(
        lambda record: (since is None or record.recorded >= since) and (until is None or record.recorded < until),
        criteria,
    )


BOUNDS: Mapping[str, Callable[[int, int], tuple[int | None, int | None]]] = {
    "eq": lambda low, high: (low, high),
    "gt": lambda low, high: (high, None),
    "sa": lambda low, high: (high, None),
    "ge": lambda low, high: (low, None),
    "lt": lambda low, high: (None, low),
    "eb": lambda low, high: (None, low),
    "le": lambda low, high: (None, high),
    "ap": lambda low, high: (low - 86_400_000_000, high + 86_400_000_000),
}
"""Date prefix -> since (inclusive) and until (exclusive); ``ap`` is a day to either side."""
