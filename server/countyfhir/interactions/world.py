"""What an interaction may lean on: the store, the policies of this server, and the rooms it is given as functions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from countyfhir.exchange import Answer, AuditRecord, Grant, Interaction, Principal, Resource, SourceRecord
from countyfhir.interactions.conformance_changes import Followers
from countyfhir.interactions.giving_way import Busy
from countyfhir.interactions.persons.compared import Compared
from countyfhir.interactions.persons.finished import Finished
from countyfhir.interactions.provenance_patterns import Patterns
from countyfhir.model.definitions import Definitions
from countyfhir.outcome import Issue
from countyfhir.search.custom import Custom
from countyfhir.search.parameters import Table
from countyfhir.search.parse import Context as SearchContext
from countyfhir.store.ports import Store
from countyfhir.terminology.knowledge import Terminology, open_terminology
from countyfhir.validation.requirements import Requirements

if TYPE_CHECKING:
    from countyfhir.access.callers import Callers
    from countyfhir.access.labels import Labels
    from countyfhir.access.relating import Relating
    from countyfhir.identity.rules import Rules
    from countyfhir.interactions.acting_for import Acting
    from countyfhir.subscriptions.doors import Doors
    from countyfhir.validation.profiles import Profiles
    from countyfhir.validation.rules.finding import Knowledge
    from countyfhir.workflow.situation import Tables


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that is offered, as one record: route, CapabilityStatement, access check and docs follow from it.

    ``code`` without its ``$``; ``resource_types`` () for all; ``on_*`` where it may be called; ``affects_state``
    ones only
    by POST (R4 section 3.2.0.1); ``definition`` the canonical of its OperationDefinition; ``letters`` what scopes must
    grant (see ``access.operations``).
    """

    code: str
    perform: Callable[[Interaction, Grant, World], Awaitable[Answer]]
    definition: str
    resource_types: tuple[str, ...] = ()
    on_system: bool = False
    on_type: bool = False
    on_instance: bool = False
    affects_state: bool = False
    takes_anything: bool = False  # its body need be no Parameters and may be broken: it says itself what is wrong
    takes_alone: str = ""  # type of a resource that may be posted instead of Parameters that hold it


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that change what interactions do (``settings.py`` documents each)."""

    update_create: bool = True
    conditional_delete_multiple: bool = False
    delete_referenced: bool = False  # True: a resource that others point to may be deleted
    default_count: int = 20
    max_count: int = 1000
    bundle_max_entries: int = 10_000
    attempts: int = 8  # how often a write is built again after a lost race
    validation: bool = True
    requirements: Requirements = field(default_factory=Requirements)
    reference_checks: str = "off"  # or exists, placeholder


@dataclass(frozen=True, slots=True)
class Converted:
    """What a legacy record becomes without being stored: natural key, outcome (mapped, quarantined, rejected, deleted),
    resources, issues (code, severity, column, diagnostics)."""

    key: str
    outcome: str
    resources: tuple[Resource, ...]
    issues: tuple[dict[str, Any], ...]


class LegacyIntake(Protocol):
    """What operations ask of the intake; the composition root gives it."""

    def convert(self, mapping: str, raw: bytes, is_json: bool) -> list[Converted]: ...
    async def replay(self, places: Sequence[int]) -> tuple[Mapping[str, int], list[str]]: ...
    async def discard(self, place: int, record: SourceRecord, who: str, reason: str) -> None: ...
    async def take(self, source: str, files: Path, report: Path, dry_run: bool) -> str | None: ...


@dataclass(slots=True)
class Searching:
    """What search text is read against and resources are indexed with: one ``context`` that is replaced as a whole
    when search parameters change. ``waiting``: url -> job of parameters that are not ready. ``shipped``: the county's
    own parameters that come with the program. ``behind``: the job that
    makes entries of another version of this program anew, while it goes on. Who waits for a change takes ``changed``
    before looking, and waits for that one."""

    context: SearchContext
    waiting: dict[str, str] = field(default_factory=dict)
    shipped: tuple[Custom, ...] = ()
    behind: str | None = None
    reloading: asyncio.Lock = field(default_factory=asyncio.Lock)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def announce(self) -> None:
        """Wake all that wait for a change."""
        over, self.changed = self.changed, asyncio.Event()
        over.set()


@dataclass(frozen=True, slots=True)
class World:
    """Everything an interaction is given. One object per process, made by the composition root."""

    store: Store
    definitions: Definitions
    policy: Policy
    searching: Searching
    grant_of: Callable[[Principal], Grant]
    check_access: Callable[[Interaction, Grant], Grant]
    check_resource: Callable[[Resource], list[Issue]]
    audit: Callable[[Sequence[AuditRecord]], Awaitable[None]]
    now: Callable[[], int]  # microseconds since 1970-01-01T00:00Z
    new_id: Callable[[], str]
    operations: tuple[Operation, ...] = ()
    version: str = "0"
    started: str = "2026-01-01"  # date of the CapabilityStatement
    security: tuple[str, ...] = ()  # codes of restful-security-service
    cors: bool = False  # whether browsers of other origins may call
    followers: Followers = field(default_factory=Followers)
    terminology: Terminology = field(default_factory=lambda: open_terminology(None))
    profiles: Profiles | None = None
    person_rules: Callable[[], Rules] | None = None  # how records of persons are compared; None: they are not
    legacy: LegacyIntake | None = None
    notifying: Doors | None = None  # who is told of changes; None: Subscriptions are only kept
    scratch: Callable[[], AbstractAsyncContextManager[Store]] | None = None  # an empty store of one's own, for a while
    patterns: Patterns = field(default_factory=Patterns)
    finished: Finished = field(default_factory=Finished)
    compared: Compared = field(default_factory=Compared)
    busy: Busy = field(default_factory=Busy)
    rules: Tables | None = None  # of the county's workflows; None: they are off
    access: Relating | None = None  # what gives an institution a relation to a resident
    callers: Callers | None = None  # what an institution may see and write; None: all that its scopes allow
    labels: Labels | None = None  # of sensitive data; None: nothing is labelled
    acting: dict[str, Acting] = field(default_factory=dict)  # whom organizations act for, as lately seen
    statements: dict[Table, bytes] = field(default_factory=dict)  # CapabilityStatement.rest, for the present table

    @property
    def knowledge(self) -> Knowledge:
        """What validation may ask: the terminology and the profiles of this server."""
        from countyfhir.validation.rules.finding import knowledge_of, nothing  # not needed to start

        if self.profiles is None:
            return knowledge_of(self.terminology, nothing)
        return knowledge_of(self.terminology, self.profiles.profile_check, extensions=self.profiles.extension_findings)

    @property
    def search(self) -> SearchContext:
        """The present search context; take it once for what belongs together."""
        return self.searching.context
