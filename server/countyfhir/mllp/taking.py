"""Messages through the same intake as files: the mappings of their source, the one door, ledger and quarantine."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from countyfhir.exchange import SourceRecord
from countyfhir.intake.committing import quarantine
from countyfhir.intake.desk import Desk, Stream
from countyfhir.intake.institutions import state_institutions
from countyfhir.intake.readers.hl7_file import record_of
from countyfhir.intake.reading import Record
from countyfhir.intake.records import take_records, withdraw_deleted
from countyfhir.intake.report import FileReport, RecordOutcome
from countyfhir.intake.run import selects
from countyfhir.mapping import Context, MappedRecord, RecordMapping, Source
from countyfhir.mapping.finding import Finding
from countyfhir.mllp.held import Held
from countyfhir.mllp.peers import FORMAT
from countyfhir.outcome import FhirError
from countyfhir.store.ports import StoreUnusable

log = logging.getLogger(__name__)

REPEATABLE = frozenset((408, 429, 503, 507))
"""Statuses that a later try may mend."""
GRAVITY = ("unchanged", "stored", "rejected", "quarantined")
"""Of the outcomes that several mappings give to one message, the last of these stands."""
REUSED = "reused"


class Unavailable(Exception):
    """The message could not be taken now and nothing is known of it; a later try may succeed."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message, durably: the outcome of its record, the issues, whether it had come before."""

    outcome: str
    issues: tuple[dict[str, Any], ...] = ()
    resources: tuple[str, ...] = ()
    repeated: bool = False


@dataclass(slots=True)
class Lane:
    """The messages of one source, one after another; ``known`` is the name of what its ledger remembers of them."""

    source: Source
    desk: Desk
    mappings: tuple[RecordMapping, ...] = ()
    known: str = ""
    versions: str = ""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    held: dict[str, Held] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """The mappings of messages, in their order."""
        own = [one for one in self.source.mappings if one.format.format == FORMAT]
        self.mappings = tuple(sorted(own, key=lambda one: (one.order, one.name)))
        self.known = f"{self.source.name}/messages"
        self.held = {one.name: Held(one.name) for one in self.mappings}
        self.versions = ",".join(f"{one.name}|{one.version}" for one in self.mappings)

    @property
    def encoding(self) -> str:
        """What text without MSH-18 is read in."""
        return self.mappings[0].format.encoding

    async def begin(self) -> None:
        """States the institutions that records will refer to."""
        await state_institutions(self.source, self.desk)

    async def take(self, raw: bytes, control_id: str, sender: str) -> Taken:
        """Takes one message in; what is returned is durable. Unavailable when the store does not answer now.

        An exact repeat of a message that was stored is ``unchanged`` without another look; the same control id over
        other content is another message (M34)."""
        async with self.turn:
            try:
                return await self.taken(raw, control_id, sender)
            except FhirError as error:
                raise Unavailable(str(error)) from error
            except (StoreUnusable, OSError) as error:
                raise Unavailable(type(error).__name__) from error

    async def taken(self, raw: bytes, control_id: str, sender: str) -> Taken:
        digest = hashlib.sha256(raw).hexdigest()
        number, itself = f"MSH-10={control_id}", f"MSH-10={control_id};sha256={digest}"
        before = await self.desk.ledger.latest(self.known, [number, itself])
        same, other = before.get(itself), before.get(number)
        if same is not None and same.mapping_version == self.versions:
            return Taken("unchanged", repeated=True)
        reused = same.version_key == REUSED if same else other is not None and other.digest != digest
        file = f"{self.source.name}/mllp-{sender}/{control_id}"
        outcomes = [
            await self.through(mapping, record, file, digest, frozenset((control_id,)) if reused else frozenset())
            for mapping, record in self.chosen(raw)
        ]
        taken = summary(outcomes)
        keys = (number,) if taken.outcome == "quarantined" else (number, itself)
        await self.desk.ledger.append([self.row(key, digest, file, reused=reused) for key in keys])
        return taken

    def row(self, key: str, digest: str, file: str, *, reused: bool) -> SourceRecord:
        """What the ledger remembers of a message itself."""
        now = int(self.desk.now() * 1_000_000)
        mark = REUSED if reused else ""
        return SourceRecord(self.known, key, digest, "unchanged", self.versions, file, 1, mark, recorded=now)

    def chosen(self, raw: bytes) -> list[tuple[RecordMapping, Record]]:
        """The mappings that take the message, each with the record it sees; the last one, with the problem that
        nothing takes it, when there is none."""
        encodings = dict.fromkeys(one.format.encoding for one in self.mappings)
        records = {name: self.record(raw, name) for name in encodings}
        seen = [(one, records[one.format.encoding]) for one in self.mappings]
        found = [(one, record) for one, record in seen if record.problem is None and self.is_for(one, record)]
        if found:
            return found
        mapping, record = seen[-1]
        return [(mapping, record if record.problem else replace(record, problem="no-mapping"))]

    def record(self, raw: bytes, encoding: str) -> Record:
        mapping = next(one for one in self.mappings if one.format.encoding == encoding)
        return record_of(1, raw, mapping.format)

    def is_for(self, mapping: RecordMapping, record: Record) -> bool:
        """By ``sent``, else by ``only``; without either when the source has no other mapping of messages."""
        condition = mapping.format.sent or mapping.format.only
        return len(self.mappings) == 1 if condition is None else selects(condition, record)

    async def through(
        self, mapping: RecordMapping, record: Record, file: str, digest: str, reused: frozenset[str]
    ) -> RecordOutcome:
        """One record through one mapping. What breaks the intake itself is kept in quarantine, so that it cannot hold
        up the line for ever."""
        found: list[RecordOutcome] = []
        desk = replace(self.desk, outcome=found.append)
        stream = Stream(mapping, file, digest, Context(), FileReport(file, mapping.name), reused=reused)
        stream.known = await self.held[mapping.name].of(record.digest(), desk.ledger)
        try:
            await take_records(iter((record,)), stream, desk, 1)
            await withdraw_deleted(lambda: iter((record,)), stream, desk)
        except FhirError as error:
            if error.status in REPEATABLE:
                raise
            return await self.kept(record, stream, desk, error)
        except (StoreUnusable, OSError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours with this one message; the raw message is kept
            return await self.kept(record, stream, desk, error)
        return found[-1]

    async def kept(self, record: Record, stream: Stream, desk: Desk, error: Exception) -> RecordOutcome:
        log.error("a message could not be taken in (%s); it is in quarantine", type(error).__name__)
        finding = Finding("intake-failed", (), "error", held_back=True)
        made = await quarantine(record, MappedRecord("", "", (), (finding,), "quarantined"), stream, desk)
        return RecordOutcome(stream.file, 1, "", made.outcome, (), (finding.as_dict(),))


def summary(outcomes: Sequence[RecordOutcome]) -> Taken:
    """One outcome of a message that several mappings took."""
    gravest = max(outcomes, key=lambda one: GRAVITY.index(one.outcome)).outcome
    issues = tuple(issue for one in outcomes for issue in one.issues)
    return Taken(gravest, issues, tuple(reference for one in outcomes for reference in one.resources))


def lanes(sources: Sequence[Source], desk: Desk) -> dict[str, Lane]:
    """A lane for every source that has mappings of messages."""
    made = (Lane(one, desk) for one in sources)
    return {lane.source.name: lane for lane in made if lane.mappings}


def unreachable(lane: Lane) -> tuple[str, ...]:
    """Mappings that no sent message can come to: neither ``sent`` nor ``only`` says which are theirs."""
    several = len(lane.mappings) > 1
    return tuple(one.name for one in lane.mappings if several and not (one.format.sent or one.format.only))
