"""The intake: read -> map -> compare with the ledger -> write through the one door -> outcome, record by record."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from countyfhir.intake.desk import Desk, Progress, Stream
from countyfhir.intake.inputs import Input, Inputs
from countyfhir.intake.institutions import state_institutions
from countyfhir.intake.readers.formats import READERS
from countyfhir.intake.reading import FileFacts, Record, Unreadable
from countyfhir.intake.records import take_records, withdraw_deleted
from countyfhir.intake.report import FileReport, RecordOutcome, Report
from countyfhir.mapping.apply import identity
from countyfhir.mapping.finding import Finding, HeldBack
from countyfhir.mapping.tree_path import TreePath
from countyfhir.store.ports import IntakeStore


async def run(inputs: Inputs, desk: Desk) -> Report:
    """Takes in every file. One bad record never stops a file, one bad file never stops the intake; what the store
    itself refuses for now (503, 507) does, with everything written so far accounted for."""
    report = Report(unmatched=inputs.unmatched)
    for source in inputs.sources:
        await state_institutions(source, desk)
    for one in inputs.inputs:
        taken = await take_file(one, desk)
        if taken.read or taken.problem or not one.others:  # of a document only the mapping that took it is told of
            report.files.append(taken)
    return report


async def take_file(one: Input, desk: Desk) -> FileReport:
    """One file: inspected as a whole, then streamed."""
    mapping, report = one.mapping, FileReport(one.label, one.mapping.name)
    reader = READERS[mapping.format.format]
    facts = reader.inspect(one.path, mapping.format)
    if facts.problem is not None:
        return reject(report, facts, desk, facts.problem, one)
    context = desk.tables.context(mapping, one.path.parent)
    stream = Stream(mapping, one.label, facts.digest, context, report, one.path.parent, facts.reused)
    stream.known = await quarantined(desk.ledger, mapping.name)

    def records() -> Iterator[Record]:
        return chosen(one, reader.records(one.path, mapping.format))

    try:
        await take_records(records(), stream, desk, facts.records)
        await withdraw_deleted(records, stream, desk)
    except Unreadable as error:
        return reject(report, facts, desk, str(error), one)
    return report


def chosen(one: Input, records: Iterator[Record]) -> Iterator[Record]:
    """The records of the file that are for this mapping. The last mapping of a file also gets those that none takes, as
    ``no-mapping``."""
    only = one.mapping.format.only
    if only is None:
        yield from records
        return
    for record in records:
        if record.problem is not None:
            taken = one.last
        else:
            taken = selects(only, record)
            if not taken and one.last and not any(selects(other, record) for other in one.others):
                taken, record = True, replace(record, problem="no-mapping")
        if taken:
            yield record


def selects(only: TreePath, record: Record) -> bool:
    """Whether the condition of a mapping is true for a record; one that cannot be evaluated is not."""
    try:
        return only(record.row) is True
    except HeldBack:
        return False


def reject(report: FileReport, facts: FileFacts, desk: Desk, problem: str, one: Input) -> FileReport:
    """All records of a file that cannot be read are rejected (where several mappings divide it, once), with one issue
    of the file; the outcome of each says so."""
    if not one.last:
        return report
    report.problem = problem
    report.issues["M29f", ""] += 1
    finding = Finding("M29f", (), "error", diagnostics=problem).as_dict()
    keys = keys_of(one)
    for number in range(1, facts.records + 1):
        key = next(keys, "")
        if number > report.read:
            desk.outcome(RecordOutcome(report.file, number, key, "rejected", (), (finding,)))
    report.counts["rejected"] += max(facts.records - report.read, 0)
    desk.progress(Progress(report.file, facts.records, facts.records))
    return report


def keys_of(one: Input) -> Iterator[str]:
    """The natural keys of a file that is rejected, as far as they can be read."""
    try:
        for record in READERS[one.mapping.format.format].records(one.path, one.mapping.format):
            yield "" if record.problem else identity(one.mapping, record.row)
    except (Unreadable, ValueError):
        return


async def quarantined(ledger: IntakeStore, mapping: str) -> dict[str, int]:
    """What the quarantine holds for a mapping: digest of the record -> place in the ledger."""
    found: Any = ledger.quarantined(mapping)
    if inspect.isawaitable(found):
        found = await found
    return {record.digest: sequence async for sequence, record in found}
