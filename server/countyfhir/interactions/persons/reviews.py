"""The review queue: a Task for two records of which nobody can say for certain that they are one person (R4 Task)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal

from countyfhir.audit.record import record_of
from countyfhir.exchange import SYSTEM, Interaction, Plan, Resource, Write
from countyfhir.identity.grouping import Pair
from countyfhir.identity.judging import Verdict
from countyfhir.identity.rules import Rules
from countyfhir.interactions.persons.neighbourhood import REVIEW, Neighbourhood
from countyfhir.interactions.prepare import indexed
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.store import instant
from countyfhir.store.ports import ConditionFailed, PersonDecision

TASKS = "https://fhir.county-hc.example/cs/task"
KINDS = {
    "person-review": "Two records, one person? 主索引人工审核",
    "person-orphan": "Data written to a golden record that is nobody's any more 主索引数据待归属",
}
GRADES = "http://terminology.hl7.org/CodeSystem/match-grade"


async def queue(
    reviews: Mapping[Pair, Verdict], groups: Sequence[frozenset[str]], near: Neighbourhood, world: World
) -> None:
    """Open a Task for two persons that may be one, the best pair of their records; close those that are settled."""
    group_of = {one: group for group in groups for one in group}
    best: dict[frozenset[frozenset[str]], Pair] = {}
    for each in sorted(reviews, key=lambda each: (-reviews[each].bits, each)):
        best.setdefault(frozenset((group_of[each[0]], group_of[each[1]])), each)
    waiting = {each: one for each, one in near.decisions.items() if one.kind == REVIEW}
    asked = set()
    settled = []
    for each, one in sorted(waiting.items()):
        both = frozenset(group_of[name] for name in each if name in group_of)
        if both not in best or both in asked:
            settled.append(one)
        asked.add(both)
    assert world.person_rules is not None
    rules = world.person_rules()
    fresh = [each for both, each in best.items() if both not in asked and each not in near.decisions]
    if fresh or settled:
        await save([task_of(each, reviews[each], rules, world) for each in fresh], world)
        await close([one.by for one in settled], "cancelled", "Settled by what was written since.", world)
        decisions = [PersonDecision(*each, REVIEW, f"Task/{task_id(each)}", world.now()) for each in fresh]
        await world.store.persons.decide(decisions, [(one.a, one.b) for one in settled])


def task_id(each: Pair) -> str:
    """The id of the Task about two records."""
    digest = hashlib.sha256(" ".join(sorted(each)).encode()).digest()[:16]
    return "review-" + base64.b32encode(digest).decode().rstrip("=").lower()


def task_of(each: Pair, verdict: Verdict, rules: Rules, world: World) -> Resource:
    """The question: the records, the score, and by what they agree; no personal data in words."""
    agreed = ", ".join(f"{name} {how}" for name, how in verdict.agreements.items() if how)
    inputs: list[Resource] = [
        {"type": {"text": "record"}, "valueReference": {"reference": f"Patient/{one}"}} for one in each
    ]
    inputs.append({"type": {"text": "score"}, "valueDecimal": Decimal(str(verdict.score(rules)))})
    inputs.append({"type": {"text": "match-grade"}, "valueCode": verdict.grade})
    inputs.append({"type": {"text": "agreements"}, "valueString": agreed or "none"})
    return _task(task_id(each), "person-review", each[0], world) | {"input": inputs}


def _task(logical_id: str, kind: str, patient: str, world: World) -> Resource:
    return {
        "resourceType": "Task",
        "id": logical_id,
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": TASKS, "code": kind, "display": KINDS[kind]}], "text": KINDS[kind]},
        "focus": {"reference": f"Patient/{patient}"},
        "for": {"reference": f"Patient/{patient}"},
        "authoredOn": instant.text(world.now()),
    }


async def orphaned(golden: Sequence[str], world: World) -> None:
    """Put golden records that stay for what was written to them into the queue."""
    await save([_task(f"orphan-{one.removeprefix('person-')}", "person-orphan", one, world) for one in golden], world)


async def close(tasks: Sequence[str], status: str, reason: str, world: World) -> None:
    """End open Tasks (``Task/id``), whatever else they hold."""
    ids = [one.removeprefix("Task/") for one in tasks if one.startswith("Task/")]
    found = await world.store.resources.read_many(("Task", one) for one in ids)
    made = []
    for one in found.values():
        resource = json.parse(one.body) if one.body is not None else {}
        if resource.get("status") in ("requested", "received", "accepted", "ready", "in-progress", "on-hold"):
            made.append({**resource, "status": status, "statusReason": {"text": reason}})
    await save(made, world)


async def save(resources: Sequence[Resource], world: World) -> None:
    """Write resources of the server's own, whatever they were before."""
    if not resources:
        return
    kinds = [str(one["resourceType"]) for one in resources]
    writes = [
        indexed(Write("PUT", kind, str(one["id"]), one), world.search.base, world)
        for kind, one in zip(kinds, resources, strict=True)
    ]
    asked = Interaction("update", principal=SYSTEM, http_method="PUT")
    records = [record_of(asked, world.now(), 200, one.resource_type, one.logical_id) for one in writes]
    for _ in range(2):
        try:
            await world.store.resources.commit(Plan(tuple(writes), (), tuple(records)))
        except ConditionFailed:  # the search definitions changed; the door reloads them
            continue
        return
