"""DataRequirements of an action as searches of the subject's record: what an input names is known to expressions as
``%id`` (R4 section 2.25, DataRequirement)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from countyfhir.exchange import Resource
from countyfhir.operations.apply.applying import Applying
from countyfhir.outcome import FhirError

_SUBJECTS = ("subject", "patient")
_UNIT_LETTERS = {"a": "days", "mo": "days", "wk": "days", "d": "days", "h": "hours", "min": "minutes"}


async def inputs_of(action: Resource, applying: Applying, where: str) -> dict[str, list[Resource]]:
    """The resources of every input that has an id, by the id."""
    found: dict[str, list[Resource]] = {}
    for place, one in enumerate(action.get("input", ())):
        if "id" in one:
            found[str(one["id"])] = await required(one, applying, f"{where}.input[{place}]")
    return found


async def required(requirement: Resource, applying: Applying, where: str) -> list[Resource]:
    """The subject's resources that meet a requirement; FhirError 422 for a part that cannot be searched by."""
    kind = str(requirement.get("type"))
    parameters = applying.world.search.parameters.of(kind) if kind in applying.world.definitions.endpoint_types else {}
    if kind == applying.subject["resourceType"]:
        return [applying.subject]
    criteria = [_by_subject(kind, parameters, applying, where)]
    for place, one in enumerate(requirement.get("codeFilter", ())):
        criteria.append(_coded(one, parameters, f"{where}.codeFilter[{place}]"))
    for place, one in enumerate(requirement.get("dateFilter", ())):
        criteria.append(_dated(one, parameters, applying, f"{where}.dateFilter[{place}]"))
    sort = [("-" if one.get("direction") == "descending" else "") + one["path"] for one in requirement.get("sort", ())]
    if sort:
        criteria.append("_sort=" + ",".join(sort))
    found = await applying.search(kind, "&".join(criteria))
    return found[: int(requirement["limit"])] if "limit" in requirement else found


def _by_subject(kind: str, parameters: Any, applying: Applying, where: str) -> str:
    name = next((one for one in _SUBJECTS if one in parameters), None)
    if name is None:
        text = f"{kind} has no search parameter for its subject."
        raise FhirError("not-supported", text, status=422, expression=where)
    subject = applying.subject
    return f"{name}={subject['resourceType']}/{subject['id']}"


def _coded(filtered: Resource, parameters: Any, where: str) -> str:
    name = _parameter(filtered, parameters, where)
    if "valueSet" in filtered:
        return f"{name}:in={quote(str(filtered['valueSet']), safe=':/')}"
    codes = [
        f"{one.get('system', '')}|{one['code']}" if "system" in one else str(one["code"])
        for one in filtered.get("code", ())
    ]
    return f"{name}={','.join(quote(one, safe=':/|') for one in codes)}"


def _dated(filtered: Resource, parameters: Any, applying: Applying, where: str) -> str:
    name = _parameter(filtered, parameters, where)
    if "valueDateTime" in filtered:
        return f"{name}={filtered['valueDateTime']}"
    if "valuePeriod" in filtered:
        period = filtered["valuePeriod"]
        told = [f"{name}=ge{period['start']}"] if "start" in period else []
        return "&".join([*told, f"{name}=le{period['end']}"] if "end" in period else told)
    from countyfhir.operations.apply.times import span  # a Duration looks back from now

    return f"{name}=ge{(applying.now - span(filtered.get('valueDuration') or {}, where)).date().isoformat()}"


def _parameter(filtered: Resource, parameters: Any, where: str) -> str:
    name = str(filtered.get("searchParam") or filtered.get("path") or "")
    name = {"effective": "date", "period": "date"}.get(name, name) if name not in parameters else name
    if name not in parameters:
        text = f"'{name[:64]}' is no search parameter here; say it by searchParam."
        raise FhirError("not-supported", text, status=422, expression=where)
    return name
