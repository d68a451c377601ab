"""What the program asks of a store. SQLite and MongoDB implement these protocols; one contract suite holds over
both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from msgspec import Struct

from countyfhir.exchange import ALL, AuditRecord, Carried, Grant, Plan, SourceRecord, Stored
from countyfhir.search.entries import Entry
from countyfhir.search.query import Query
from countyfhir.store.changed import Changed


class ConditionFailed(Exception):
    """A condition of a plan no longer holds: what was read has changed. The door reads again and retries.

    ``kind`` is version, criteria or definitions; ``subject`` names the resource ("Patient/1") or the criteria's type.
    """

    def __init__(self, kind: str, subject: str) -> None:
        self.kind, self.subject = kind, subject
        super().__init__(f"{kind}: {subject}")


class ReferencedStill(Exception):
    """A delete was refused: ``holders`` ("Observation/7", at most 20) still point to ``subject``."""

    def __init__(self, subject: str, holders: tuple[str, ...]) -> None:
        self.subject, self.holders = subject, holders
        super().__init__(subject)


class StoreUnusable(Exception):
    """The store cannot be opened (newer schema, another program's file, damage): the message says what to do."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search. ``cursor`` continues after the last match (None: this was the last page). ``total`` is None
    unless asked for. ``truncated`` names the includes whose limit was reached."""

    matches: tuple[Stored, ...]
    included: tuple[Stored, ...] = ()
    total: int | None = None
    cursor: tuple[object, ...] | None = None
    truncated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gathering:
    """One of several questions that are answered whole, not by pages: all matches of ``query`` that ``grant`` shows
    (its ``sort`` counts; without one they come as they were registered). ``towards`` names a reference parameter whose
    targets are told; ``shape`` makes of a body what is wanted of it, and None leaves bodies alone."""

    query: Query
    towards: str | None = None
    shape: Callable[[bytes], Any] | None = None
    grant: Grant = ALL


Row = tuple[str, str | None, tuple[str, ...], Any]
"""A match of a gathering: logical id, the Patient whose compartment it is in, the targets ("Type/id") of the reference
parameter asked about (absolute ones are left out), and what was made of its body."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The answers to gatherings, in their order, all from one state of the store; ``as_of`` is the instant of the last
    commit in it (microseconds; 0 in an empty store)."""

    as_of: int
    answers: tuple[list[Row], ...]


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """History of an instance (type and id), a type, or everything (both None), newest first.

    ``since``/``before`` bound lastUpdated (microseconds, inclusive/exclusive); ``at`` is an interval ``[low,
    high)``: the
    versions that were current at some time in it. ``cursor`` is the ``sequence`` after which to go on downwards.
    """

    resource_type: str | None = None
    logical_id: str | None = None
    since: int | None = None
    at: tuple[int, int] | None = None
    count: int = 50
    cursor: int | None = None
    resource_types: frozenset[str] | None = None  # only these (what the grant allows), for the system history


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """``versions`` newest first; ``cursor`` None on the last page; ``total`` counts all that match."""

    versions: tuple[Stored, ...]
    cursor: int | None
    total: int


Extract = Callable[[str, bytes], tuple[Iterable[Entry], Iterable[tuple[str, str]]]]
"""From a resource type and a stored body to the index entries and every literal (type, id) the resource points to."""


@dataclass(frozen=True, slots=True)
class Reindexed:
    """One batch of reindexing: resources looked at, how many had other entries than before, and where the next batch
    begins (None: it was the last)."""

    checked: int
    changed: int
    after: int | None


class ResourceStore(Protocol):
    """The clinical record: current versions, history, index entries, in one transaction."""

    definitions: int

    async def read(self, resource_type: str, logical_id: str) -> Stored | None:
        """The current version (a deletion too), or None when the id was never used."""

    async def vread(self, resource_type: str, logical_id: str, version_id: int) -> Stored | None:
        """That version, or None."""

    async def read_many(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Stored]:
        """Current versions of many, in one snapshot; absent keys are absent."""

    async def search(self, query: Query, grant: Grant = ALL) -> Page:
        """Matches the grant lets the caller see, includes likewise. FhirError timeout (503) past the time limit."""

    async def gather(self, wanted: Sequence[Gathering]) -> Gathered:
        """Every match of each, all from one snapshot. No time limit: it is for counting, not for pages."""

    async def history(self, query: HistoryQuery, grant: Grant = ALL) -> HistoryPage:
        """Versions that match."""

    async def commit(self, plan: Plan) -> tuple[Stored, ...]:
        """All writes of the plan, or none. Checks ``expected_version`` of each write and every Criteria again inside
        the
        transaction: ConditionFailed otherwise. Returns the stored versions in the order of ``plan.writes``, durable."""

    def shaped(self, entries: tuple[Entry, ...], references: tuple[tuple[str, str], ...]) -> object:
        """What a write's entries and references become in this store, as far as that follows from them alone:
        ``Write.shape``, which another process may make beforehand. None where nothing does."""

    async def visible(self, keys: Iterable[tuple[str, str]], grant: Grant) -> set[tuple[str, str]]:
        """Those of the current, undeleted resources that the grant lets the caller see (for read and history)."""

    async def wrote_first(self, resource_type: str, logical_id: str, organizations: Iterable[str]) -> bool:
        """Whether one of these Organizations (logical ids) wrote the resource first (``Write.author``); of a deleted
        one until it is written again."""

    async def definitions_version(self) -> int:
        """The version of the search definitions the database is at. ``definitions`` is the one this process works
        with: that of the moment it opened the store, until it is set after a reload. A commit with another one raises
        ConditionFailed("definitions", <version of the database>)."""

    async def raise_definitions_version(self) -> int:
        """Count that version up (a search parameter was added, changed or removed); returns the new one."""

    async def reindex(
        self, extract: Extract, *, resource_types: Iterable[str] | None = None, after: int = 0, count: int = 200
    ) -> Reindexed:
        """Make the index entries of the next ``count`` current resources anew; go on with the returned ``after`` (a job
        keeps it, so that reindexing resumes). Resources written meanwhile keep the entries of that write.
        ConditionFailed("definitions") as for a commit."""

    async def purge_history(self, resource_type: str, logical_id: str) -> int:
        """Remove all versions but the current one; returns how many."""

    async def last_sequence(self) -> int:
        """The sequence of the newest version; 0 when there is none."""

    async def changes(self, after: int, count: int) -> list[Stored]:
        """The next versions of all resources, deletions too, in the order they were committed: what comes after a
        sequence number is all that is new, whoever wrote it."""


class AuditStore(Protocol):
    """Who saw or changed what. Append-only."""

    async def append(self, records: Sequence[AuditRecord]) -> None:
        """Durable when it returns."""

    async def find(
        self, criteria: Mapping[str, Any], *, count: int, cursor: int | None
    ) -> tuple[list[tuple[int, AuditRecord]], int | None]:
        """Newest first, as (sequence, record). Criteria: patient, since, until, principal, action, resource (type, id),
        interaction, outcome."""

    async def read(self, sequence: int) -> AuditRecord | None:
        """One record."""

    async def expire(self, before: int) -> int:
        """Remove records older than the instant (retention); returns how many."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as kept: ``digest`` is SHA-256 of the secret (which has 256 random bits), never the secret."""

    key_id: str
    digest: bytes
    name: str
    organization: str | None
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    created: int
    expires: int | None = None
    revoked: bool = False


class KeyStore(Protocol):
    """API keys."""

    async def add(self, key: ApiKey) -> None: ...
    async def by_digest(self, digest: bytes) -> ApiKey | None: ...
    async def all(self) -> list[ApiKey]: ...
    async def revoke(self, key_id: str) -> bool: ...


class IntakeStore(Protocol):
    """The ledger of legacy records and the quarantine."""

    async def latest(self, source: str, keys: Sequence[str]) -> dict[str, SourceRecord]:
        """The last stored record of each key."""

    async def append(self, records: Sequence[SourceRecord]) -> None:
        """Keep what became of records. What is stored with resources travels in the ``Plan`` of their commit instead
        (``Plan.ledger``), so that both are there or neither is."""

    def quarantined(self, source: str | None = None, after: int = 0) -> AsyncIterator[tuple[int, SourceRecord]]:
        """What still lies in quarantine and came after that sequence, oldest first, as (sequence, record): ``async
        for``."""
        ...

    async def held(self, sequence: int) -> SourceRecord | None:
        """One record that lies in quarantine, or None."""

    async def release(self, sequence: int) -> None:
        """Take a record out of quarantine; the ledger keeps its row without the raw bytes."""


@dataclass(frozen=True, slots=True)
class Job:
    """Long work as a leased row. ``state`` is waiting, running, finished or failed; ``progress`` is what its kind
    keeps."""

    job_id: str
    kind: str
    state: str
    owner: str | None
    lease_until: int
    created: int
    progress: dict[str, Any]


class JobStore(Protocol):
    """Jobs that one process works on at a time; another takes over when the lease runs out."""

    async def add(self, job_id: str, kind: str, progress: dict[str, Any]) -> bool:
        """Add a waiting job; false when there is one of this id."""

    async def lease(self, kind: str, owner: str, until: int) -> Job | None:
        """The oldest unfinished job of the kind that nobody holds, now held by ``owner`` until the instant."""

    async def report(
        self, job_id: str, owner: str, until: int, progress: dict[str, Any], state: str = "running"
    ) -> bool:
        """Renew the lease, keep the progress; ``state`` finished or failed ends the job. False: it is no longer
        ours."""

    async def read(self, job_id: str) -> Job | None:
        """One job."""

    async def of_kind(self, kind: str) -> list[Job]:
        """All jobs of a kind, oldest first."""


@dataclass(frozen=True, slots=True)
class PersonRecord(Carried):
    """What the index of persons keeps of a Patient: the ``version`` it looked at, the golden record it belongs to
    (``person``; None: it is alone), what it is compared by, and the ``keys`` (signed 64-bit) it is found by.
    ``followed``: the keys under which it looks for others, of one that was just worked out; stores do not keep them."""

    patient: str
    version: int
    features: bytes
    keys: tuple[int, ...]
    person: str | None = None
    followed: tuple[int, ...] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PersonDecision:
    """What a human or a source said about two records: ``kind`` is link, unlink, merge (``a`` went into ``b``), review
    (still to be decided: ``by`` names the Task) or open (taken back). ``by`` names who or what said it; ``before`` is
    what taking it back restores."""

    a: str
    b: str
    kind: str
    by: str = ""
    recorded: int = 0
    before: dict[str, Any] = field(default_factory=dict)


class PersonStore(Protocol):
    """The index of persons: derived from the Patients, except for the decisions."""

    async def enter(self, records: Sequence[PersonRecord], finished: Mapping[str, int] = MappingProxyType({})) -> int:
        """Keep these records, durable; one that was there keeps its ``person``, and loses keys it no longer has. Then
        note up to which version of the ``finished`` ones it is known whose they are. Returns ``changes`` as it was
        just before: where it is what the caller had read before it looked around, nobody else has entered anything
        since."""

    async def changes(self) -> int:
        """How often records were entered or left, or decisions made, counted after each."""

    async def leave(self, patients: Sequence[str]) -> None:
        """Forget these records."""

    async def records(self, patients: Sequence[str]) -> dict[str, PersonRecord]:
        """Those that are there."""

    async def mates(self, keys: Sequence[int], most: int) -> dict[str, PersonRecord]:
        """The records that share one of the keys; a key that more than ``most`` records share is not followed."""

    async def members(self, persons: Sequence[str]) -> dict[str, PersonRecord]:
        """The records that belong to these golden records."""

    async def settle(self, persons: Mapping[str, tuple[str | None, int]]) -> None:
        """Patient -> the golden record it now belongs to, and the version up to which that is known (a smaller one
        than before does not count). One that was not entered is kept without keys."""

    async def linked(self, patients: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """For each id of a Patient or a golden record that has others: all ids of its person, the golden one too."""

    async def decide(self, decisions: Sequence[PersonDecision], forgotten: Sequence[tuple[str, str]] = ()) -> None:
        """Keep decisions, one for each pair in either order; forget those of the pairs given. In one transaction."""

    async def decisions(self, patients: Sequence[str]) -> list[PersonDecision]:
        """Those about any of the records."""

    async def seen(self, sequence: int | None = None) -> int:
        """The last change of a Patient that the index is known to have looked at; with an argument, set first."""

    async def clear(self) -> None:
        """Forget every record (not the decisions)."""


class Event(Struct, frozen=True, array_like=True):
    """A change that a Subscription is told of: the version, when it was committed (microseconds), and the ``change``:
    create, update or delete. Stores keep it as an array: new fields come last, with a default."""

    resource_type: str
    logical_id: str
    version_id: int
    sequence: int
    recorded: int
    change: str


@dataclass(frozen=True, slots=True)
class Registration:
    """What is kept of a Subscription beside the resource: ``owner`` and ``phase`` as ``exchange.Subscriber`` has them;
    changes after the sequence ``since`` concern it. ``number`` is that of its last notification, ``due`` the instant at
    which there is something to do for it, ``failures`` the attempts that failed since the last success, ``sent`` the
    instant of that success, ``error`` why the last attempt failed. ``stamp`` counts the writes of the resource."""

    subscription: str
    owner: bytes
    phase: str
    since: int
    number: int = 0
    stamp: int = 1
    due: int | None = None
    failures: int = 0
    sent: int = 0
    error: str = ""
    lease_until: int = 0


@dataclass(frozen=True, slots=True)
class Notification:
    """The ``number``-th event of a Subscription. ``state``: waiting, delivered, withheld (its owner may no longer see
    it), dead (given up) or discarded; ``changed`` is the instant of the state, ``reason`` why it is so."""

    subscription: str
    number: int
    event: Event
    state: str = "waiting"
    changed: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an attempt to tell a Subscription ended: the numbers that are ``settled`` with their states, what is to be
    kept (see ``Registration``), when to look again (``due``; None: not before something happens). ``seen`` is the last
    number that was known: what came later is due at once, unless ``failures``. ``stamp`` is that of the registration
    that was acted on. ``release``: the lease ends."""

    settled: Mapping[int, str]
    due: int | None
    seen: int
    stamp: int
    failures: int = 0
    sent: int | None = None
    error: str = ""
    release: bool = True


class OutboxStore(Protocol):
    """Who is to be told of changes, and of which each still has to be. ``ResourceStore.commit`` keeps the registrations
    (``Write.subscriber``)."""

    async def registrations(self) -> list[Registration]:
        """All of them."""

    async def registration(self, subscription: str) -> Registration | None:
        """That of one Subscription."""

    async def followed(self) -> int:
        """The sequence up to which changes have been looked at."""

    async def enter(self, after: int, upto: int, events: Sequence[tuple[str, Event]]) -> bool:
        """Changes up to ``upto`` have been looked at: put an event for each (subscription, event), numbered on in this
        order, in the same transaction. False, and nothing is done, when others have looked beyond ``after``."""

    async def lease(self, owner: str, now: int, until: int, count: int) -> list[Registration]:
        """Some that are due and that nobody holds, now held by ``owner`` until the instant."""

    async def renew(self, subscription: str, owner: str, until: int) -> bool:
        """Hold it longer. False: it is no longer ours."""

    async def report(self, subscription: str, owner: str, now: int, attempt: Attempt) -> bool:
        """Keep how an attempt ended. False, and nothing is kept: it is no longer ours."""

    async def notifications(
        self, subscription: str, first: int, last: int | None, count: int, state: str | None = None
    ) -> list[Notification]:
        """Those with numbers from ``first`` to ``last`` that are still kept, in order; of one state when it is said."""

    async def in_state(self, state: str, after: tuple[str, int] | None, count: int) -> list[Notification]:
        """Waiting or dead ones of all Subscriptions, by subscription and number, after a place."""

    async def settle(
        self, subscription: str, numbers: Sequence[int], states: Sequence[str], state: str, now: int, reason: str = ""
    ) -> int:
        """Those of the numbers that are in one of ``states`` are now in ``state``; returns how many. What waits again
        is due at once."""

    async def counts(self) -> dict[str, int]:
        """How many wait, and how many are dead."""

    async def forget(self, before: int, count: int) -> int:
        """Remove notifications that ended (neither waiting nor dead) before the instant, at most so many; returns how
        many."""


@dataclass(slots=True)
class Store:
    """The ports of one store, and its life cycle. Opened by the composition root."""

    resources: ResourceStore
    audit: AuditStore
    keys: KeyStore
    intake: IntakeStore
    jobs: JobStore
    persons: PersonStore
    outbox: OutboxStore
    secret: bytes = b""  # signs page cursors; the same in every process on this store
    info: dict[str, Any] = field(default_factory=dict)
    changed: Changed = field(default_factory=Changed)

    async def attend(self) -> None:
        """Wake who listens to ``changed`` when other processes commit, until cancelled."""

    def waiting(self) -> dict[str, int]:
        """How long its queues are, by name."""
        return {}

    def pool(self) -> dict[str, int]:
        """Connections or threads that it keeps, by state."""
        return {}

    async def close(self) -> None:
        """Finish what is in flight and let go of files and connections."""
        raise NotImplementedError
