"""Extraction on write: a finished response to one of the county's forms and what it tells are one commit; a changed one
changes the same resources, and what it tells no longer is marked as entered in error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.workflow.chronic.forms import DONE, Filled, filled, form_of, resources_of
from countyfhir.workflow.chronic.record import Record, local, refers
from countyfhir.workflow.situation import Change

Table = Mapping[str, Any]
_STATES = {"condition-ver-status": "Condition", "allergyintolerance-verification": "AllergyIntolerance"}


async def extract(record: Record, change: Change, table: Table) -> list[str]:
    """Write what the response tells; the visits that it changes (``Encounter/id``)."""
    before = await _read(record, change.before, change, table)
    after = await _read(record, change.after, change, table)
    if after is not None and not _usable(record, change, after):
        return []
    told = {} if after is None else {_key(one): one for one in resources_of(after)}
    gone = {} if before is None else {_key(one): one for one in resources_of(before)}
    for resource in told.values():
        if resource["resourceType"] == "Encounter":
            await record.put(await _shared(record, resource))
        elif not await _told_already(record, resource):
            await record.put(resource)
    for key in gone.keys() - told.keys():
        await _withdraw(record, key, gone[key])
    return [one.encounter for one in (before, after) if one is not None and one.encounter is not None]


async def _read(record: Record, response: Resource | None, change: Change, table: Table) -> Filled | None:
    form = form_of(response, table)
    if response is None or form is None or response.get("status") not in DONE:
        return None
    response = {**response, "id": change.logical_id}
    return filled(response, form, await institution_of(record, response))


def _usable(record: Record, change: Change, one: Filled) -> bool:
    verdict = record.verdict
    if not one.patient.startswith("Patient/"):
        text = "A form of the county is about a resident: name the Patient. 公共卫生表单须指明居民。"
        verdict.refuse(change, "required", text, "QuestionnaireResponse.subject")
        return False
    if one.encounter is not None and len(one.day) < 10:
        text = "Say on which day the visit was. 请填写随访（体检）日期。"
        verdict.refuse(change, "required", text, "QuestionnaireResponse.item")
        return False
    return True


async def institution_of(record: Record, response: Resource) -> str | None:
    """Where the form was filled in: the author's institution, that of the visit, of the caller, of the resident."""
    author = local(response.get("author")) or ""
    if author.startswith("Organization/"):
        return author
    if author.startswith("PractitionerRole/"):
        of = local(((await record.read(author)) or {}).get("organization"))
        if of is not None:
            return of
    visit = await record.read(local(response.get("encounter")))
    if visit is not None and local(visit.get("serviceProvider")) is not None:
        return local(visit["serviceProvider"])
    own = record.situation.principal.organization
    if own is not None and await record.read(f"Organization/{own}") is not None:
        return f"Organization/{own}"
    resident = await record.read(local(response.get("subject")))
    return local((resident or {}).get("managingOrganization"))


def _key(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


async def _shared(record: Record, told: Resource) -> Resource:
    """The visit, with the forms that were filled in at it before: several diseases share a visit."""
    present = await record.read(_key(told))
    if present is None or present.get("status") == "entered-in-error":
        return told
    own = {one.get("text") for one in told["type"]}
    others = [one for one in present.get("type", ()) if one.get("text") not in own]
    merged = {**present, **told} if not others else {**told, **present}
    return {**merged, "type": [*others, *told["type"]]}


async def _told_already(record: Record, told: Resource) -> bool:
    """Whether another form of the same visit has told the same measurement: it is kept once."""
    encounter = local(told.get("encounter"))
    subject = local(told.get("subject"))
    if told["resourceType"] != "Observation" or encounter is None or subject is None:
        return False
    if not ("valueQuantity" in told or "component" in told) or await record.read(_key(told)) is not None:
        return False
    values = ("code", "valueQuantity", "component", "bodySite")
    others = await record.find(
        "Observation",
        subject,
        f"encounter={encounter}",
        lambda one: (
            one["id"] != told["id"]
            and one.get("status") == "final"
            and refers(one.get("encounter"), encounter)
            and all(one.get(name) == told.get(name) for name in values)
        ),
    )
    return bool(others)


async def _withdraw(record: Record, key: str, gone: Resource) -> None:
    """What a form tells no longer: of a visit that other forms share only the name of this form."""
    present = await record.read(key)
    if present is None:
        return
    kind = present["resourceType"]
    if kind == "Encounter":
        own = {one.get("text") for one in gone["type"]}
        others = [one for one in present.get("type", ()) if one.get("text") not in own]
        await record.put({**present, "type": others} if others else {**present, "status": "entered-in-error"})
    elif kind in ("Condition", "AllergyIntolerance"):
        system = next(name for name, of in _STATES.items() if of == kind)
        wrong = {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": "entered-in-error"}]}
        rest = {name: value for name, value in present.items() if name != "clinicalStatus"}
        await record.put({**rest, "verificationStatus": wrong})
    elif kind == "AdverseEvent":
        await record.put({**present, "event": {"text": "误录 entered in error"}, "actuality": "potential"})
    elif kind == "Goal":
        await record.put({**present, "lifecycleStatus": "entered-in-error"})
    else:
        await record.put({**present, "status": "entered-in-error"})
