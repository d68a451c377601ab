"""The values that pass between rooms: who asks (Principal, Grant), what (Interaction), what is written (Plan), what is
answered (Answer). All are frozen; resources inside them stay plain dicts and are never changed once they are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from countyfhir.outcome import Issue
    from countyfhir.search.entries import Entry
    from countyfhir.search.query import Clause, Query

changed = msgspec.structs.replace
"""An altered copy of one of the Structs below."""

Resource = dict[str, Any]
"""A FHIR resource as parsed JSON: decimals are ``decimal.Decimal``, everything else plain Python."""


class Principal(Struct, frozen=True):
    """Who asks: the key or token, the one Organization it acts for, its roles and its SMART scopes."""

    name: str
    kind: str = "local"  # local | key | token | system
    organization: str | None = None  # a logical id of an Organization, or its business code
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    patient: str | None = None  # logical id of the Patient in context (patient/ scopes)


LOCAL = Principal("local", "local", scopes=("system/*.cruds",))
"""The unauthenticated caller on the loopback address."""
SYSTEM = Principal("countyfhir", "system", scopes=("system/*.cruds",))
"""The program itself: command line, intake, jobs."""


class Preconditions(Struct, frozen=True):
    """The conditional headers of a request or of a bundle entry's ``request`` (R4 section 3.1.0.5.1)."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_none_exist: str | None = None  # a search query without '?'
    if_modified_since: str | None = None


class Preferences(Struct, frozen=True):
    """``Prefer``: ``returns`` is None (default representation), minimal, representation or OperationOutcome."""

    returns: str | None = None
    handling: str = "strict"
    respond_async: bool = False


class Interaction(Struct, frozen=True):
    """One thing that is asked, over whatever edge it came.

    ``kind`` is FHIR's interaction code: read, vread, update, patch, delete, create, search-type, search-system,
    history-instance, history-type, history-system, capabilities, batch, transaction; ours: search-compartment,
    operation.
    ``query`` keeps the order and repetition of the parameters, decoded. A conditional update, patch or delete is one
    without ``logical_id`` whose criteria stand in ``query``. ``body`` is the parsed resource, a patch document, or the
    raw bytes of a Binary; ``content_type`` its media type without parameters.
    """

    kind: str
    resource_type: str | None = None
    logical_id: str | None = None
    version_id: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    content_type: str | None = None
    preconditions: Preconditions = Preconditions()
    preferences: Preferences = Preferences()
    principal: Principal = LOCAL
    base: str = "http://127.0.0.1:8080/fhir"
    request_id: str = ""
    operation: str | None = None  # with its '$'
    compartment: tuple[str, str] | None = None  # ("Patient", "123") of search-compartment
    client: str | None = None  # network address of the caller, for the audit record
    http_method: str = "GET"
    purpose: str | None = None  # purpose of use, for the audit record
    text: bytes | None = None  # the body as it was sent, where problems are to be shown in it
    account: Account | None = None  # of a transaction of the intake: what is remembered in the same commit


@dataclass(frozen=True, slots=True)
class Grant:
    """What a principal may do, compiled from its scopes.

    ``permissions`` maps a resource type (or ``*``) to the letters c r u d s it may. ``narrowing`` maps a resource type
    (or ``*``) to alternatives, each a conjunction of search clauses; a resource of that type is visible when one
    alternative holds. A type that is absent from ``narrowing`` (and no ``*``) is not narrowed. ``digest``
    identifies the grant inside page cursors. ``covered``: narrowed to what the caller's institution may see.
    """

    permissions: Mapping[str, frozenset[str]]
    narrowing: Mapping[str, tuple[tuple[Clause, ...], ...]] = field(default_factory=dict)
    digest: str = ""
    covered: bool = False

    def may(self, letter: str, resource_type: str) -> bool:
        """Whether the interaction letter (c, r, u, d or s) is granted on the type."""
        permissions = self.permissions
        return letter in permissions.get(resource_type, ()) or letter in permissions.get("*", ())

    def narrowed(self, resource_type: str) -> tuple[tuple[Clause, ...], ...] | None:
        """The alternatives that narrow the type, or None when all of it is visible."""
        return self.narrowing.get(resource_type, self.narrowing.get("*"))


ALL = Grant({"*": frozenset("cruds")}, {}, "all")
"""The grant of the program itself and of the local caller."""


class Carried:
    """A dataclass with slots that often goes from one process to another: it is put together from its values, which
    takes a fifth of the time that dataclasses need."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """How pickle takes it apart."""
        names: tuple[str, ...] = self.__slots__
        return type(self), tuple([getattr(self, name) for name in names])


@dataclass(frozen=True, slots=True)
class Body(Carried):
    """A resource as the JSON text that will be served, open at the place where the store stamps it.

    The text is ``head + b'"versionId":"7","lastUpdated":"2026-01-02T03:04:05.678Z"' + tail``: the store orders
    commits and so knows the instant (DESIGN decision 14).
    """

    head: bytes
    tail: bytes


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What is kept of a Subscription beside the resource, in the commit of its write. ``owner`` is the principal whose
    grant decides what it may be told (None: as it was); ``phase``: requested (its endpoint has not been reached yet),
    on, stopped, or gone (with all its notifications)."""

    phase: str
    owner: bytes | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One resource to write. ``expected_version`` is the version that was read (0: no row was there; a deleted one
    has its
    number), or None for a write that does not care. ``body`` and ``entries`` are filled before the commit, from
    ``resource``; a delete has neither."""

    method: str  # POST | PUT | PATCH | DELETE, as history shows it
    resource_type: str
    logical_id: str
    resource: Resource | None = None
    expected_version: int | None = None
    body: Body | None = None
    entries: tuple[Entry, ...] = ()
    references: tuple[tuple[str, str], ...] = ()  # every literal (type, id) the resource points to
    patient: str | None = None  # logical id of the Patient whose compartment it is in (first, if several)
    unreferenced: bool = False  # a delete that must be refused while others point to it
    author: tuple[str, ...] = ()  # ids of the Organization that writes it first: kept while the resource is there
    shape: Any = None  # what the store made of entries and references beforehand (ResourceStore.shaped)
    subscriber: Subscriber | None = None  # of a Subscription

    def prepared(
        self,
        resource: Resource | None,
        body: Body,
        entries: tuple[Entry, ...],
        references: tuple[tuple[str, str], ...],
        patient: str | None,
        shape: Any = None,
    ) -> Write:
        """The write with what a store takes of it (``dataclasses.replace`` takes several times as long)."""
        return Write(
            self.method,
            self.resource_type,
            self.logical_id,
            resource,
            self.expected_version,
            body,
            entries,
            references,
            patient,
            self.unreferenced,
            self.author,
            shape,
            self.subscriber,
        )


@dataclass(frozen=True, slots=True)
class Criteria:
    """A condition of a plan: inside the commit, ``query`` must still find exactly ``logical_ids`` (order does not
    count). Evaluated against the state before the plan's own writes."""

    query: Query
    logical_ids: frozenset[str]


class AuditRecord(Struct, frozen=True, array_like=True):
    """One access, compact; ``audit/`` renders it as an AuditEvent (DICOM PS3.15, IHE BALP). Stores keep it as an array:
    new fields come last, with a default."""

    recorded: int  # microseconds since 1970-01-01T00:00Z
    interaction: str  # FHIR interaction code
    action: str  # C R U D E
    outcome: str  # 0 4 8 12
    principal: str
    organization: str | None = None
    resource_type: str | None = None
    logical_id: str | None = None
    version_id: str | None = None
    patients: tuple[str, ...] = ()  # logical ids of the patients concerned
    query: str | None = None
    client: str | None = None
    request_id: str = ""
    purpose: str | None = None
    status: int = 200


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """What intake remembers of a legacy record: ``source`` (mapping id), natural ``key``, ``digest`` of its content,
    ``version_key`` (what orders versions of one record, "" if none), ``outcome``, ``resources`` it became
    ("Type/id")."""

    source: str
    key: str
    digest: str
    outcome: str  # stored | unchanged | quarantined | rejected
    mapping_version: str
    file: str
    record: int  # 1-based position in the file
    version_key: str = ""
    resources: tuple[str, ...] = ()
    issues: tuple[dict[str, Any], ...] = ()
    raw: bytes | None = None  # kept while quarantined
    recorded: int = 0
    file_digest: str = ""  # SHA-256 of the file it stood in


class Ready(Struct, frozen=True):
    """A resource that was checked, serialised and indexed beforehand, by another process. ``resource`` is the very
    object it was made of; ``definitions`` the version of the search definitions its entries were made with."""

    resource: Any
    definitions: int
    body: Body
    entries: tuple[Entry, ...]
    references: tuple[tuple[str, str], ...]
    patient: str | None
    shape: Any = None
    person: Any = None  # of a Patient: what the index of persons keeps of it (store.ports.PersonRecord)


class Account(Struct, frozen=True):
    """What the intake brings together with a write: ``ledger`` rows of the records, the places in the ledger of those
    that leave the quarantine by it, and the resources ("Type/id") that are ``ready``."""

    ledger: tuple[SourceRecord, ...] = ()
    released: tuple[int, ...] = ()
    ready: Mapping[str, Ready] = {}


@dataclass(frozen=True, slots=True)
class Plan:
    """What one interaction writes, atomically: writes, the conditions they rest on, the audit records of it.
    ``raises_definitions``: it changes what is indexed, so the definitions version is counted up with it. ``account``:
    what the ledger of the intake remembers, in the same commit."""

    writes: tuple[Write, ...] = ()
    criteria: tuple[Criteria, ...] = ()
    audit: tuple[AuditRecord, ...] = ()
    raises_definitions: bool = False
    account: Account | None = None


class Stored(Struct, frozen=True):
    """A version of a resource as the store keeps it; ``body`` is the JSON text that is served (None when deleted).

    ``last_updated`` is in microseconds since 1970-01-01T00:00Z, whole milliseconds. ``sequence`` orders all
    versions of all resources as they were committed.
    """

    resource_type: str
    logical_id: str
    version_id: int
    last_updated: int
    body: bytes | None
    method: str = "PUT"
    sequence: int = 0
    patient: str | None = None

    @property
    def deleted(self) -> bool:
        """Whether this version is a deletion."""
        return self.body is None


class Answer(Struct, frozen=True):
    """What goes back. ``body`` is a finished JSON text (bytes), a resource (dict) still to be serialised, or None.

    ``stored`` is the version the answer shows, when it shows one (ETag, Last-Modified and Location follow from it).
    ``content_type`` is set only where the body is not FHIR (a raw Binary). ``patients`` are the logical ids of the
    patients whose data the answer shows, for the audit record.
    """

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes | Resource | None = None
    stored: Stored | None = None
    content_type: str | None = None
    patients: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()  # warnings of a write, for an OperationOutcome that is asked for
