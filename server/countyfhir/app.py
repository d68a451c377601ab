"""The composition root: settings in, a running server out. With ``settings.py`` and ``cli/`` the only file that
knows every room (DESIGN: layout)."""

from __future__ import annotations

import asyncio
import gc
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from countyfhir import __version__, shipped
from countyfhir.access import check, grants
from countyfhir.access.authenticate import Authenticator
from countyfhir.access.callers import Callers
from countyfhir.access.labels import Labels
from countyfhir.access.relating import Relating
from countyfhir.access.smart import AuthorizationServer, smart_configuration
from countyfhir.audit.queue import AuditQueue
from countyfhir.audit.retention import expire_forever
from countyfhir.exchange import Answer, AuditRecord, Grant, Interaction, Principal, Resource
from countyfhir.http.address import Addressing
from countyfhir.http.cors import Cors
from countyfhir.http.endpoint import Endpoint, Observer
from countyfhir.http.log_lines import places
from countyfhir.http.request import Edge
from countyfhir.http.watching import Tracer, Watch, Watched, tracing
from countyfhir.identity.rules import Rules, shipped_rules
from countyfhir.identity.rules import load as load_rules
from countyfhir.interactions import (
    conformance_changes,
    county_definitions,
    extraction,
    r4_definitions,
    reindexing,
    search_parameters,
    subscribing,
    timers,
    warming,
    workers,
)
from countyfhir.interactions.late_intake import LateIntake
from countyfhir.interactions.logical_ids import new_id
from countyfhir.interactions.perform import perform
from countyfhir.interactions.persons import index as persons
from countyfhir.interactions.world import LegacyIntake, Policy, Searching, World
from countyfhir.model import json
from countyfhir.model.definitions import definitions
from countyfhir.operations import described
from countyfhir.operations.table import OPERATIONS
from countyfhir.outcome import FhirError, Issue
from countyfhir.search import custom, named_queries, parameters, parse
from countyfhir.settings import Settings
from countyfhir.store import sqlite
from countyfhir.store.ports import Store, StoreUnusable
from countyfhir.store.sqlite.scratch import scratch
from countyfhir.subscriptions import topics
from countyfhir.subscriptions.doors import Doors
from countyfhir.subscriptions.sending import Sender
from countyfhir.subscriptions.serving import serve_forever
from countyfhir.terminology import problems
from countyfhir.terminology.knowledge import Terminology, open_terminology
from countyfhir.validation import requirements, structure
from countyfhir.validation.profiles import Profiles
from countyfhir.workflow.tables import FolderTables

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = "/fhir"


@dataclass(slots=True)
class Opened:
    """A store with everything around it, ready to perform interactions without a network."""

    settings: Settings
    world: World
    audit: AuditQueue | None

    @property
    def store(self) -> Store:
        """The ports."""
        return self.world.store

    async def perform(self, interaction: Interaction, grant: Grant | None = None) -> Answer:
        """Through the one door; FhirError for what cannot be done."""
        return await perform(interaction, self.world, grant)


@asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[Opened]:
    """Open the store of the settings, and close it when done: audit records first, then files."""
    store = await open_store(settings)
    queue = audit_queue(settings, store)
    if queue is not None:
        queue.start()
    terminology = open_terminology(settings.concept_index_path, shipped.folders("terminology", settings.terminology))
    world = world_of(settings, store, queue, terminology)
    follow_terminology(world)
    try:
        if await store.resources.definitions_version():
            await search_parameters.reload(world)
        await extraction.follow(world)
        yield Opened(settings, world, queue)
    finally:
        try:
            if queue is not None:
                await queue.close()
        finally:
            terminology.close()
            await store.close()


def follow_terminology(world: World) -> None:
    """Have the terminology and the profiles take up what is written, by this process or others."""
    types, terminology = ("CodeSystem", "ValueSet", "ConceptMap"), world.terminology
    world.followers.follow(types, terminology.follow)
    world.followers.check(types, problems.of_resource)
    world.followers.refresh.append(terminology.refresh)
    for name in types:
        world.followers.whole[name] = [terminology.retain]
    if world.profiles is not None:
        world.followers.follow(("StructureDefinition",), world.profiles.stored)


async def open_store(settings: Settings) -> Store:
    """The store a setting names: ``sqlite:PATH`` or ``mongodb://HOST/DATABASE``. StoreUnusable when it cannot be."""
    if settings.sqlite_path is None:
        return await _open_mongodb(settings)
    return await asyncio.to_thread(
        sqlite.open,
        settings.sqlite_path,
        readers=settings.reader_threads,
        time_limit=settings.search_time_limit,
        synchronous=settings.synchronous.upper(),
        include_limit=settings.include_limit,
    )


async def _open_mongodb(settings: Settings) -> Store:
    from countyfhir.store import mongodb  # its driver takes half a second to load

    return await mongodb.open(
        settings.store,
        time_limit=settings.search_time_limit,
        include_limit=settings.include_limit,
        read_preference=settings.read_preference,
        read_concern=settings.read_concern,
        write_concern=settings.write_concern,
        transaction_bytes=settings.transaction_bytes,
    )


def audit_queue(settings: Settings, store: Store) -> AuditQueue | None:
    """The queue that reads are recorded through; None where audit is off."""
    if settings.audit == "off":
        return None
    return AuditQueue(store.audit, capacity=settings.audit_queue_size, strict=settings.audit == "strict")


def world_of(settings: Settings, store: Store, queue: AuditQueue | None, terminology: Terminology) -> World:
    """Everything an interaction leans on, from the settings."""
    known = definitions()
    own = search_parameters.shipped_ones(shipped_parameters(), known)
    tables = FolderTables(shipped.folders("profiles", settings.profiles))
    callers = callers_of(settings, tables)
    context = parse.Context(
        parameters=custom.table(own, {}, known) if own else parameters.active(),
        zone=ZoneInfo(settings.time_zone),
        base=settings.public_base,
        default_count=settings.default_count,
        max_count=settings.max_count,
        concepts=terminology,
        relations=callers.relating.entries,
    )

    searching = Searching(context, shipped=own)

    async def recorded(records: Sequence[AuditRecord]) -> None:
        if queue is not None:
            await queue.put(records)

    world = World(
        store=store,
        definitions=known,
        policy=policy_of(settings),
        searching=searching,
        grant_of=grant_compiler(searching, terminology),
        check_access=check.check,
        check_resource=structure.check if settings.validation == "structure" else check_write,
        audit=recorded,
        now=lambda: time.time_ns() // 1000,
        new_id=new_id,
        operations=OPERATIONS,
        version=__version__,
        started=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        security=() if settings.auth == "none" else ("SMART-on-FHIR",),
        cors=bool(settings.cors_origins),
        terminology=terminology,
        person_rules=person_rules_of(settings),
        profiles=Profiles(
            folders=shipped.folders("profiles", settings.profiles), unknown_extensions=settings.unknown_extensions
        ),
        legacy=LateIntake(lambda: legacy_intake(settings, world)),
        notifying=doors_of(settings, store, lambda: world),
        scratch=scratch,
        rules=tables if settings.workflow == "on" else None,
        access=callers.relating,
        callers=callers,
        labels=callers.labels,
    )
    return world


def callers_of(settings: Settings, tables: FolderTables) -> Callers:
    """The tables of who may see and write what, and of labels."""
    labels = Labels(lambda: tables.table("security-labels")) if settings.security_labels == "on" else None
    relating = Relating(lambda: tables.table("access"), ZoneInfo(settings.time_zone), tables.version("access"))
    return Callers(definitions(), relating, labels, related=settings.record_access == "relation")


def policy_of(settings: Settings) -> Policy:
    """The settings that change what interactions do."""
    return Policy(
        update_create=settings.update_create == "allow",
        conditional_delete_multiple=settings.conditional_delete_multiple == "on",
        delete_referenced=settings.delete_referenced == "allow",
        default_count=settings.default_count,
        max_count=settings.max_count,
        bundle_max_entries=settings.bundle_max_entries,
        validation=settings.validation != "off",
        requirements=requirements.read(settings.profile_checks, settings.required_profiles),
        reference_checks=settings.reference_checks,
    )


@cache
def shipped_parameters() -> tuple[Resource, ...]:
    """The SearchParameters of the county that ship in ``profiles/search-parameters``."""
    files = sorted((shipped.folder("profiles") / "search-parameters").glob("*.json"))
    return tuple(json.parse(one.read_bytes()) for one in files)


def doors_of(settings: Settings, store: Store, world: Callable[[], World]) -> Doors | None:
    """What serves Subscriptions; None where they are only kept."""
    if settings.notifications == "off":
        return None
    found, policy = (
        cache(lambda: topics.load(shipped.folders("profiles", settings.profiles))),
        settings.notification_policy,
    )
    options = settings.notification_options
    return subscribing.doors_of(world, store, found, policy, Sender(policy), options, settings.public_base)


def legacy_intake(settings: Settings, world: World) -> LegacyIntake:
    """What operations ask of the intake, with the shipped and the operator's mappings as they are now."""
    from countyfhir.intake.desk import Desk  # a server starts without the readers of legacy files
    from countyfhir.intake.serving import Legacy
    from countyfhir.mapping import MappingError, Source, load_all

    def sources() -> list[Source]:
        try:
            return list(load_all(shipped.folders("mappings", settings.mappings)))
        except MappingError as error:
            raise FhirError("exception", f"A mapping file is wrong: {error}", status=500) from error

    async def write(interactions: Sequence[Interaction]) -> list[Answer]:
        return [await perform(one, world) for one in interactions]

    return Legacy(sources, lambda: Desk(world.store.intake, write), settings.environment)


def person_rules_of(settings: Settings) -> Callable[[], Rules] | None:
    """How records of persons are compared, read when first needed; None where there is no index of persons."""
    if settings.person_index == "off":
        return None
    path = settings.person_rules
    return shipped_rules if path is None else cache(lambda: load_rules(path))


def check_write(resource: Resource) -> list[Issue]:
    """What refuses a write: structure, invariants, maximum bindings, rules of bundles."""
    from countyfhir.validation.check import WRITE  # a server starts without the FHIRPath engine
    from countyfhir.validation.check import check as judged

    return judged(resource, wanted=WRITE)


def grant_compiler(searching: Searching, terminology: Terminology) -> Callable[[Principal], Grant]:
    """Scopes -> Grant, with this server's types, compartment, search parameters and codes; anew when those change."""
    known = definitions()

    def compiler(context: parse.Context) -> Callable[[Principal], Grant]:
        def clauses(resource_type: str, pairs: tuple[tuple[str, str], ...]) -> tuple[Any, ...]:
            return parse.criteria(resource_type, pairs, context).where

        vocabulary = grants.Vocabulary(known.endpoint_types, known.compartments["Patient"], clauses)
        return grants.compiler(vocabulary)

    made_with, compiled = (searching.context, terminology.generation), compiler(searching.context)

    def grant_of(principal: Principal) -> Grant:
        nonlocal made_with, compiled
        if made_with != (searching.context, terminology.generation):
            made_with, compiled = (searching.context, terminology.generation), compiler(searching.context)
        return compiled(principal)

    return grant_of


def authenticator_of(settings: Settings, world: World) -> Authenticator:
    """Who may ask, by the settings."""
    verifier = None
    if settings.auth in ("jwt", "both"):
        from countyfhir.access import jwks
        from countyfhir.access.jwt import Verifier

        audience = settings.audience or settings.base_url or ""
        verifier = Verifier(jwks.source(str(settings.jwks)), str(settings.issuer), audience)
    hosts = list(settings.allowed_hosts)
    if settings.base_url:
        hosts.append(settings.base_url.partition("://")[2].partition("/")[0])
    return Authenticator(settings.auth, world.grant_of, world.store.keys, verifier, hosts)


def watch_of(opened: Opened, tracer: Tracer | None) -> Watch:
    """What counts for the metrics and looks whether the server is ready."""
    path = opened.settings.sqlite_path
    disk = path.absolute().parent if path is not None else None
    return Watch(opened.world, opened.audit, disk, opened.settings.disk_reserve_mb * 2**20, tracer)


def endpoint_of(opened: Opened, observer: Observer | None = None) -> Endpoint:
    """The FHIR endpoint over an opened world. ``observer`` is told of each answered request."""
    settings, world = opened.settings, opened.world
    base = settings.base_url.rstrip("/") if settings.base_url else None
    addressing = Addressing(PREFIX, base, settings.trusted_proxies)
    smart = smart_configuration(
        AuthorizationServer(settings.issuer, settings.jwks, token_endpoint=settings.token_endpoint)
    )
    return Endpoint(
        world,
        Edge(addressing, world.definitions, settings.max_body_bytes),
        authenticator_of(settings, world),
        opened.audit,
        json.dumps(smart),
        Cors(settings.cors_origins),
        settings.gzip_min_bytes,
        observer,
    )


@asynccontextmanager
async def in_background(opened: Opened, *, alone: bool = False) -> AsyncIterator[None]:
    """What a server does beside answering: remove old audit records, follow the search parameters,
    reindex, load R4's own definitions once, make what the first requests need. ``alone``: the process is the
    server's own."""
    settings, owner = opened.settings, secrets.token_hex(8)
    await conformance_changes.catch_up(opened.world, ("CodeSystem", "ValueSet", "ConceptMap"))
    tasks = [
        asyncio.create_task(conformance_changes.follow_forever(opened.world)),
        asyncio.create_task(expire_forever(opened.store.audit, settings.audit_retention_days)),
        asyncio.create_task(workers.attend(opened.world, owner)),
        asyncio.create_task(reindexing.work_forever(opened.world, owner)),
        asyncio.create_task(persons.catch_up_forever(opened.world)),
        asyncio.create_task(timers.watch_forever(opened.world, owner, settings.workflow_tick)),
        asyncio.create_task(_warmed(opened.world, alone)),
        asyncio.create_task(opened.store.attend()),
    ]
    if (notifying := opened.world.notifying) is not None:
        tasks.append(asyncio.create_task(serve_forever(notifying, owner)))
    if settings.load_definitions == "on":
        tasks.append(asyncio.create_task(r4_definitions.load_once(opened.world, owner)))
        tasks.append(asyncio.create_task(county_definitions.load_once(opened.world, owner, shipped_by(settings))))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def shipped_by(settings: Settings) -> Callable[[], list[dict[str, Any]]]:
    """What reads the profiles, forms and tables of this installation's and the operator's folders."""

    def read() -> list[dict[str, Any]]:
        from countyfhir.terminology.files import folder as terminology_files
        from countyfhir.validation.profiles import folder as profile_files

        tables = shipped.folders("terminology", settings.terminology)
        found = [resource for _, resource in terminology_files.resources(tables)]
        others = profile_files.resources(shipped.folders("profiles", settings.profiles))
        found += [topics.basic_of(one) if one["resourceType"] == topics.TYPE else one for one in others]
        return [*found, *named_queries.operation_definitions(), *described.definitions(OPERATIONS)]

    return read


QUIET = 0.3
"""Seconds that the first requests have for themselves; preparing for later ones would take turns with them."""


async def _warmed(world: World, alone: bool) -> None:
    await asyncio.sleep(QUIET)
    await asyncio.to_thread(warming.warm, world)
    if alone:
        await asyncio.to_thread(world.terminology.prepare)
        gc.freeze()  # what is loaded now stays: going through its 300,000 objects would hold up requests for 0.1 s


def create_app(settings: Settings, *, alone: bool = False) -> Any:
    """The ASGI application: FHIR under ``/fhir`` from the bare endpoint, everything else from FastAPI. ``alone``: the
    process has no other purpose."""
    return Application(settings, alone)


class Application:
    """Opens the store at start-up, dispatches, and closes it when the last request in flight has been answered."""

    def __init__(self, settings: Settings, alone: bool = False) -> None:
        self.settings, self.alone = settings, alone
        self.endpoint: Endpoint | None = None
        self.opened: Opened | None = None
        self._other: Any = None
        self._watched: Watched | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the process."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if (
                self.endpoint is not None
                and path.startswith(PREFIX)
                and path[len(PREFIX) : len(PREFIX) + 1] in ("", "/")
            ):
                with self.endpoint.world.busy:
                    await self.endpoint(scope, receive, send)
            else:
                await self.other(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One websocket: there are those of Subscriptions and no others."""
        if self.endpoint is None or scope["path"] != f"{PREFIX}/websocket":
            await send({"type": "websocket.close", "code": 4404})
            return
        from countyfhir.http.sockets import Sockets  # a server starts without them

        await Sockets(self.endpoint.world, self.endpoint.authenticator, self.settings.cors_origins)(
            scope, receive, send
        )

    @property
    def other(self) -> Any:
        """The FastAPI application of everything that is not FHIR; imported when first asked, to start faster."""
        if self._other is None:
            from countyfhir.http.pages import pages

            self._other = pages(lambda: self._watched)
        return self._other

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        phase = "startup"
        try:
            async with tracing(self.settings.open_telemetry) as tracer, open_world(self.settings) as opened:
                watch = watch_of(opened, tracer)
                self.opened, self.endpoint = opened, endpoint_of(opened, watch.observe)
                self._watched = watch.watched(self.settings.metrics, self.endpoint.authenticator)
                async with watch.told(), in_background(opened, alone=self.alone):
                    await send({"type": "lifespan.startup.complete"})
                    phase = "shutdown"
                    await receive()
        except (FhirError, StoreUnusable) as error:  # their messages are for people
            await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
        except Exception as error:  # noqa: BLE001 - uvicorn ends the process; the line says where to look
            message = f"{type(error).__name__}: {places(error)}"
            await send({"type": f"lifespan.{phase}.failed", "message": message})
        else:
            await send({"type": "lifespan.shutdown.complete"})


def from_environment() -> Any:
    """The application with the settings of environment and TOML file; what the server's worker processes start from."""
    from countyfhir.settings import load

    return create_app(load(), alone=True)
