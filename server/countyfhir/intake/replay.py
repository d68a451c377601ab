"""The quarantine once more, after a mapping was mended."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from countyfhir.exchange import SourceRecord
from countyfhir.intake.desk import Desk, Stream
from countyfhir.intake.readers.formats import READERS
from countyfhir.intake.reading import names
from countyfhir.intake.records import take_records
from countyfhir.intake.report import FileReport, Report
from countyfhir.mapping import RecordMapping, Source


async def replay(
    sources: Sequence[Source], desk: Desk, folders: dict[str, Path] | None = None, places: Sequence[int] = ()
) -> Report:
    """Takes the quarantined records through their mappings again, after a mapping was mended: those at ``places`` of
    the ledger, or all. ``folders`` says where a
    source's files lie; a mapping that looks something up there is left alone, with a problem in its report, where they
    do not say it. What is stored now leaves the quarantine."""
    report = Report()
    for mapping in (mapping for source in sources for mapping in source.mappings):
        held: Any = desk.ledger.quarantined(mapping.name)
        held = await held if inspect.isawaitable(held) else held
        rows = [
            (sequence, record)
            async for sequence, record in held
            if record.raw is not None and (not places or sequence in places)
        ]
        if rows:
            report.files.append(await replay_rows(mapping, rows, desk, (folders or {}).get(mapping.source)))
    return report


async def replay_rows(
    mapping: RecordMapping, rows: list[tuple[int, SourceRecord]], desk: Desk, folder: Path | None
) -> FileReport:
    report = FileReport(f"{mapping.name} (replayed)", mapping.name)
    if mapping.lookups and folder is None:
        report.counts["quarantined"] += len(rows)
        wanted = ", ".join(sorted({lookup.file for lookup in mapping.lookups}))
        report.problem = f"looks up {wanted}; name the folder, too: --source {mapping.source}=FOLDER"
        return report
    context = desk.tables.context(mapping, folder or Path())
    for sequence, row in rows:
        stream = Stream(mapping, row.file, row.file_digest, context, report, known={row.digest: sequence})
        record = READERS[mapping.format.format].again(row.record, row.raw or b"{}", mapping.format)
        if record.source:
            record.row.update(names(Path(row.file)))
        await take_records(iter([record]), stream, desk, len(rows))
    return report
