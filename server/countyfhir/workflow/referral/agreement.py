"""Agreements between institutions (双向转诊协议书, DOMAIN B14): OrganizationAffiliation or Contract, in force today."""

from __future__ import annotations

from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.referral.parties import line_of
from countyfhir.workflow.referral.reading import identity
from countyfhir.workflow.situation import Look, Situation
from countyfhir.workflow.timing import instant


async def covered(one: Resource, other: Resource, situation: Situation) -> bool:
    """Whether the two institutions are parts of one, belong to the same affiliation, or have a contract."""
    mine = {f"Organization/{each['id']}" for each in await line_of(one, situation.look)}
    theirs = {f"Organization/{each['id']}" for each in await line_of(other, situation.look)}
    if mine & theirs:
        return True
    return await _affiliated(mine, theirs, situation) or await _contracted(mine, theirs, situation)


async def _affiliated(mine: set[str], theirs: set[str], situation: Situation) -> bool:
    found = await _all("OrganizationAffiliation", "participating-organization", mine | theirs, situation)
    ours, others = set(mine), set(theirs)
    for one in found:
        if one.get("active") is False or not in_force(one.get("period"), situation.now):
            continue
        lead, member = identity(one.get("organization")), identity(one.get("participatingOrganization"))
        if lead is not None:
            (ours if member in mine else others).add(lead)
    return bool(ours & others)


async def _contracted(mine: set[str], theirs: set[str], situation: Situation) -> bool:
    for element in ("subject", "signer"):
        for one in await _all("Contract", element, mine, situation, "status=executed,amended,renewed&"):
            parties = {identity(each) for each in one.get("subject", ())}
            parties |= {identity(each.get("party")) for each in one.get("signer", ())}
            if parties & theirs and in_force(one.get("applies"), situation.now):
                return True
    return False


async def _all(kind: str, parameter: str, names: set[str], situation: Situation, more: str = "") -> list[Resource]:
    look: Look = situation.look
    found = await look.search(kind, f"{more}{parameter}={','.join(sorted(names))}")
    planned = [one.after for one in situation.changes if one.resource_type == kind and one.after is not None]
    known = {one["id"] for one in found}
    return found + [one for one in planned if one.get("id") not in known]


def in_force(period: Any, now: int) -> bool:
    """Whether a Period covers an instant, to the day: dates compare as text."""
    today = instant(now)[:10]
    period = period or {}
    return bool(period.get("start", "")[:10] <= today <= (period.get("end") or "9999")[:10])
