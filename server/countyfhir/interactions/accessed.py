"""What an answer shows, for the audit record of the access (DESIGN decision 13)."""

from __future__ import annotations

from countyfhir.audit.record import record_of
from countyfhir.exchange import Answer, Interaction
from countyfhir.interactions.world import World

RECORDED_WITH_THE_WRITE = frozenset({"create", "update", "patch", "delete", "batch", "transaction"})
"""Kinds whose audit records are in the transaction of the write, or are those of their entries; what is recorded of
them otherwise are refusals."""


def shown_by(answer: Answer) -> tuple[tuple[str, ...], str | None]:
    """The patients whose data an answer shows, and the version it shows when it shows one."""
    stored = answer.stored
    if stored is None:
        return answer.patients, None
    return (answer.patients if stored.patient is None else (stored.patient,)), str(stored.version_id)


async def record_entry(interaction: Interaction, status: int, answer: Answer | None, world: World) -> None:
    """Record the access of one entry of a bundle: one that reads, or one that was refused."""
    if answer is not None and interaction.kind in RECORDED_WITH_THE_WRITE:
        return
    patients, version_id = shown_by(answer) if answer is not None else ((), None)
    await world.audit((record_of(interaction, world.now(), status, patients=patients, version_id=version_id),))
