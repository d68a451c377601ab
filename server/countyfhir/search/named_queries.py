"""Named queries: what ``_query=open`` stands for on a type (R4 section 3.1.1.5.12). The other parameters of the search
hold as well. ``{now}`` is the present instant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Pairs = tuple[tuple[str, str], ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFINITION = "https://fhir.county-hc.example/OperationDefinition/{resource_type}-{name}"


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """What it finds, in English and Chinese, and the search it stands for."""

    finds: str
    finds_zh: str
    pairs: Pairs


NAMED: Mapping[str, Mapping[str, NamedQuery]] = {
    "Appointment": {
        "upcoming": NamedQuery(
            "appointments that are still to come",
            "尚未到期的预约",
            (("status", "proposed,pending,booked,arrived,checked-in,waitlist"), ("date", "ge{now}")),
        )
    },
    "Encounter": {
        "current": NamedQuery(
            "encounters under way", "正在进行的就诊（在院、在诊）", (("status", "arrived,triaged,in-progress,onleave"),)
        )
    },
    "Patient": {
        "living": NamedQuery(
            "records in use of patients not known to have died",
            "在用且未登记死亡的居民",
            (("active:not", "false"), ("deceased:not", "true")),
        )
    },
    "ServiceRequest": {
        "open": NamedQuery("requests that are not ended", "尚未办结的申请单", (("status", "draft,active,on-hold"),))
    },
    "Task": {
        "open": NamedQuery(
            "tasks that are not ended",
            "待办任务",
            (("status", "draft,requested,received,accepted,ready,in-progress,on-hold"),),
        )
    },
}
"""Resource type -> name -> query."""


def definition(resource_type: str, name: str) -> str:
    """The canonical by which the CapabilityStatement names the query."""
    return _DEFINITION.format(resource_type=resource_type, name=name)


def operation_definitions() -> Iterator[dict[str, Any]]:
    """What the CapabilityStatement names by ``definition``, as OperationDefinitions of kind query (R4 section
    3.1.1.5.12)."""
    for resource_type, named in NAMED.items():
        for name, query in named.items():
            url = definition(resource_type, name)
            yield {
                "resourceType": "OperationDefinition",
                "id": url.rpartition("/")[2],
                "url": url,
                "name": f"{resource_type}{name.capitalize()}",
                "title": query.finds_zh,
                "status": "active",
                "kind": "query",
                "date": "2025-01-01",
                "description": f"{resource_type}?_query={name} finds {query.finds}. {query.finds_zh}。",
                "affectsState": False,
                "code": name,
                "resource": [resource_type],
                "system": False,
                "type": True,
                "instance": False,
                "parameter": [{"name": "return", "use": "out", "min": 1, "max": "1", "type": "Bundle"}],
            }


def pairs(query: NamedQuery, now: int) -> Pairs:
    """The search it stands for at the instant (microseconds since 1970 UTC)."""
    instant = (_EPOCH + timedelta(microseconds=now)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return tuple((name, text.replace("{now}", instant)) for name, text in query.pairs)
