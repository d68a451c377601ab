"""Records that are to be stored: one transaction through the one door, ledger included, then the counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from countyfhir.exchange import Account, Interaction, Principal, SourceRecord
from countyfhir.intake.desk import Desk, Stream
from countyfhir.intake.ledger import SHARED, Decision, content_digest
from countyfhir.intake.pending import Entry
from countyfhir.intake.reading import Record
from countyfhir.intake.report import RecordOutcome
from countyfhir.intake.withdrawing import withdrawn
from countyfhir.mapping import MappedRecord, RecordMapping
from countyfhir.mapping.apply import called
from countyfhir.mapping.finding import Finding
from countyfhir.mapping.provenance import Place, provenance, source_id
from countyfhir.outcome import FhirError
from countyfhir.store import instant


async def entry_of(record: Record, made: MappedRecord, stream: Stream, desk: Desk, decision: Decision) -> Entry:
    """What a record to be stored puts into the transaction, and the rows of the ledger that follow it."""
    digest, now = made.source_digest or record.digest(), int(desk.now() * 1_000_000)
    mapping = stream.mapping
    versions, gone = await withdrawn(decision.withdraw, desk) if decision.withdraw else ([], [])
    resources = {f"{resource['resourceType']}/{resource['id']}": resource for resource in made.resources}
    named = tuple(dict.fromkeys((*resources, *decision.withdraw)))
    source = prepared_source(made, mapping, decision, named)
    if source is None:
        where = place_of(record, made, stream.file, stream.file_digest, now)
        source = provenance(mapping, made, where, decision.activity, named)
    row = SourceRecord(
        mapping.name, made.key, decision.digest, "stored", mapping.version, stream.file, record.number,
        made.version_key, named, issues_of(made), None, now, stream.file_digest,
    )  # fmt: skip
    shared = tuple(
        shared_row(row, reference, resources[reference], made)
        for reference in decision.write
        if reference in made.shared
    )
    subject = replace(row, key=made.subject) if made.subject != made.key else None
    sourced = [source] if named else []
    writes = [*(resources[reference] for reference in decision.write), *versions, *sourced]
    return Entry(record, row, subject, tuple(writes), tuple(gone), shared, digest, made.ready)


def place_of(record: Record, made: MappedRecord, file: str, file_digest: str, now: int) -> Place:
    """Where a record stood; ``now`` in microseconds."""
    return Place(file, file_digest, record.number, made.source_digest or record.digest(), instant.text(now))


def prepared_source(
    made: MappedRecord, mapping: RecordMapping, decision: Decision, named: Sequence[str]
) -> dict[str, Any] | None:
    """The Provenance that was prepared with the record, where it turns out as was expected: something new, all of it
    under its own name."""
    ready = made.ready.get(f"Provenance/{source_id(mapping, made)}") if decision.activity == "CREATE" else None
    source: dict[str, Any] | None = ready.resource if ready is not None else None
    if source is None or [target["reference"] for target in source["target"]] != list(named):
        return None
    return source


def shared_row(row: SourceRecord, reference: str, resource: dict[str, Any], made: MappedRecord) -> SourceRecord:
    """What the ledger remembers of a resource that several records state; a stub gives way to any of them."""
    version = "" if reference in made.stubs else row.version_key
    digest = content_digest((resource,))
    return replace(row, source=SHARED, key=reference, digest=digest, version_key=version, resources=(), issues=())


def issues_of(made: MappedRecord) -> tuple[dict[str, Any], ...]:
    return tuple(finding.as_dict() for finding in made.issues)


def account(stream: Stream, desk: Desk, outcome: RecordOutcome) -> None:
    """Counts the outcome and tells whoever listens."""
    stream.report.counts[outcome.outcome] += 1
    for issue in outcome.issues:
        stream.report.issues[issue["code"], issue["column"]] += 1
    desk.outcome(replace(outcome, key=called(stream.mapping, outcome.key)) if stream.mapping.part else outcome)


async def quarantine(record: Record, made: MappedRecord, stream: Stream, desk: Desk) -> MappedRecord:
    """Keeps the raw record for replay, once. One that a person discarded before does not come back: it is
    ``rejected``."""
    digest = record.digest()
    if digest in stream.known:
        return made
    if await desk.ledger.latest(discarded_in(stream.mapping.name), [digest]):
        return replace(made, issues=(*made.issues, Finding("discarded", (), "information")), outcome="rejected")
    stream.known[digest] = 0
    row = SourceRecord(
        stream.mapping.name, made.key, digest, "quarantined", stream.mapping.version, stream.file, record.number,
        made.version_key, (), issues_of(made), record.raw(), int(desk.now() * 1_000_000), stream.file_digest,
    )  # fmt: skip
    await desk.ledger.append([row])
    return made


def discarded_in(mapping: str) -> str:
    """The ledger's name for records of a mapping that a person discarded; their key is the digest of the record."""
    return f"{mapping}#discarded"


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
        for row in entry.rows:
            stream.prior.pop(row.key, None)
        for shared in entry.shared:
            stream.shared.pop(shared.key, None)
        made = await quarantine(entry.source, made, stream, desk)
        found = RecordOutcome(stream.file, entry.record.record, entry.record.key, made.outcome, (), issues_of(made))
        account(stream, desk, found)


async def commit(entries: Sequence[Entry], stream: Stream, desk: Desk) -> None:
    """One transaction through the door: resources, Provenances, ledger rows and what leaves the quarantine are there
    together or not at all, whenever the process ends. Then the counts."""
    ledger = tuple(row for entry in entries for row in (*entry.rows, *entry.shared))
    released = tuple(place for entry in entries if (place := stream.known.get(entry.digest)))
    ready = {name: one for entry in entries for name, one in entry.ready.items()}
    interaction = transaction(entries, principal_of(stream.mapping), Account(ledger, released, ready))
    (answer,) = await desk.write([interaction])
    if answer.status >= 400:
        raise FhirError("processing", f"the transaction was refused with status {answer.status}", status=answer.status)
    for entry in entries:
        stream.known.pop(entry.digest, None)
        row = entry.record
        account(stream, desk, RecordOutcome(stream.file, row.record, row.key, "stored", row.resources, row.issues))


def transaction(entries: Iterable[Entry], principal: Principal, account: Account) -> Interaction:
    """A transaction Bundle of updates (and deletes of what has no state); a record's resources are in it with its
    Provenance, and the rows of the ledger beside it."""
    given = list(entries)
    gone = [reference for entry in given for reference in entry.delete]
    return bundled((resource for entry in given for resource in entry.writes), gone, principal, account)


def bundled(
    writes: Iterable[dict[str, Any]], gone: Iterable[str], principal: Principal, account: Account
) -> Interaction:
    """A transaction Bundle of updates and deletes, with what the intake brings together with it."""
    listed: list[dict[str, Any]] = [{"request": {"method": "DELETE", "url": reference}} for reference in gone]
    for resource in writes:
        url = f"{resource['resourceType']}/{resource['id']}"
        listed.append({"resource": resource, "request": {"method": "PUT", "url": url}})
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": listed}
    return Interaction("transaction", body=bundle, principal=principal, http_method="POST", account=account)


def principal_of(mapping: RecordMapping) -> Principal:
    """The program, acting for the institution the records come from."""
    return Principal(f"intake:{mapping.source}", "system", mapping.institution.key, (), ("system/*.cruds",))
