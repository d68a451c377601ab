"""Encounter/$unmatched-referrals: stays whose front page tells of a transfer that no referral tells of (DOMAIN B12):
admission route 3, discharge dispositions 2 and 3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from countyfhir.exchange import Answer, Grant, Interaction, Resource, changed
from countyfhir.interactions.perform import perform
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.operations.referrals.asking import Asked, asked
from countyfhir.outcome import FhirError
from countyfhir.workflow.referral.parties import line_of, organization_of
from countyfhir.workflow.referral.reading import direction_of, identity

KNOWN = frozenset(("start", "end", "institution"))
COUNTED = ("active", "completed", "on-hold")
"""Statuses of a request that tell of a transfer."""
PAGE = "200"


async def unmatched_referrals(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Parameters: how many stays were looked through, how many admissions and discharges tell of a transfer, and each
    one without a referral of the resident to (from) that institution around that day. ``start`` and ``end`` are days,
    ``institution`` an Organization."""
    call = asked(interaction, grant, world, KNOWN)
    assert world.rules is not None
    rules = world.rules.table("referral")["cross_check"]
    looked, marked, found = 0, 0, []
    async for stay in _stays(call):
        looked += 1
        for side in ("admission", "discharge"):
            mark = _mark(stay, side, rules[side])
            if mark is None:
                continue
            marked += 1
            if not await _told(stay, side, rules, call):
                found.append(_row(stay, side, mark))
    parameters: list[dict[str, Any]] = [
        {"name": "stays", "valueInteger": looked},
        {"name": "transfers", "valueInteger": marked},
        {"name": "matched", "valueInteger": marked - len(found)},
        {"name": "unmatched", "valueInteger": len(found)},
        *({"name": "encounter", "part": one} for one in found),
    ]
    return Answer(200, body={"resourceType": "Parameters", "parameter": parameters})


async def _stays(call: Asked) -> AsyncIterator[Resource]:
    """The Encounters of inpatients of the period, page by page."""
    criteria = [("class", "IMP"), ("_sort", "_id"), ("_count", PAGE)]
    criteria += [("date", f"{prefix}{_day(call, name)}") for name, prefix in _BOUNDS if call.one(name) is not None]
    if call.one("institution") is not None:
        institution = call.one("institution")
        name = institution if isinstance(institution, str) else str((institution or {}).get("reference"))
        criteria.append(("service-provider", name))
    while criteria:
        asking = changed(
            call.interaction, kind="search-type", operation=None, query=tuple(criteria), body=None, http_method="GET"
        )
        answer = await perform(asking, call.world, call.grant)
        page = json.parse(answer.body) if isinstance(answer.body, bytes) else answer.body or {}
        for one in page.get("entry", ()):
            yield one["resource"]
        criteria = _next(page)
        await asyncio.sleep(0)


_BOUNDS = (("start", "ge"), ("end", "le"))


def _next(page: Resource) -> list[tuple[str, str]]:
    """The query of the next page, or nothing."""
    link = next((one["url"] for one in page.get("link", ()) if one["relation"] == "next"), "")
    return parse_qsl(urlsplit(link).query, keep_blank_values=True)


def _day(call: Asked, name: str) -> str:
    try:
        return date.fromisoformat(str(call.one(name))).isoformat()
    except ValueError as error:
        raise FhirError("value", f"{name} must be a day such as 2025-01-31. {name} 须为日期。") from error


def _mark(stay: Resource, side: str, wanted: Iterable[str]) -> dict[str, Any] | None:
    """The coding by which the front page tells of a transfer."""
    element = {"admission": "admitSource", "discharge": "dischargeDisposition"}[side]
    for coding in ((stay.get("hospitalization") or {}).get(element) or {}).get("coding", ()):
        if f"{coding.get('system')}|{coding.get('code')}" in wanted:
            return dict(coding)
    return None


async def _told(stay: Resource, side: str, rules: dict[str, Any], call: Asked) -> bool:
    """Whether a referral of the resident goes to this institution (admission) or comes from it (discharge)."""
    moment = _moment(stay, side)
    subject = identity(stay.get("subject"))
    if moment is None or subject is None:
        return False
    first = moment - timedelta(days=rules["days_before"])
    last = moment + timedelta(days=rules["days_after"])
    window = (("authored", f"ge{first}"), ("authored", f"le{last}"))
    here = await _institutions([stay.get("serviceProvider")], call)
    for one in await call.search("ServiceRequest", ("subject", subject), *window):
        if direction_of(one) is None or one.get("status") not in COUNTED:
            continue
        ends = one.get("performer", []) if side == "admission" else [one.get("requester")]
        if not here or here & await _institutions(ends, call):
            return True
    return False


async def _institutions(references: list[Any], call: Asked) -> set[str]:
    """The Organizations of References and those that they are departments of."""
    look: Any = _Reading(call)
    found = [await organization_of(one, look) for one in references if one is not None]
    return {each["id"] for one in found if one is not None for each in await line_of(one, look)}


class _Reading:
    """``workflow.situation.Look`` as the caller, for reading."""

    def __init__(self, call: Asked) -> None:
        self._call = call

    async def read(self, reference: str | None) -> Resource | None:
        """The resource of ``Type/id``."""
        return await self._call.read(reference or "")

    async def search(self, resource_type: str, criteria: str, *, bound: bool = False) -> list[Resource]:
        """The matches of one criterion."""
        name, _, value = criteria.partition("=")
        return await self._call.search(resource_type, (name, value))


def _moment(stay: Resource, side: str) -> date | None:
    period = stay.get("period") or {}
    text = period.get("start") if side == "admission" else period.get("end") or period.get("start")
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _row(stay: Resource, side: str, mark: dict[str, Any]) -> list[dict[str, Any]]:
    moment = _moment(stay, side)
    told = {"admission": "转入但无转诊记录", "discharge": "转出但无转诊记录"}[side]
    row: list[dict[str, Any]] = [
        {"name": "encounter", "valueReference": {"reference": f"Encounter/{stay['id']}"}},
        {"name": "side", "valueCode": side},
        {"name": "mark", "valueCoding": mark},
        {"name": "text", "valueString": f"{told} Transfer without a referral"},
    ]
    if "serviceProvider" in stay:
        row.append({"name": "institution", "valueReference": stay["serviceProvider"]})
    return [*row, {"name": "date", "valueDate": moment.isoformat()}] if moment is not None else row
