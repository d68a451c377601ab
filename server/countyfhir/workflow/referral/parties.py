"""Who sends and who receives, of which tier they are, and whether the caller acts for them (DOMAIN 1-A, guard 5)."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.referral.reading import LOCAL, codes, identity
from countyfhir.workflow.referral.table import Table
from countyfhir.workflow.situation import Look, Situation

TIER = LOCAL + "cs/institution-tier"
CATEGORY = LOCAL + "cs/institution-category"
LEVELS = 6
"""Levels of departments and institutions that are followed upward."""
OWNER_OF = {
    "PractitionerRole": ("organization",),
    "HealthcareService": ("providedBy",),
    "CareTeam": ("managingOrganization",),
    "Location": ("managingOrganization",),
}
"""Where a resource of a type names its Organization."""


async def organization_of(reference: Any, look: Look) -> Resource | None:
    """The Organization behind a Reference to one, to a role, a service, a team or a practitioner. One that is not
    stored here is known by its id alone."""
    name = identity(reference)
    if name is None:
        return None
    kind, _, logical_id = name.partition("/")
    if kind == "Organization":
        return await look.read(name) or {"resourceType": "Organization", "id": logical_id}
    if kind == "Practitioner":
        roles = await look.search("PractitionerRole", f"practitioner={name}")
        working = [one for one in roles if one.get("active") is not False and "organization" in one]
        places = {identity(one["organization"]) for one in working}
        return await organization_of(working[0]["organization"], look) if len(places) == 1 else None
    for element in OWNER_OF.get(kind, ()):
        held = (await look.read(name) or {}).get(element)
        for one in held if isinstance(held, list) else [held]:
            if one is not None:
                return await organization_of(one, look)
    return None


def tier_of(organization: Resource, table: Table) -> str | None:
    """``village``, ``township``, ``county``, or None for a department or an institution that does not tell."""
    rules = table.data["tiers"]
    for concept in organization.get("type", ()):
        for code in codes(concept, TIER):
            return code
        for code in codes(concept, CATEGORY):
            if code in rules["categories"]:
                return str(rules["categories"][code])
        for word, tier in rules["words"].items():
            if word in concept.get("text", ""):
                return str(tier)
    return None


async def line_of(organization: Resource, look: Look) -> list[Resource]:
    """The Organization and those that it is part of, upward."""
    found, current = [organization], organization
    for _ in range(LEVELS):
        above = identity(current.get("partOf"))
        upper = await look.read(above) if above else None
        if upper is None or upper in found:
            break
        found.append(upper)
        current = upper
    return found


async def acts_for(organization: Resource | None, situation: Situation, table: Table) -> bool:
    """Whether the caller acts for it: its own institution or a department of it. Another institution, even one that is
    part of the caller's, acts for itself."""
    if situation.organizations is None:
        return True
    if organization is None or organization["id"] not in situation.organizations:
        return False
    for one in await line_of(organization, situation.look):
        above = (identity(one.get("partOf")) or "").rpartition("/")[2]
        if above not in situation.organizations:
            return True
        if tier_of(one, table) is not None:
            return False
    return True
