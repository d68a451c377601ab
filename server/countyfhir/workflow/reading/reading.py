"""What orders, Tasks and reports of centres say, read from the resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from countyfhir.exchange import Resource

PLACE = "https://fhir.county-hc.example"
TASKS = f"{PLACE}/cs/reading-task"
"""The system of the codes of this workflow's Tasks."""
NOTICES = f"{PLACE}/cs/reading-notice"
"""The system of the categories of this workflow's Communications, and of inputs and outputs of its Tasks."""
AUTHORSHIP = f"{PLACE}/cs/authorship"
"""The system of the tags ``device`` (nobody has verified it) and ``verified``."""
REPORT_STATE = f"{PLACE}/cs/report-state"
"""The system of the tag ``held``."""
RECOGNITION = f"{PLACE}/StructureDefinition/recognition"

TASK_NAMES = {
    "read-order": "Order to be read 待诊断申请",
    "held-report": "Report held 待核对报告",
    "corrected-report": "Report corrected 报告更正",
    "recognition": "Recent results to be recognised or declined 结果互认决定",
    "critical-value": "Critical value to be acknowledged 危急值待确认",
}
NOTICE_NAMES = {
    "report": "Report 报告",
    "report-corrected": "Report corrected 报告更正",
    "report-held": "Report held 报告待核对",
    "report-rejected": "Held report rejected 报告退回",
    "overdue": "Report overdue 报告超时",
    "first-report": "First report by a human 首次人工报告时间",
    "timeliness": "Within the limit or late 是否及时",
    "original": "Report as it was sent 报告原文",
    "patient": "The person it is about 所属居民",
    "order": "Order 申请单",
    "result": "Recent result 近期结果",
    "decision": "Decision 决定",
    "claimed-by": "Claimed by 认领者",
    "acknowledged-by": "Acknowledged by 确认人",
    "acknowledged-at": "Acknowledged at 确认时间",
}
ISSUED = ("final", "amended", "corrected", "appended")
Table = Mapping[str, Any]


def named_id(purpose: str, *parts: object) -> str:
    """The id of what the server makes for this purpose: the same whenever it is made again."""
    return str(uuid5(NAMESPACE_URL, "/".join((PLACE, "reading", purpose, *map(str, parts)))))


def concept(system: str, code: str, names: Mapping[str, str]) -> Resource:
    """A CodeableConcept of ours."""
    return {"coding": [{"system": system, "code": code, "display": names[code]}], "text": names[code]}


def notice_type(code: str) -> Resource:
    """The type of an input or output, or the category of a Communication."""
    return concept(NOTICES, code, NOTICE_NAMES)


def coded(resource: Resource | None, system: str, element: str = "code") -> str | None:
    """The code of the system in a CodeableConcept."""
    codings = ((resource or {}).get(element) or {}).get("coding", ())
    return next((one.get("code") for one in codings if one.get("system") == system), None)


def claims(resource: Resource, profiles: Iterable[str]) -> str | None:
    """The first of the profiles that ``meta.profile`` has, whatever its version."""
    claimed = {str(one).partition("|")[0] for one in (resource.get("meta") or {}).get("profile", ())}
    return next((one for one in profiles if one in claimed), None)


def tag_of(resource: Resource | None, system: str) -> str | None:
    """The code of the system among the tags."""
    tags = ((resource or {}).get("meta") or {}).get("tag", ())
    return next((one.get("code") for one in tags if one.get("system") == system), None)


def with_tag(resource: Resource, system: str, code: str | None, display: str = "") -> Resource:
    """The resource with this tag of the system alone, or with none of it."""
    meta = dict(resource.get("meta") or {})
    tags = [one for one in meta.get("tag", ()) if one.get("system") != system]
    if code is not None:
        tags.append({"system": system, "code": code, "display": display})
    meta.pop("tag", None)
    if tags:
        meta["tag"] = tags
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return {**rest, "meta": meta} if meta else rest


def literal(reference: Any, *types: str) -> str | None:
    """``Type/id`` of a Reference to one of the types (any, when none is named)."""
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str) or text.startswith("#"):
        return None
    plain = "/".join(text.partition("/_history/")[0].rsplit("/", 2)[-2:])
    return plain if "/" in plain and (not types or plain.partition("/")[0] in types) else None


def identifier_of(reference: Any) -> tuple[str | None, str] | None:
    """System and value of a logical reference."""
    found = reference.get("identifier") if isinstance(reference, dict) else None
    value = found.get("value") if isinstance(found, dict) else None
    return (found.get("system"), str(value)) if found and value else None


def is_a(reference: Any, *types: str) -> bool:
    """Whether a Reference leads to one of the types, literally or by what it says."""
    if not isinstance(reference, dict):
        return False
    return literal(reference, *types) is not None or reference.get("type") in types


def token(pair: tuple[str | None, str]) -> str:
    """An identifier as the value of a search parameter, escaped for a URL."""
    from urllib.parse import quote

    text = "".join("\\" + each if each in ",|$\\" else each for each in pair[1])
    return quote(f"{pair[0]}|{text}" if pair[0] else text, safe="")


def put_on(task: Resource, element: str, code: str, value: Resource) -> Resource:
    """The Task with this input or output once: what it had of the code gives way."""
    kept = [one for one in task.get(element, ()) if coded(one, NOTICES, "type") != code]
    return {**task, element: [*kept, {"type": notice_type(code), **value}]}


def of_code(task: Resource, element: str, code: str) -> Iterator[Resource]:
    """The inputs or outputs of a Task with the code."""
    return (one for one in task.get(element, ()) if coded(one, NOTICES, "type") == code)


def same(one: Resource | None, other: Resource | None) -> bool:
    """Whether two reports say the same: everything but id and meta."""
    if one is None or other is None:
        return False
    left = {name: value for name, value in one.items() if name not in ("id", "meta", "text")}
    return left == {name: value for name, value in other.items() if name not in ("id", "meta", "text")}
