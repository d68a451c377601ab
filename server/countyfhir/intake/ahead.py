"""Records on their way to the ledger, mapped in batches; the composition root may give other processes to do it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from countyfhir.intake.events.telling import telling
from countyfhir.intake.ledger import record_digest
from countyfhir.intake.reading import Record
from countyfhir.mapping import Context, MappedRecord, RecordMapping, apply
from countyfhir.mapping.apply import deleted
from countyfhir.mapping.finding import Finding

if TYPE_CHECKING:
    from countyfhir.intake.desk import Stream

log = logging.getLogger(__name__)

Batch = list[tuple[Record, MappedRecord]]
Ahead = Callable[[Iterator[Record], "Stream", int], AsyncIterator[Batch]]
"""Records of a stream, so many at a time, each with what it becomes; in their order."""


async def in_turn(records: Iterator[Record], stream: Stream, size: int) -> AsyncIterator[Batch]:
    """Each batch when it is asked for, in this process."""
    mapping, context, reused = stream.mapping, stream.context, stream.reused
    while batch := list(islice(records, size)):
        yield [(record, mapped_record(record, mapping, context, reused)) for record in batch]


def mapped_record(
    record: Record, mapping: RecordMapping, context: Context, reused: frozenset[str] = frozenset()
) -> MappedRecord:
    """What the record becomes, with the digest of it; one whose cells cannot be told apart is quarantined unread, and
    so is one that breaks the mapping: it stops no file, and comes again by a replay."""
    if record.problem is not None:
        return _set_aside(record.problem)
    try:
        made = apply(mapping, record.row, context, reused)
    except Exception as error:  # noqa: BLE001 - a fault of ours or of the mapping with this one record, which is kept
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
        log.error("%s: record %d could not be mapped (%s); it is in quarantine", mapping.name, record.number, where)
        return _set_aside("intake-failed", diagnostics=where)
    if record.missing:
        told = [Finding("column-missing", (column,), "warning") for column in record.missing]
        made = replace(made, issues=(*told, *made.issues))
    if record.deleted:
        return deleted(made.key, made.subject or made.key, made.version_key)
    if made.outcome != "mapped":
        return made
    made = replace(made, digest=record_digest(made), source_digest=record.digest())
    return telling(made)


def _set_aside(code: str, diagnostics: str = "") -> MappedRecord:
    """A record that goes into quarantine as a whole."""
    return MappedRecord(
        "", "", (), (Finding(code, (), "error", held_back=True, diagnostics=diagnostics),), "quarantined"
    )
