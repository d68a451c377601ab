"""What the joining of events needs to know of a record, worked out once, by the process that maps it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from countyfhir.intake.events.statement import evidence
from countyfhir.mapping.record import MappedRecord
from countyfhir.model import json

Resource = dict[str, Any]

JOINED_TYPES = frozenset({"Encounter", "Observation", "DiagnosticReport", "Condition"})
_JOINABLE = re.compile(rb'"reference":"((?:%s)/[^"\\]*)"' % "|".join(sorted(JOINED_TYPES)).encode())


def joinable(node: Any) -> tuple[str, ...]:
    """The references inside a resource (or several) that may lead to a joined one."""
    return tuple(found.decode() for found in _JOINABLE.findall(json.dumps(node)))


def telling(made: MappedRecord) -> MappedRecord:
    """The record with the references that may lead to joined resources, and with what tells its persons apart."""
    patients = [one for one in made.resources if one["resourceType"] == "Patient"]
    persons = {f"Patient/{one['id']}": evidence(one) for one in patients}
    return replace(made, mentions=joinable(made.resources), persons=persons)
