"""What every step of an intake needs, and what one file carries on its way."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from countyfhir.exchange import Answer, Interaction, SourceRecord
from countyfhir.intake.ahead import Ahead, in_turn
from countyfhir.intake.events.index import Index
from countyfhir.intake.lookups import Tables
from countyfhir.intake.pending import Pending
from countyfhir.intake.report import FileReport, RecordOutcome
from countyfhir.mapping import Context, RecordMapping
from countyfhir.store.ports import IntakeStore

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
    batch: int = 500
    now: Callable[[], float] = time.time
    tables: Tables = field(default_factory=Tables)
    ahead: Ahead = in_turn


@dataclass(slots=True)
class Stream:
    """The records of one file on their way: what they are mapped by, where they come from, what became of them so
    far."""

    mapping: RecordMapping
    file: str
    file_digest: str
    context: Context
    report: FileReport
    folder: Path = Path()  # where the file lies, for what its records look up
    reused: frozenset[str] = frozenset()  # keys that stand over several records of the file
    known: dict[str, int] = field(default_factory=dict)  # digest of a quarantined record -> its place in the ledger
    pending: Pending = field(default_factory=Pending)
    prior: dict[str, SourceRecord] = field(default_factory=dict)
    shared: dict[str, SourceRecord] = field(default_factory=dict)
    events: Index | None = None  # what is known of the events of a batch
    deleted: dict[str, int] = field(default_factory=dict)  # known keys of rows marked as deleted -> their number
    waiting: set[str] = field(default_factory=set)  # Patients that would have to be one person for events to be one
