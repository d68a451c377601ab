"""A report to its order and its person: both must agree (issue: centres that know no ids of ours)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.reading.clock import kind_of
from countyfhir.workflow.reading.reading import claims, identifier_of, is_a, literal, token
from countyfhir.workflow.situation import Change, Situation

UNKNOWN_ORDER = "order-unknown"
SEVERAL_ORDERS = "order-ambiguous"
UNKNOWN_PERSON = "person-unknown"
NO_PERSON = "person-missing"
CONFLICT = "person-conflict"
REASONS = {
    UNKNOWN_ORDER: "No order of this number is here yet. 尚无此申请单号。",
    SEVERAL_ORDERS: "Several orders bear this number. 多个申请单使用此单号。",
    UNKNOWN_PERSON: "Nobody here has the patient number of the report. 查无报告所写的居民标识。",
    NO_PERSON: "The report names no patient. 报告未写明居民。",
    CONFLICT: "The report and its order are about different persons. 报告与申请单不是同一居民。",
}


@dataclass(frozen=True, slots=True)
class Matched:
    """What a report belongs to. ``held`` is the reason why it must wait; ``order`` is then the one it names, if any."""

    order: Resource | None = None
    held: str | None = None


async def matched(situation: Situation, report: Resource, table: Mapping[str, Any]) -> Matched | None:
    """The order of a report, and whether both are about one person. None for a report that is no centre's."""
    orders, numbers = await _orders(situation, report, table)
    if not orders:
        return Matched(None, UNKNOWN_ORDER) if numbers and is_ours(report, table) else None
    if len(orders) > 1 and not any(literal(one, "ServiceRequest") for one in report.get("basedOn", ())):
        return Matched(None, SEVERAL_ORDERS)
    for order in orders:
        reason = await _disagreement(situation, report, order)
        if reason is not None:
            return Matched(order, reason)
    return Matched(orders[0])


def is_ours(report: Resource, table: Mapping[str, Any]) -> bool:
    """Whether a report whose order is not known is a centre's: it claims a profile, or names its person and order by
    numbers only."""
    if claims(report, table["bound"]["report_profiles"]):
        return True
    return literal(report.get("subject")) is None


async def _orders(
    situation: Situation, report: Resource, table: Mapping[str, Any]
) -> tuple[list[Resource], list[tuple[str | None, str]]]:
    """The centres' orders it is based on, and the numbers that it names without leading anywhere."""
    found: dict[str, Resource] = {}
    numbers: list[tuple[str | None, str]] = []
    for one in report.get("basedOn", ()):
        if literal(one, "ServiceRequest") is not None:
            order = await situation.look.read(literal(one, "ServiceRequest"))
            if kind_of(order, table) is not None and order is not None:
                found[order["id"]] = order
        elif (number := identifier_of(one)) is not None:
            numbers.append(number)
            for order in await by_number(situation, number, table):
                found[order["id"]] = order
    return list(found.values()), numbers


async def by_number(situation: Situation, number: tuple[str | None, str], table: Mapping[str, Any]) -> list[Resource]:
    """The centres' orders with the number, those of this very plan too."""
    stored = await situation.look.search("ServiceRequest", f"identifier={token(number)}", bound=True)
    planned = [one.after for one in situation.changes if one.resource_type == "ServiceRequest" and one.after]
    found = {one["id"]: one for one in (*stored, *planned) if has_number(one, number)}
    return [one for one in found.values() if kind_of(one, table) and one.get("status") != "entered-in-error"]


def has_number(resource: Resource, number: tuple[str | None, str]) -> bool:
    """Whether an identifier is this one; one without a system is any of the value."""
    system, value = number
    return any(
        one.get("value") == value and system in (None, one.get("system")) for one in resource.get("identifier", ())
    )


async def _disagreement(situation: Situation, report: Resource, order: Resource) -> str | None:
    subject = report.get("subject")
    if not subject:
        return NO_PERSON
    told = await patients(situation, subject)
    asked = await patients(situation, order.get("subject"))
    if not told:
        return UNKNOWN_PERSON
    return None if told & await situation.look.persons(asked) else CONFLICT


async def patients(situation: Situation, reference: Any) -> frozenset[str]:
    """Ids of the Patients that a reference means: the one it names, or those that bear the identifier. Where it says
    both, both must agree."""
    named = literal(reference, "Patient")
    number = identifier_of(reference)
    if number is None:
        return frozenset([named.partition("/")[2]]) if named is not None else frozenset()
    bearers = await situation.look.search("Patient", f"identifier={token(number)}")
    planned = [one.after for one in situation.changes if one.resource_type == "Patient" and one.after]
    ids = frozenset(one["id"] for one in (*bearers, *planned) if has_number(one, number))
    if named is None:
        return ids
    own = frozenset([named.partition("/")[2]])
    if not ids and number[0] is None:
        return own
    return own if own & await situation.look.persons(ids) else frozenset()


async def centre_of(situation: Situation, report: Resource) -> str | None:
    """``Organization/id`` of the centre that made a report: as it says, or of the caller."""
    for one in (*report.get("performer", ()), *report.get("resultsInterpreter", ())):
        named = await organization_of(situation, one)
        if named is not None:
            return named
    own, named = situation.organizations or frozenset(), situation.principal.organization
    if named in own:
        return f"Organization/{named}"
    return f"Organization/{min(own)}" if len(own) == 1 else None


async def organization_of(situation: Situation, reference: Any) -> str | None:
    """``Organization/id`` of an Organization, of a role or service, or of a practitioner with one place of work."""
    named = literal(reference)
    if named is None:
        number = identifier_of(reference)
        if number is None or is_a(reference, "Practitioner", "PractitionerRole", "Device"):
            return None
        found = await situation.look.search("Organization", f"identifier={token(number)}")
        return f"Organization/{found[0]['id']}" if len(found) == 1 else None
    kind = named.partition("/")[0]
    if kind == "Organization":
        return named
    if kind == "Practitioner":
        roles = await situation.look.search("PractitionerRole", f"practitioner={named}&active:not=false")
        places = {literal(one.get("organization"), "Organization") for one in roles} - {None}
        return places.pop() if len(places) == 1 else None
    element = {
        "PractitionerRole": "organization",
        "HealthcareService": "providedBy",
        "Location": "managingOrganization",
    }
    if kind in element:
        resource = await situation.look.read(named)
        return literal((resource or {}).get(element[kind]), "Organization")
    return None


def is_new(change: Change) -> bool:
    """Whether the plan creates it, under an id of the server's."""
    return change.before is None and change.after is not None and change.method == "POST"
