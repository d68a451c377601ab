"""Reports by devices (AI): marked until a person verifies, never final before (DOMAIN G8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.reading.reading import AUTHORSHIP, is_a, literal, tag_of, with_tag
from countyfhir.workflow.situation import Situation

DEVICE = ("device", "By a device, not verified 设备结果，未经人工核实")
VERIFIED = ("verified", "Verified by a person 已人工核实")
PEOPLE = ("Practitioner", "PractitionerRole")
BEFORE_FINAL = ("registered", "partial", "preliminary", "cancelled", "entered-in-error", "unknown")


def by_device(report: Resource | None) -> bool:
    """Whether nobody has verified what a device wrote."""
    return tag_of(report, AUTHORSHIP) == "device"


def named_people(report: Resource, agents: Iterable[Resource] = ()) -> bool:
    """Whether a practitioner stands by the report: as performer or interpreter, or as agent of its Provenance."""
    named = [*report.get("performer", ()), *report.get("resultsInterpreter", ())]
    return any(is_a(one, *PEOPLE) for one in (*named, *(agent.get("who") for agent in agents)))


def is_by_device(
    report: Resource, before: Resource | None, agents: list[Resource], situation: Situation, table: Mapping[str, Any]
) -> bool:
    """Whether this version of a report is by devices only."""
    if named_people(report, agents):
        return False
    named = [*report.get("performer", ()), *report.get("resultsInterpreter", ())]
    devices = [one for one in (*named, *(agent.get("who") for agent in agents)) if is_a(one, "Device")]
    own = bool(set(situation.principal.roles) & set(table["device_roles"]))
    return bool(devices) or own or by_device(report) or by_device(before)


def agents_of(situation: Situation, reference: str) -> list[Resource]:
    """The agents of the Provenances in this plan that are about the resource."""
    found: list[Resource] = []
    for change in situation.changes:
        told = change.after if change.resource_type == "Provenance" else None
        if told is not None and any(literal(one) == reference for one in told.get("target", ())):
            found += [one for one in told.get("agent", ()) if isinstance(one, dict)]
    return found


def marked(report: Resource, before: Resource | None, device: bool) -> Resource:
    """The report with the tag it has to bear."""
    if device:
        return with_tag(report, AUTHORSHIP, *DEVICE)
    if tag_of(before, AUTHORSHIP) is not None or by_device(report):
        return with_tag(report, AUTHORSHIP, *VERIFIED)
    return report


def only_devices(provenance: Resource) -> bool:
    """Whether all agents of a Provenance are devices."""
    agents: list[Any] = provenance.get("agent", [])
    return bool(agents) and all(is_a(one.get("who"), "Device") for one in agents)
