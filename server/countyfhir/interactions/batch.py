"""batch: independent entries, each with its own success or failure (R4 section 3.1.0.11.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from countyfhir.exchange import Answer, Grant, Interaction
from countyfhir.interactions.accessed import record_entry
from countyfhir.interactions.bundle_entries import entries_of, entry_of
from countyfhir.interactions.bundle_text import bundle, response_entry
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError, Issue, operation_outcome

AT_ONCE = 16
"""How many entries are worked on at the same time: their commits share one fsync."""

WRITING = ("create", "update", "patch", "delete")
"""Kinds of entries whose rows tell where the new version is, and show it only when it is preferred."""

Perform = Callable[[Interaction, World, Grant], Awaitable[Answer]]


async def batch(interaction: Interaction, grant: Grant, world: World, perform: Perform) -> Answer:
    """Perform each entry; the response has one entry for each, in their order."""
    raws = entries_of(interaction, world)
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(index: int, raw: Any) -> bytes:
        async with turn:
            return await _entry(index, raw, interaction, grant, world, perform)

    rows = await asyncio.gather(*(one(index, raw) for index, raw in enumerate(raws)))
    return Answer(200, body=bundle("batch-response", rows))


async def _entry(index: int, raw: Any, interaction: Interaction, grant: Grant, world: World, perform: Perform) -> bytes:
    asked = interaction
    try:
        asked = entry_of(index, raw, interaction, world).interaction
        answer = await perform(asked, world, grant)
    except FhirError as error:
        await record_entry(asked, error.status, None, world)
        place = (f"Bundle.entry[{index}]",)
        issues = [issue if issue.expression else replace(issue, expression=place) for issue in error.issues]
        outcome = json.dumps(operation_outcome(issues))
        return response_entry(interaction.base, status_line(error.status), None, located=False, outcome=outcome)
    await record_entry(asked, answer.status, answer, world)
    return answer_row(asked, answer)


def answer_row(interaction: Interaction, answer: Answer) -> bytes:
    """An answer as a row of the response bundle: reads with their resource, writes with it when it was preferred."""
    reading = interaction.kind not in WRITING
    returns = interaction.preferences.returns
    shown = returns == "representation" or (reading and interaction.http_method != "HEAD")
    body = answer.body if isinstance(answer.body, bytes | None) else json.dumps(answer.body)
    return response_entry(
        interaction.base,
        status_line(answer.status),
        answer.stored,
        located=not reading,
        body=body if shown and answer.status != 304 else None,
        outcome=_done(interaction, answer) if returns == "OperationOutcome" and not reading else None,
    )


def _done(interaction: Interaction, answer: Answer) -> bytes:
    """The outcome of a write that went through, where ``Prefer: return=OperationOutcome`` asks for one."""
    said = f"{HTTPStatus(answer.status).phrase}: {interaction.kind} of {interaction.resource_type} succeeded."
    return json.dumps(operation_outcome((Issue("informational", said, severity="information"), *answer.issues)))


def status_line(status: int) -> str:
    """``201 Created``."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
