"""$merge: one record takes the place of another; nothing moves, and all of it can be taken back (R5 Patient-merge)."""

from __future__ import annotations

from countyfhir.exchange import Answer, Grant, Interaction, Resource
from countyfhir.identity.grouping import pair
from countyfhir.identity.judging import judge
from countyfhir.interactions.persons.deciding import decide, decision_about, take_back
from countyfhir.interactions.persons.neighbourhood import decode
from countyfhir.interactions.world import World
from countyfhir.operations.persons.asking import Asked, answered, present, two_patients
from countyfhir.outcome import FhirError
from countyfhir.search.query import Query, ReferenceIs, TokenIs

KNOWN = ("result-patient", "preview", "batch-size", "undo")
UNFINISHED = ("arrived", "triaged", "in-progress", "onleave")


async def merge(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """The source is replaced by the target: it is no longer in use, stays readable and keeps its clinical data, which
    is found through either id. ``preview`` only looks; ``undo`` takes the merge back. 422 while a visit of the source
    is not finished (存在未完成就诊记录时禁止合并)."""
    asked = await two_patients(interaction, grant, world, KNOWN)
    if asked.given.get("result-patient"):
        text = "result-patient is not taken: change the target with an update, so that undoing the merge keeps it."
        raise FhirError("not-supported", text, status=422, expression="Parameters.parameter('result-patient')")
    if asked.flag("undo"):
        return await _undone(asked, interaction, world)
    await _check(asked, world)
    warnings = await _doubts(asked, world)
    if asked.flag("preview"):
        return answered(
            interaction, "Nothing was changed; the merge is possible.", await _target(asked, world), warnings
        )
    await decide("merge", asked.source, asked.target, interaction.principal.name, world)
    text = "Merged: the source refers to the target (replaced-by). The data of both is found through either id."
    return answered(interaction, text, await _target(asked, world), warnings)


async def _undone(asked: Asked, interaction: Interaction, world: World) -> Answer:
    if await take_back("merge", asked.source, asked.target, interaction.principal.name, world) is None:
        raise FhirError("not-found", "The source was not merged into the target.", status=422)
    text = "The merge was taken back. What was written since stays with the id it was written to."
    return answered(interaction, text, await _target(asked, world))


async def _target(asked: Asked, world: World) -> Resource | None:
    return await present(asked.target, world)


async def _check(asked: Asked, world: World) -> None:
    known = await decision_about(asked.source, asked.target, world)
    if known is not None and known.kind == "merge":
        raise FhirError("business-rule", "One of the two was merged into the other already.", status=422)
    for side in (asked.source, asked.target):
        if await _replaced(side, world):
            raise FhirError("business-rule", "One of the two was merged into a third record already.", status=422)
    statuses = tuple(TokenIs("status", None, status) for status in UNFINISHED)
    visits = Query(("Encounter",), ((ReferenceIs("subject", "Patient", asked.source),), statuses), count=1)
    if (await world.store.resources.search(visits)).matches:
        text = "The source has a visit that is not finished; finish it first (存在未完成就诊记录时禁止合并)."
        raise FhirError("business-rule", text, status=422)


async def _replaced(patient: str, world: World) -> bool:
    return any(one.kind == "merge" and one.a == patient for one in await world.store.persons.decisions([patient]))


async def _doubts(asked: Asked, world: World) -> list[Resource]:
    """A warning where the rules say that they are two people."""
    assert world.person_rules is not None
    records = await world.store.persons.records(pair(asked.source, asked.target))
    if len(records) < 2:
        return []
    source, target = (decode(one.features) for one in records.values())
    verdict = judge(source, target, world.person_rules())
    if not verdict.conflict:
        return []
    text = "Their identity or archive numbers differ: by these they are two people."
    return [{"severity": "warning", "code": "business-rule", "diagnostics": text}]
