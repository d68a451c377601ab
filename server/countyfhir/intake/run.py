"""The intake: read -> map -> compare with the ledger -> write through the one door -> outcome, record by record."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from countyfhir.exchange import Answer, Interaction, Principal
from countyfhir.intake.formats import READERS
from countyfhir.intake.inputs import Input, Inputs
from countyfhir.intake.ledger import SHARED, content_digest, decide
from countyfhir.intake.lookups import Tables
from countyfhir.intake.pending import Entry, Pending
from countyfhir.intake.reading import FileFacts, Record, Unreadable
from countyfhir.intake.report import FileReport, RecordOutcome, Report
from countyfhir.mapping import Context, MappedRecord, RecordMapping, Source, apply
from countyfhir.mapping.finding import Finding
from countyfhir.mapping.institution import known_institutions, organization
from countyfhir.mapping.provenance import Place, provenance
from countyfhir.outcome import FhirError
from countyfhir.store.ports import IntakeStore, SourceRecord

Write = Callable[[Sequence[Interaction]], Awaitable[Sequence[Answer]]]
"""The one door, given by the composition root: performs the interactions in order; FhirError when one is refused."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is: ``done`` of ``total`` records."""

    file: str
    done: int
    total: int


def quiet(progress: Progress) -> None:
    """No progress is shown."""


def forget(outcome: RecordOutcome) -> None:
    """Outcomes of single records are not reported."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every step of an intake needs: ledger, door, who is told, how many records go into one transaction."""

    ledger: IntakeStore
    write: Write
    progress: Callable[[Progress], None] = quiet
    outcome: Callable[[RecordOutcome], None] = forget
    batch: int = 100
    now: Callable[[], float] = time.time
    tables: Tables = field(default_factory=Tables)


@dataclass(slots=True)
class Stream:
    """The records of one file on their way: what they are mapped by, where they come from, what became of them so
    far."""

    mapping: RecordMapping
    file: str
    file_digest: str
    context: Context
    report: FileReport
    known: dict[str, int] = field(default_factory=dict)  # digest of a quarantined record -> its place in the ledger
    pending: Pending = field(default_factory=Pending)
    prior: dict[str, SourceRecord] = field(default_factory=dict)
    shared: dict[str, SourceRecord] = field(default_factory=dict)


async def run(inputs: Inputs, desk: Desk) -> Report:
    """Takes in every file. One bad record never stops a file, one bad file never stops the intake; what the store
    itself refuses for now (503, 507) does, with everything written so far accounted for."""
    report = Report(unmatched=inputs.unmatched)
    for source in inputs.sources:
        await state_institutions(source, desk)
    for one in inputs.inputs:
        report.files.append(await take_file(one, desk))
    return report


async def take_file(one: Input, desk: Desk) -> FileReport:
    """One file: inspected as a whole, then streamed."""
    mapping, report = one.mapping, FileReport(one.label, one.mapping.name)
    reader = READERS[mapping.format.format]
    facts = reader.inspect(one.path, mapping.format)
    if facts.problem is not None:
        return reject(report, facts, desk, facts.problem)
    context = desk.tables.context(mapping, one.path.parent)
    stream = Stream(mapping, one.label, facts.digest, context, report, await quarantined(desk.ledger, mapping.name))
    try:
        await take_records(reader.records(one.path, mapping.format), stream, desk, facts.records)
    except Unreadable as error:
        return reject(report, facts, desk, str(error))
    return report


def reject(report: FileReport, facts: FileFacts, desk: Desk, problem: str) -> FileReport:
    """All records of a file that cannot be read are rejected, with one issue of the file."""
    report.problem = problem
    report.counts["rejected"] += max(facts.records - report.read, 0)
    report.issues["M29f", ""] += 1
    desk.progress(Progress(report.file, facts.records, facts.records))
    return report


async def quarantined(ledger: IntakeStore, mapping: str) -> dict[str, int]:
    """What the quarantine holds for a mapping: digest of the record -> place in the ledger."""
    found: Any = ledger.quarantined(mapping)
    if inspect.isawaitable(found):
        found = await found
    return {record.digest: sequence async for sequence, record in found}


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
    if record.problem is not None:
        return MappedRecord("", "", (), (Finding(record.problem, (), "error", held_back=True),), "quarantined")
    return apply(stream.mapping, record.row, stream.context)


async def recall(stream: Stream, mapped: Sequence[MappedRecord], ledger: IntakeStore) -> None:
    """Fetches what the ledger knows about a batch: the records' keys and the resources they share with others."""
    keys = [made.key for made in mapped if made.key]
    stream.prior = await ledger.latest(stream.mapping.name, keys) if keys else {}
    shared = {reference for made in mapped for reference in made.shared}
    if any(target.shared for target in stream.mapping.targets):
        shared |= {reference for row in stream.prior.values() for reference in row.resources}
    stream.shared = await ledger.latest(SHARED, sorted(shared)) if shared else {}


async def place(record: Record, made: MappedRecord, stream: Stream, desk: Desk) -> None:
    """The outcome of one record; a stored one joins the pending transaction."""
    if stream.pending.touches(made.key, set()):
        await flush(stream, desk)
    decision = decide(made, stream.prior.get(made.key), stream.shared)
    if decision.outcome == "stored":
        if stream.pending.touches(made.key, set(decision.write)):
            await flush(stream, desk)
        entry = entry_of(record, made, stream, desk, decision)
        stream.pending.add(entry)
        stream.prior[made.key] = entry.record
        stream.shared |= {row.key: row for row in entry.shared}
        return
    if decision.outcome == "quarantined":
        await quarantine(record, made, stream, desk)
    account(stream, desk, RecordOutcome(stream.file, record.number, made.key, decision.outcome, (), issues_of(made)))


def entry_of(record: Record, made: MappedRecord, stream: Stream, desk: Desk, decision: Any) -> Entry:
    """What a record to be stored puts into the transaction, and the rows of the ledger that follow it."""
    digest, now = record.digest(), desk.now()
    mapping = stream.mapping
    where = Place(stream.file, stream.file_digest, record.number, digest, instant(now))
    source = provenance(mapping, made, where, "UPDATE" if decision.update else "CREATE")
    resources = {f"{resource['resourceType']}/{resource['id']}": resource for resource in made.resources}
    row = SourceRecord(
        mapping.name, made.key, decision.digest, "stored", mapping.version, stream.file, record.number,
        made.version_key, tuple(resources), issues_of(made), None, int(now * 1_000_000),
    )  # fmt: skip
    shared = tuple(
        replace(
            row, source=SHARED, key=reference, digest=content_digest((resources[reference],)), resources=(), issues=()
        )
        for reference in decision.write
        if reference in made.shared
    )
    writes = [*(resources[reference] for reference in decision.write), source]
    return Entry(record, row, tuple(writes), decision.delete, shared, digest)


def issues_of(made: MappedRecord) -> tuple[dict[str, Any], ...]:
    return tuple(finding.as_dict() for finding in made.issues)


def account(stream: Stream, desk: Desk, outcome: RecordOutcome) -> None:
    """Counts the outcome and tells whoever listens."""
    stream.report.counts[outcome.outcome] += 1
    for issue in outcome.issues:
        stream.report.issues[issue["code"], issue["column"]] += 1
    desk.outcome(outcome)


async def quarantine(record: Record, made: MappedRecord, stream: Stream, desk: Desk) -> None:
    """Keeps the raw record for replay, once."""
    digest = record.digest()
    if digest in stream.known:
        return
    stream.known[digest] = 0
    row = SourceRecord(
        stream.mapping.name, made.key, digest, "quarantined", stream.mapping.version, stream.file, record.number,
        made.version_key, (), issues_of(made), record.raw(), int(desk.now() * 1_000_000),
    )  # fmt: skip
    await desk.ledger.append([row])


async def flush(stream: Stream, desk: Desk) -> None:
    """Writes what is pending as one transaction; when it is refused, record by record, so that one cannot hold up
    others."""
    entries = stream.pending.take()
    if not entries:
        return
    try:
        await commit(entries, stream, desk)
    except FhirError as error:
        if error.status >= 500:
            raise
        for entry in entries:
            await flush_alone(entry, stream, desk)


async def flush_alone(entry: Entry, stream: Stream, desk: Desk) -> None:
    try:
        await commit([entry], stream, desk)
    except FhirError as error:
        if error.status >= 500:
            raise
        refused = Finding("write-refused", (), "error", held_back=True, diagnostics=str(error))
        made = MappedRecord(entry.record.key, entry.record.version_key, (), (refused,), "quarantined")
        stream.prior.pop(entry.record.key, None)
        for row in entry.shared:
            stream.shared.pop(row.key, None)
        await quarantine(entry.source, made, stream, desk)
        found = RecordOutcome(stream.file, entry.record.record, entry.record.key, "quarantined", (), issues_of(made))
        account(stream, desk, found)


async def commit(entries: Sequence[Entry], stream: Stream, desk: Desk) -> None:
    """One transaction through the door, then the ledger, then the counts."""
    interaction = transaction(entries, principal_of(stream.mapping))
    (answer,) = await desk.write([interaction])
    if answer.status >= 400:
        raise FhirError("processing", f"the transaction was refused with status {answer.status}", status=answer.status)
    await desk.ledger.append([row for entry in entries for row in (entry.record, *entry.shared)])
    for entry in entries:
        if stream.known.get(entry.digest):
            await desk.ledger.release(stream.known.pop(entry.digest))
        row = entry.record
        account(stream, desk, RecordOutcome(stream.file, row.record, row.key, "stored", row.resources, row.issues))


def transaction(entries: Iterable[Entry], principal: Principal) -> Interaction:
    """A transaction Bundle of updates and deletes; a record's resources are in it with its Provenance."""
    listed: list[dict[str, Any]] = []
    for entry in entries:
        listed += [{"request": {"method": "DELETE", "url": reference}} for reference in entry.delete]
        for resource in entry.writes:
            url = f"{resource['resourceType']}/{resource['id']}"
            listed.append({"resource": resource, "request": {"method": "PUT", "url": url}})
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": listed}
    return Interaction("transaction", body=bundle, principal=principal, http_method="POST")


def principal_of(mapping: RecordMapping) -> Principal:
    """The program, acting for the institution the records come from."""
    return Principal(f"intake:{mapping.source}", "system", mapping.institution.key, (), ("system/*.cruds",))


async def state_institutions(source: Source, desk: Desk) -> None:
    """Writes the Organizations of a source, where they are new or changed."""
    if not source.mappings:
        return
    known = known_institutions(source.institutions)
    wanted = [organization(one, known) for one in source.institutions]
    found = await desk.ledger.latest(SHARED, [f"Organization/{one['id']}" for one in wanted])
    now, rows, entries = int(desk.now() * 1_000_000), [], []
    for one in wanted:
        key, digest = f"Organization/{one['id']}", content_digest((one,))
        if key not in found or found[key].digest != digest:
            rows.append(SourceRecord(SHARED, key, digest, "stored", "", f"{source.name}/source.yaml", 0, recorded=now))
            entries.append({"resource": one, "request": {"method": "PUT", "url": key}})
    if entries:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        principal = principal_of(source.mappings[0])
        await desk.write([Interaction("transaction", body=bundle, principal=principal, http_method="POST")])
        await desk.ledger.append(rows)


def instant(seconds: float) -> str:
    """A FHIR instant in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def replay(sources: Sequence[Source], desk: Desk, folders: dict[str, Path] | None = None) -> Report:
    """Takes the quarantined records through their mappings again, after a mapping was mended. ``folders`` says where a
    source's files lie, for lookups. What is stored now leaves the quarantine."""
    report = Report()
    for mapping in (mapping for source in sources for mapping in source.mappings):
        held: Any = desk.ledger.quarantined(mapping.name)
        held = await held if inspect.isawaitable(held) else held
        rows = [(sequence, record) async for sequence, record in held if record.raw is not None]
        if rows:
            folder = (folders or {}).get(mapping.source, Path())
            report.files.append(await replay_rows(mapping, rows, desk, folder))
    return report


async def replay_rows(
    mapping: RecordMapping, rows: list[tuple[int, SourceRecord]], desk: Desk, folder: Path
) -> FileReport:
    report = FileReport(f"{mapping.name} (replayed)", mapping.name)
    context = desk.tables.context(mapping, folder)
    for sequence, row in rows:
        stream = Stream(mapping, row.file, row.digest, context, report, {row.digest: sequence})
        await take_records(iter([Record.of(row.record, row.raw or b"{}")]), stream, desk, len(rows))
    return report
