"""Batches of records: mapped, compared with the ledger, written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from countyfhir.exchange import SourceRecord
from countyfhir.intake.ahead import Batch, mapped_record
from countyfhir.intake.committing import account, entry_of, flush, issues_of, quarantine
from countyfhir.intake.desk import Desk, Progress, Stream
from countyfhir.intake.events.index import Index
from countyfhir.intake.events.joining import Joining, applied, extra, foresee, join, known_names
from countyfhir.intake.events.later import rejoin_late
from countyfhir.intake.ledger import (
    SHARED,
    SUPERSEDED,
    WITHDRAWN,
    Decision,
    decide,
    decide_deleted,
    standing,
    superseded,
    withdrawal,
)
from countyfhir.intake.merging import completed, kept, reference_of, told_rows
from countyfhir.intake.pending import Entry
from countyfhir.intake.reading import Record
from countyfhir.intake.report import RecordOutcome
from countyfhir.mapping import MappedRecord
from countyfhir.store.ports import IntakeStore


async def take_records(records: Iterator[Record], stream: Stream, desk: Desk, total: int) -> None:
    """Batches of records: mapped, compared, written. Rows that are marked as deleted and known wait in
    ``stream.deleted``; ``withdraw_deleted`` decides over them at the end of the file."""
    async for mapped in desk.ahead(records, stream, desk.batch):
        await recall(stream, [made for _, made in mapped], desk.ledger)
        for record, made in await told_apart(mapped, stream, desk.ledger):
            await place(record, made, stream, desk)
        await flush(stream, desk)
        desk.progress(Progress(stream.file, stream.report.read, max(total, stream.report.read)))
    await rejoin_late(stream, desk)


async def recall(stream: Stream, mapped: Sequence[MappedRecord], ledger: IntakeStore) -> None:
    """Fetches what the ledger knows about a batch: the records' keys and the resources they share with others."""
    keys = sorted({key for made in mapped for key in (made.key, made.subject) if key})
    stream.prior = await ledger.latest(stream.mapping.name, keys) if keys else {}
    shared = {reference for made in mapped for reference in made.shared}
    if any(target.shared for target in stream.mapping.targets):
        shared |= {reference for row in stream.prior.values() for reference in row.resources}
    stream.shared = await ledger.latest(SHARED, sorted(shared)) if shared else {}
    stream.events = Index(ledger)
    await foresee(mapped, stream.events)


async def told_apart(mapped: Batch, stream: Stream, ledger: IntakeStore) -> Batch:
    """The batch, in which a key that stood over another record in an earlier file (of a sender that counts its messages
    anew each day) is joined by what tells the two apart, as within one file."""
    if not stream.mapping.reused:
        return mapped
    found = [(record, _apart(record, made, stream)) for record, made in mapped]
    if new := sorted({made.key for _, made in found} - {made.key for _, made in mapped}):
        stream.prior |= await ledger.latest(stream.mapping.name, new)
    return found


def _apart(record: Record, made: MappedRecord, stream: Stream) -> MappedRecord:
    """The record under a key of its own, where the ledger knows its key from another file, with other content that is
    no earlier version of the same."""
    mapping = stream.mapping
    itself, prior = stream.prior.get(made.key), stream.prior.get(made.subject)
    if made.outcome != "mapped" or itself is None or itself.digest == made.digest:
        return made
    here = itself.file_digest == stream.file_digest
    if here or (made.key != made.subject and prior is not None and _stood(prior) == _stood(itself)):
        return made
    further = (*mapping.key[1:], *mapping.part)
    value = made.key.removeprefix(f"{mapping.key[0]}=")
    value = value.partition(f";{further[0]}=")[0] if further else value
    return mapped_record(record, mapping, stream.context, stream.reused | {value})


def _stood(row: SourceRecord) -> tuple[str, int, str]:
    """Where the record of a row stood, and its content."""
    return row.file_digest, row.record, row.digest


async def place(record: Record, made: MappedRecord, stream: Stream, desk: Desk) -> None:
    """The outcome of one record; a stored one joins the pending transaction."""
    if stream.pending.touches(made.subject, set()):
        await flush(stream, desk)
    if made.outcome == "deleted":
        await place_deleted(record, made, stream, desk)
        return
    names = await known_names(stream.events or Index(desk.ledger), made)
    decision = decide(made, stream.prior, stream.shared, stream.mapping.keeps, names)
    if decision.outcome == "stored" and await replaced_since(record, made, decision, stream, desk):
        decision = Decision("unchanged", decision.digest)
    if decision.outcome == "stored":
        made = await completed(made, stream, desk, made.key in stream.prior)
        if made.outcome == "mapped":
            made, decision = await kept(made, decision, stream, desk, names)
        if made.outcome != "mapped":
            decision = Decision(made.outcome)
        elif decision.outcome == "stored":
            await wait(record, made, stream, desk, decision)
            return
    if decision.outcome == "quarantined":
        made = await quarantine(record, made, stream, desk)
        decision = Decision(made.outcome)
    account(stream, desk, RecordOutcome(stream.file, record.number, made.key, decision.outcome, (), issues_of(made)))


async def replaced_since(record: Record, made: MappedRecord, decision: Decision, stream: Stream, desk: Desk) -> bool:
    """Whether this very record was stored before and another one, of this or of another file, took its place since: of
    rows without a change time, or with the same, the one that was read last stands, also when all are read again."""
    prior = stream.prior.get(made.subject)
    if prior is None or prior.version_key != made.version_key:
        return False
    stood = standing(stream.mapping.name, made.subject, stream.file_digest, record.number)
    remembered = (await desk.ledger.latest(SUPERSEDED, [stood])).get(stood)
    return remembered is not None and remembered.digest == decision.digest


async def wait(record: Record, made: MappedRecord, stream: Stream, desk: Desk, decision: Decision) -> None:
    """A record that is to be stored joins the pending transaction, which is written first if it holds the same
    resources."""
    joining = await joined(record, made, stream, desk, decision)
    made, decision = applied(made, decision, joining)
    beside = extra(made.resources, joining)
    touched = {*decision.write, *decision.withdraw, *joining.gone, *map(reference_of, beside)}
    if stream.pending.touches(made.subject, touched):
        await flush(stream, desk)
    entry = remembering(await entry_of(record, made, stream, desk, decision), made, stream, decision)
    place = standing(stream.mapping.name, made.subject, stream.file_digest, record.number)
    marks = superseded(stream.prior.get(made.subject), made, decision.digest, place) if not decision.late else ()
    stream.prior |= {row.key: row for row in entry.rows}
    stream.shared |= {row.key: row for row in entry.shared if row.source == SHARED}
    if marks:
        entry = replace(entry, shared=(*entry.shared, *marks))
    if beside or joining.gone or joining.rows:
        writes, gone = (*entry.writes, *beside), (*entry.delete, *joining.gone)
        entry = replace(entry, writes=writes, delete=gone, shared=(*entry.shared, *joining.rows))
    stream.pending.add(entry)


def remembering(entry: Entry, made: MappedRecord, stream: Stream, decision: Decision) -> Entry:
    """The entry with what the ledger remembers of members, where resources keep what a record leaves out; an older
    version that adds to them makes neither them nor its subject older."""
    if not made.told:
        return entry
    before = {row.key: stream.shared[row.key].version_key for row in entry.shared if row.key in stream.shared}
    shared = [replace(row, version_key=max(row.version_key, before.get(row.key, ""))) for row in entry.shared]
    rows = told_rows(made, decision.write, entry.record)
    return replace(entry, subject=None if decision.late else entry.subject, shared=(*shared, *rows))


async def joined(record: Record, made: MappedRecord, stream: Stream, desk: Desk, decision: Decision) -> Joining:
    """What becomes of the events of a record that is to be stored."""
    mapping, index = stream.mapping, stream.events or Index(desk.ledger)
    like = SourceRecord(
        mapping.name, made.key, "", "stored", mapping.version, stream.file, record.number,
        recorded=int(desk.now() * 1_000_000), file_digest=stream.file_digest,
    )  # fmt: skip
    joining = Joining(like, index, desk, partial(flush, stream, desk), await known_names(index, made))
    await join(made, decision, joining)
    stream.waiting |= joining.waiting
    return joining


async def place_deleted(record: Record, made: MappedRecord, stream: Stream, desk: Desk) -> None:
    """A row that its source marks as deleted. One with a version is remembered, so that an older row that comes later
    does not bring the record back."""
    prior = stream.prior.get(made.subject)
    decision = decide_deleted(made, prior, stream.shared)
    if decision.outcome == "waiting":
        stream.deleted[made.subject] = record.number
        return
    if decision.outcome == "stored" and prior is not None:
        await wait(record, made, stream, desk, decision)
        return
    if prior is None and made.version_key:
        mapping = stream.mapping
        row = SourceRecord(
            mapping.name, made.subject, WITHDRAWN, "stored", mapping.version, stream.file, record.number,
            made.version_key, recorded=int(desk.now() * 1_000_000), file_digest=stream.file_digest,
        )  # fmt: skip
        await desk.ledger.append([row])
        stream.prior[row.key] = row
    account(stream, desk, RecordOutcome(stream.file, record.number, made.key, decision.outcome, (), issues_of(made)))


async def withdraw_deleted(again: Callable[[], Iterator[Record]], stream: Stream, desk: Desk) -> None:
    """Decides over the rows that wait: one whose key also stands over a living row of the file was only replaced by it
    and is ``rejected``; what the others became is withdrawn. ``again`` reads the file once more."""
    waiting, stream.deleted = stream.deleted, {}
    if not waiting:
        return
    rows: list[tuple[Record, MappedRecord]] = []
    living = set()
    for record in again():
        if record.problem is not None:
            continue
        made = mapped_record(record, stream.mapping, stream.context, stream.reused)
        if waiting.get(made.subject) == record.number and made.outcome == "deleted":
            rows.append((record, made))
        elif made.outcome != "deleted" and made.subject in waiting:
            living.add(made.subject)
    for start in range(0, len(rows), desk.batch):
        part = rows[start : start + desk.batch]
        await recall(stream, [made for _, made in part], desk.ledger)
        for record, made in part:
            prior = stream.prior.get(made.subject)
            if made.subject in living or prior is None:
                told = RecordOutcome(stream.file, record.number, made.key, "rejected", (), issues_of(made))
                account(stream, desk, told)
                continue
            decision = withdrawal(prior, stream.shared)
            await wait(record, made, stream, desk, decision)
        await flush(stream, desk)
