"""$referral-letter and $return-slip: the document of a referral as a Bundle, or printed in Chinese (DOMAIN 3.5, B7)."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.world import World
from countyfhir.operations.referrals.asking import Asked, asked
from countyfhir.operations.referrals.printing import Page, as_html, as_pdf, page_of
from countyfhir.outcome import FhirError

REFERRAL_NOTE = "57133-1"
KNOWN: frozenset[str] = frozenset()
PRINTED = {
    "text/html": ("text/html; charset=utf-8", as_html),
    "html": ("text/html; charset=utf-8", as_html),
    "application/pdf": ("application/pdf", as_pdf),
    "pdf": ("application/pdf", as_pdf),
}
"""``_format`` -> media type of the answer and what makes it."""


async def referral_letter(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The letter that the referral went with: 转出单 upward, 回转单 downward. Where none is stored, one is made of the
    request. 404 where there is no such request."""
    call = asked(interaction, grant, world, KNOWN)
    request = await _request(call)
    down = _direction(request) == "down"
    found = await _compositions(call, request.get("supportingInfo", ()), slip=down)
    task = await _task(call, request)
    if not found and task is not None:
        found = await _compositions(call, _values(task, "input"), slip=down)
    letter = found[0] if found else _made(request, world)
    return await _answered(call, request, task, letter)


async def return_slip(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The return slip 回转单 that answers the referral; 404 while there is none."""
    call = asked(interaction, grant, world, KNOWN)
    request = await _request(call)
    task = await _task(call, request)
    references = [*_values(task or {}, "output"), *_values(task or {}, "input"), *request.get("supportingInfo", ())]
    found = await _compositions(call, references, slip=True)
    if not found:
        raise FhirError("not-found", "There is no return slip of this referral yet. 尚无回转单。")
    return await _answered(call, request, task, found[0])


async def _answered(call: Asked, request: Resource, task: Resource | None, letter: Resource) -> Answer:
    along = await _along(call, request, letter)
    patient = along.get(str(request["subject"].get("reference")))
    patients = (patient["id"],) if patient else ()
    form = dict(call.interaction.query).get("_format", "").partition(";")[0].lower()
    if form in PRINTED:
        media_type, write = PRINTED[form]
        page: Page = page_of(request, task, letter, along)
        body = await asyncio.to_thread(write, page)
        return Answer(200, body=body, content_type=media_type, patients=patients)
    return Answer(200, body=_document(call, letter, along), patients=patients)


async def _request(call: Asked) -> Resource:
    found = await call.read(f"ServiceRequest/{call.interaction.logical_id}")
    if found is None:
        raise FhirError("not-found", f"ServiceRequest/{call.interaction.logical_id} is not known.")
    if _direction(found) is None:
        raise FhirError("business-rule", "This ServiceRequest is no referral. 该申请不是转诊。")
    return found


def _direction(request: Resource) -> str | None:
    for category in request.get("category", ()):
        for coding in category.get("coding", ()):
            if coding.get("system", "").endswith("/cs/referral-direction"):
                return str(coding.get("code"))
    return None


async def _task(call: Asked, request: Resource) -> Resource | None:
    found = await call.search("Task", ("focus", f"ServiceRequest/{request['id']}"))
    ours = [one for one in found if "businessStatus" in one]
    return ours[0] if ours else None


def _values(task: Resource, name: str) -> list[dict[str, Any]]:
    return [one["valueReference"] for one in task.get(name, ()) if "valueReference" in one]


async def _compositions(call: Asked, references: Any, *, slip: bool) -> list[Resource]:
    """The referral notes among what is referred to, newest first: slips, or letters."""
    found = []
    for reference in references:
        if "Composition/" not in reference.get("reference", ""):
            continue
        one = await call.read(reference)
        codings = ((one or {}).get("type") or {}).get("coding", ())
        if one and any(each.get("code") == REFERRAL_NOTE for each in codings) and ("回转" in one["title"]) == slip:
            found.append(one)
    return sorted(found, key=lambda one: str(one.get("date", "")), reverse=True)


def _made(request: Resource, world: World) -> Resource:
    """A letter of what the request says, where none was written."""
    notes = "；".join(one.get("text", "") for one in request.get("note", ()))
    reasons = [one.get("text") or _named(one) for one in request.get("reasonCode", ())]
    told = {"初步印象": "；".join(reasons[1:] or reasons), "主要现病史（转出原因）": notes or "；".join(reasons)}
    told |= {"主要既往史": "见随附资料", "治疗经过": "见随附资料"}
    return {
        "resourceType": "Composition",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"letter/{request['id']}")),
        "status": "preliminary",
        "type": {"coding": [{"system": "http://loinc.org", "code": REFERRAL_NOTE}], "text": "双向转诊（转出）单"},
        "subject": request["subject"],
        "date": request.get("authoredOn") or _instant(world),
        "author": [request.get("requester") or {"display": "未填写"}],
        "title": "双向转诊（回转）单" if _direction(request) == "down" else "双向转诊（转出）单",
        "event": [{"detail": [{"reference": f"ServiceRequest/{request['id']}"}]}],
        "section": [{"title": title, "text": _narrative(text or "未填写")} for title, text in told.items()],
    }


def _named(concept: dict[str, Any]) -> str:
    return next((str(one.get("display") or one.get("code")) for one in concept.get("coding", ())), "")


def _narrative(text: str) -> dict[str, str]:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"status": "additional", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{escaped}</div>'}


async def _along(call: Asked, request: Resource, letter: Resource) -> dict[str, Resource]:
    """What the document refers to and the caller may see: resident, institutions, authors, entries; and the request."""
    wanted = [letter.get("subject"), letter.get("custodian"), *letter.get("author", ())]
    wanted += [request.get("requester"), *request.get("performer", ()), *_escorts(request)]
    waiting = list(letter.get("section", ()))
    while waiting:
        section = waiting.pop(0)
        wanted += section.get("entry", ())
        waiting += section.get("section", ())
    found = {f"ServiceRequest/{request['id']}": request}
    for reference in wanted:
        name = (reference or {}).get("reference", "")
        if name and name not in found and (one := await call.read(name)) is not None:
            found[name] = one
    return found


def _escorts(request: Resource) -> list[dict[str, Any]]:
    extensions = request.get("extension", ())
    return [one["valueReference"] for one in extensions if one["url"].endswith("/escort") and "valueReference" in one]


def _document(call: Asked, letter: Resource, along: dict[str, Resource]) -> Resource:
    base = call.interaction.base
    shown = {f"Composition/{letter['id']}": letter, **along}
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"},
        "type": "document",
        "timestamp": _instant(call.world),
        "entry": [{"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one} for one in shown.values()],
    }


def _instant(world: World) -> str:
    moment = datetime.fromtimestamp(world.now() / 1_000_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
