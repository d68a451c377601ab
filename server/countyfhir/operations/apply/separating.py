"""What a plan contains as resources of their own, which can be searched for and worked on by themselves."""

from __future__ import annotations

import uuid
from typing import Any

from countyfhir.exchange import Resource
from countyfhir.operations.apply.applying import Applying
from countyfhir.workflow.chronic.codes import is_action

_KEPT = ("OperationOutcome",)
"""What says something of the plan itself stays in it."""


async def separate(plan: Resource, applying: Applying) -> list[Resource]:
    """The entries of a transaction: the plan and each resource it contains. The follow-up of a resident who has an open
    follow-up Task is that Task."""
    inner = [one for one in plan.get("contained", ()) if one["resourceType"] not in _KEPT]
    urls = {f"#{one['id']}": f"urn:uuid:{uuid.uuid4()}" for one in inner}
    subject = applying.subject
    for one in inner:
        if one["resourceType"] == "Task" and is_action(one, "follow-up"):
            system = one["code"]["coding"][0]["system"]
            criteria = f"patient={subject['id']}&code={system}|follow-up&status=requested,accepted,in-progress"
            present = await applying.search("Task", criteria)
            if present:
                urls[f"#{one['id']}"] = f"Task/{present[0]['id']}"
    rest = [one for one in plan.get("contained", ()) if one not in inner]
    whole = {name: value for name, value in plan.items() if name != "contained"}
    whole = {"resourceType": "CarePlan", **({"contained": rest} if rest else {}), **whole}
    entries = [_entry(f"urn:uuid:{uuid.uuid4()}", _pointed(whole, urls))]
    for one in inner:
        url = urls[f"#{one['id']}"]
        if url.startswith("urn:"):
            told = {name: value for name, value in one.items() if name != "id"}
            entries.append(_entry(url, _begun(_pointed(told, urls))))
    return entries


def _entry(url: str, resource: Resource) -> Resource:
    return {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def _begun(resource: Resource) -> Resource:
    """A goal of an active plan is active, a follow-up is asked for; what people must still decide on stays a draft."""
    if resource["resourceType"] == "Goal":
        return {**resource, "lifecycleStatus": "active"}
    return {**resource, "status": "requested"} if is_action(resource, "follow-up") else resource


def _pointed(value: Any, urls: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _pointed(one, urls) for name, one in value.items()}
    if isinstance(value, list):
        return [_pointed(one, urls) for one in value]
    return urls.get(value, value) if isinstance(value, str) else value
