"""What the server offers of the intake: a record through its mapping, replay and discard of the quarantine."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from countyfhir.exchange import SourceRecord
from countyfhir.intake.committing import discarded_in
from countyfhir.intake.desk import Desk
from countyfhir.intake.handing_over import take
from countyfhir.intake.readers.formats import READERS
from countyfhir.intake.reading import Record, Unreadable, of_row
from countyfhir.intake.replay import replay
from countyfhir.interactions.world import Converted
from countyfhir.mapping import RecordMapping, Source, apply
from countyfhir.mapping.finding import Finding
from countyfhir.model import json
from countyfhir.outcome import FhirError

MOST = 1000
"""Records that are converted at once."""


@dataclass(frozen=True, slots=True)
class Legacy:
    """The intake as the operations see it (``interactions.world.LegacyIntake``). ``sources`` reads the mapping files
    when they are first needed, ``desk`` makes the desk of a replay."""

    sources: Callable[[], Sequence[Source]]  # as they are now: a mended mapping counts at once
    desk: Callable[[], Desk]
    settings: Callable[[], Mapping[str, str]]  # of the server, as environment variables

    def convert(self, mapping: str, raw: bytes, is_json: bool) -> list[Converted]:
        """What the records become: JSON objects by columns, or a piece of a file as the mapping's reader takes it.
        Nothing is looked up in other files."""
        known = {one.name: one for source in self.sources() for one in source.mappings}
        if mapping not in known:
            raise FhirError("not-found", f"There is no mapping {mapping[:64]!r}.", status=404, expression="mapping")
        one = known[mapping]
        try:
            records = json_of(raw, one) if is_json else records_of(raw, one)
        except (Unreadable, ValueError) as error:
            raise FhirError("structure", f"The record cannot be read: {error}", expression="record") from error
        return [converted(one, record) for record in records]

    async def replay(self, places: Sequence[int]) -> tuple[Counter[str], list[str]]:
        """Quarantined records through their mappings again: outcomes, and why some were left where they are."""
        report = await replay(self.sources(), self.desk(), None, places)
        problems = [f"{one.file}: {one.problem}" for one in report.files if one.problem]
        return report.total(), problems

    async def take(self, source: str, files: Path, report: Path, dry_run: bool) -> str | None:
        """The files in a folder, taken in by a process of its own; None, or why it could not be done."""
        if source not in {one.name for one in self.sources()}:
            return f"the sources are {', '.join(sorted(one.name for one in self.sources()))}"
        return await take(self.settings(), source, files, report, dry_run)

    async def discard(self, place: int, record: SourceRecord, who: str, reason: str) -> None:
        """Takes a record out of quarantine for good. The ledger keeps who did it, when and why."""
        desk = self.desk()
        note = {"code": "discarded", "severity": "information", "column": "", "diagnostics": reason, "by": who}
        row = replace(
            record,
            source=discarded_in(record.source),
            key=record.digest,
            outcome="unchanged",
            issues=(*record.issues, note),
            raw=None,
            recorded=int(desk.now() * 1_000_000),
        )
        await desk.ledger.append([row])
        await desk.ledger.release(place)


def json_of(raw: bytes, mapping: RecordMapping) -> list[Record]:
    """The records of JSON: of a mapping whose files are JSON the file, where it is one, else objects by columns."""
    if mapping.format.format in ("json", "fhir"):
        with suppress(Unreadable):
            found = records_of(raw, mapping)
            if found and all(record.problem is None for record in found):
                return found
    return rows_of(raw)


def rows_of(raw: bytes) -> list[Record]:
    """One object by columns, or a list of them."""
    try:
        data = json.parse(raw) if raw.lstrip()[:1] == b"{" else json.parse(b'{"rows":' + raw + b"}")["rows"]
    except FhirError as error:
        raise Unreadable(error.issues[0].diagnostics) from error
    rows = data if isinstance(data, list) else [data]
    if len(rows) > MOST or not all(isinstance(row, dict) for row in rows):
        raise Unreadable(f"expected an object by columns, or a list of at most {MOST}")
    return [of_row(number, json.dumps(row), None) for number, row in enumerate(rows, 1)]  # type: ignore[arg-type]


def records_of(raw: bytes, mapping: RecordMapping) -> list[Record]:
    """The records of a piece of a file, header included where the format has one."""
    reader = READERS[mapping.format.format]
    with tempfile.TemporaryDirectory(prefix="countyfhir-") as folder:
        path = Path(folder) / "record"
        path.write_bytes(raw)
        facts = reader.inspect(path, mapping.format)
        if facts.problem is not None:
            raise Unreadable(facts.problem)
        if facts.records > MOST:
            raise Unreadable(f"at most {MOST} records are converted at once")
        return list(reader.records(path, mapping.format))


def converted(mapping: RecordMapping, record: Record) -> Converted:
    if record.problem is not None:
        finding = Finding(record.problem, (), "error", held_back=True)
        return Converted("", "quarantined", (), (finding.as_dict(),))
    made = apply(mapping, record.row)
    return Converted(made.key, made.outcome, made.resources, tuple(issue.as_dict() for issue in made.issues))
