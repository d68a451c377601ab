"""Batches of records: mapped, compared with the ledger, written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from countyfhir.intake.committing import account, entry_of, flush, issues_of, quarantine
from countyfhir.intake.desk import Desk, Progress, Stream
from countyfhir.intake.ledger import SHARED, decide
from countyfhir.intake.reading import Record
from countyfhir.intake.report import RecordOutcome
from countyfhir.mapping import MappedRecord, apply
from countyfhir.mapping.finding import Finding
from countyfhir.store.ports import IntakeStore


async def take_records(records: Iterator[Record], stream: Stream, desk: Desk, total: int) -> None:
    """Batches of records: mapped, compared, written."""
    while batch := list(islice(records, desk.batch)):
        mapped = [(record, mapped_record(record, stream)) for record in batch]
        await recall(stream, [made for _, made in mapped], desk.ledger)
        for record, made in mapped:
            await place(record, made, stream, desk)
        await flush(stream, desk)
        desk.progress(Progress(stream.file, stream.report.read, max(total, stream.report.read)))


def mapped_record(record: Record, stream: Stream) -> MappedRecord:
    """What the record becomes; one whose cells cannot be told apart is quarantined unread."""
    if record.deleted:
        made = apply(stream.mapping, record.row, stream.context, stream.reused)
        return MappedRecord(made.key, made.version_key, (), (Finding("M35d", (), "warning"),), "rejected")
    if record.problem is not None:
        return MappedRecord("", "", (), (Finding(record.problem, (), "error", held_back=True),), "quarantined")
    return apply(stream.mapping, record.row, stream.context, stream.reused)


async def recall(stream: Stream, mapped: Sequence[MappedRecord], ledger: IntakeStore) -> None:
    """Fetches what the ledger knows about a batch: the records' keys and the resources they share with others."""
    keys = sorted({key for made in mapped for key in (made.key, made.subject) if key})
    stream.prior = await ledger.latest(stream.mapping.name, keys) if keys else {}
    shared = {reference for made in mapped for reference in made.shared}
    if any(target.shared for target in stream.mapping.targets):
        shared |= {reference for row in stream.prior.values() for reference in row.resources}
    stream.shared = await ledger.latest(SHARED, sorted(shared)) if shared else {}


async def place(record: Record, made: MappedRecord, stream: Stream, desk: Desk) -> None:
    """The outcome of one record; a stored one joins the pending transaction."""
    if stream.pending.touches(made.subject, set()):
        await flush(stream, desk)
    decision = decide(made, stream.prior, stream.shared, stream.mapping.keeps)
    if decision.outcome == "stored":
        if stream.pending.touches(made.subject, set(decision.write)):
            await flush(stream, desk)
        entry = entry_of(record, made, stream, desk, decision)
        stream.pending.add(entry)
        stream.prior |= {row.key: row for row in entry.rows}
        stream.shared |= {row.key: row for row in entry.shared}
        return
    if decision.outcome == "quarantined":
        await quarantine(record, made, stream, desk)
    account(stream, desk, RecordOutcome(stream.file, record.number, made.key, decision.outcome, (), issues_of(made)))
