"""$link and $unlink: a human says that two records are of one person, or are not; both can be taken back."""

from __future__ import annotations

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.persons.deciding import decide, decision_about, take_back
from countyfhir.interactions.world import World
from countyfhir.operations.persons.asking import answered, present, two_patients
from countyfhir.outcome import FhirError


async def link(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """One person, whatever the rules say; ``undo`` takes that back."""
    return await _said("link", interaction, grant, world)


async def unlink(interaction: Interaction, grant: Grant, world: World) -> Answer:
    """Two people, whatever the rules say; also ends a link or a merge of the two. ``undo`` takes that back."""
    return await _said("unlink", interaction, grant, world)


async def _said(kind: str, interaction: Interaction, grant: Grant, world: World) -> Answer:
    asked = await two_patients(interaction, grant, world, ("undo",))
    source, target, by = asked.source, asked.target, interaction.principal.name
    if asked.flag("undo"):
        if await take_back(kind, source, target, by, world) is None:
            raise FhirError("not-found", f"There is no ${kind} of the two to take back.", status=422)
        return answered(
            interaction, f"The {kind} was taken back; what held before holds again.", await present(source, world)
        )
    known = await decision_about(source, target, world)
    if known is not None and known.kind == "merge" and kind == "link":
        raise FhirError("business-rule", "They are merged already; $unlink or $merge with undo ends that.", status=422)
    if known is None or known.kind != kind:
        if known is not None and known.kind == "merge":
            source, target = known.a, known.b
        await decide(kind, source, target, by, world)
    together = asked.target in {
        one for ids in (await world.store.persons.linked([asked.source])).values() for one in ids
    }
    if kind == "unlink" and together:
        raise FhirError("conflict", "Other decisions keep the two together: take those back first.", status=409)
    text = "They are one person." if kind == "link" else "They are two people; a golden record for each that needs one."
    return answered(interaction, text, await present(asked.source, world))
