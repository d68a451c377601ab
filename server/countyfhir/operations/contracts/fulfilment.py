"""Contract/[id]/$fulfilment: services delivered against promised (履约); Contract/$paper-contracts: contracts without
any (纸上签约; DOMAIN 1-E E12)."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.interactions.world import World
from countyfhir.operations.contracts.asking import found, given_of, place, read, text_of
from countyfhir.outcome import FhirError
from countyfhir.workflow.contracts.reading import period_of, promises
from countyfhir.workflow.timing import instant


async def fulfilment(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Parameters: ``promised``, ``delivered`` and ``rate`` of the whole, and an ``item`` for each service with its
    ``evidence`` (the Tasks completed). A legacy contract without counts promises the services it planned."""
    given_of(interaction, ())
    contract = await read(f"Contract/{interaction.logical_id}", interaction, grant, world)
    tasks = await found("Task", (("focus", f"Contract/{contract['id']}"),), interaction, grant, world)
    promised = Counter({one.name: 0 for one in promises(contract)})
    for one in promises(contract):
        promised[one.name] += one.times
    if not promised:
        promised = Counter(_name(one) for one in tasks if one.get("status") not in ("cancelled", "entered-in-error"))
    delivered: dict[str, list[Resource]] = {name: [] for name in promised}
    for task in tasks:
        if task.get("status") == "completed":
            delivered.setdefault(_name(task), []).append(task)
    items = [_item(name, promised[name], delivered[name]) for name in sorted(delivered)]
    total, given = sum(promised.values()), sum(min(len(delivered[name]), promised[name]) for name in promised)
    totals: list[Resource] = [{"name": "promised", "valueInteger": total}, {"name": "delivered", "valueInteger": given}]
    if total:
        totals.append({"name": "rate", "valueDecimal": round(given / total, 4)})
    subject = str((contract.get("subject") or [{}])[0].get("reference", "")).rpartition("/")[2]
    body = {"resourceType": "Parameters", "parameter": [*totals, *items]}
    return Answer(200, body=body, patients=(subject,) if subject else ())


def _name(task: Resource) -> str:
    concept = task.get("code") or {}
    coding = (concept.get("coding") or [{}])[0]
    return str(concept.get("text") or coding.get("display") or coding.get("code") or "")


def _item(name: str, promised: int, tasks: list[Resource]) -> Resource:
    evidence = [{"name": "evidence", "valueReference": {"reference": f"Task/{one['id']}"}} for one in tasks]
    counts: list[Resource] = [
        {"name": "promised", "valueInteger": promised},
        {"name": "delivered", "valueInteger": len(tasks)},
    ]
    return {"name": "item", "part": [{"name": "service", "valueString": name}, *counts, *evidence]}


async def paper_contracts(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Bundle (searchset) of the contracts in force on ``date`` (today) that began at least ``days`` before and have no
    delivered service; ``authority`` narrows to an institution."""
    given = given_of(interaction, ("date", "days", "authority"))
    table = world.rules.table("contracts") if world.rules is not None else {}
    day = text_of(given, "date") or instant(world.now())[:10]
    days = _days(text_of(given, "days"), table.get("paper_after_days", 180))
    before = (date.fromisoformat(day) - timedelta(days=days)).isoformat()
    active = ",".join(table.get("active", ["executed"]))
    authority = text_of(given, "authority")
    narrowed = (("authority", authority),) if authority else ()
    contracts = await found("Contract", (("status", active), *narrowed), interaction, grant, world)
    running = [one for one in contracts if period_of(one)[0] <= before and day <= period_of(one)[1]]
    served: set[str] = set()
    for at in range(0, len(running), 100):
        named = ",".join(f"Contract/{one['id']}" for one in running[at : at + 100])
        tasks = await found("Task", (("focus", named), ("status", "completed")), interaction, grant, world)
        served |= {str(one["focus"]["reference"]) for one in tasks}
    paper = [one for one in running if f"Contract/{one['id']}" not in served]
    return Answer(200, body=_searchset(paper, interaction))


def _days(text: str | None, default: Any) -> int:
    if text is None:
        return int(default)
    if not text.isascii() or not text.isdigit():
        raise FhirError("value", "days is a whole number.", expression=place("days"))
    return int(text)


def _searchset(resources: list[Resource], interaction: Interaction) -> Resource:
    entries = [
        {"fullUrl": f"{interaction.base}/Contract/{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
