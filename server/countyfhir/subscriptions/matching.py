"""Whether a change concerns a Subscription: the version that was written and the one before it, as they were at that
moment (R4 Subscription.criteria; R5 SubscriptionTopic.resourceTrigger)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from urllib.parse import parse_qsl

from countyfhir.exchange import Resource, Stored, Write
from countyfhir.fhirpath import FhirPathError, compile  # noqa: A004 - the engine's own word
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.search import entries as kinds
from countyfhir.search import extract, parse
from countyfhir.search.holds import holds
from countyfhir.search.query import Clause, IdIs, Query
from countyfhir.store.ports import ResourceStore
from countyfhir.subscriptions.topics import ANY, Trigger
from countyfhir.subscriptions.wanted import PATIENT, PATIENT_ID, Filter, Wanted, clauses

ABOUT = ("patient", "subject")
Find = Callable[[Query], Awaitable[bool]]


@dataclass(frozen=True)
class Version:
    """A version of a resource with what it is found by, made when it is first asked for."""

    stored: Stored
    context: parse.Context

    @cached_property
    def resource(self) -> Resource | None:
        """As it was written; None: it is a deletion."""
        return json.parse(self.stored.body) if self.stored.body is not None else None

    @cached_property
    def indexed(self) -> Write:
        """The version as a write, with its entries."""
        stored, resource = self.stored, self.resource
        assert resource is not None
        found = extract.index(resource, self.context, self.context.base, stored.body)
        return Write("PUT", stored.resource_type, stored.logical_id, resource, entries=found.entries)

    def within(self, compartment: str, logical_id: str | None) -> bool:
        """Whether it is in a compartment: of this id, or of any."""
        if self.stored.resource_type == compartment:
            return logical_id in (None, self.stored.logical_id)
        named = (entry for entry in self.indexed.entries if entry[0] == kinds.REFERENCE and entry[1] == "_compartment")
        return any(entry[3] == compartment and logical_id in (None, entry[4]) for entry in named)

    def about(self, patient: str) -> bool:
        """Whether it is about a patient: in the compartment, or pointing there as patient or subject (a Task is in no
        compartment)."""
        if self.within("Patient", patient):
            return True
        pointing = (one for one in self.indexed.entries if one[0] == kinds.REFERENCE and one[1] in ABOUT)
        return any((one[3], one[4]) == ("Patient", patient) for one in pointing)


@dataclass(frozen=True)
class Change:
    """A version that was written, the one before it (None: there was none, or a deletion), and what it did."""

    version: Version
    previous: Version | None
    kind: str  # create, update or delete
    asked: dict[tuple[str, tuple[Clause, ...]], bool] = field(default_factory=dict)


async def change_of(stored: Stored, resources: ResourceStore, context: parse.Context) -> Change:
    """The change that made a version."""
    before = None
    if stored.version_id > 1:
        before = await resources.vread(stored.resource_type, stored.logical_id, stored.version_id - 1)
    previous = Version(before, context) if before is not None and not before.deleted else None
    kind = "delete" if stored.deleted else "update" if previous is not None else "create"
    return Change(Version(stored, context), previous, kind)


async def concerns(wanted: Wanted, change: Change, find: Find) -> bool:
    """Whether the Subscription is told of the change. What needs other resources (chains, ``_has``) is asked of the
    store by ``find``, and so of its present state."""
    stored, context = change.version.stored, change.version.context
    if wanted.topic is None:
        assert wanted.criteria is not None
        if change.kind == "delete" or stored.resource_type != wanted.criteria.resource_type:
            return False
        return await _holds(clauses(wanted.criteria, stored.resource_type, context), change.version, find)
    subject = change.version if change.kind != "delete" else change.previous
    if subject is None:
        return False
    for one in wanted.filters:
        if one.resource_type in (None, ANY, stored.resource_type) and not await _passes(one, subject, find):
            return False
    for trigger in wanted.topic.triggers:
        if await _triggers(trigger, change, subject, find):
            return True
    return False


async def _passes(one: Filter, subject: Version, find: Find) -> bool:
    resource_type = subject.stored.resource_type
    for name, value in one.pairs:
        if name == PATIENT:
            found = (PATIENT_ID.match(each) for each in value.split(","))
            if not any(each is not None and subject.about(each.group(1)) for each in found):
                return False
    rest = replace(one, pairs=tuple(pair for pair in one.pairs if pair[0] != PATIENT))
    return await _holds(clauses(rest, resource_type, subject.context), subject, find)


async def _triggers(trigger: Trigger, change: Change, subject: Version, find: Find) -> bool:
    if trigger.resource_type not in (ANY, subject.stored.resource_type) or change.kind not in trigger.changes:
        return False
    if trigger.compartment is not None and not subject.within(trigger.compartment, None):
        return False
    return await _queries(trigger, change, find) and _expression(trigger, change)


async def _queries(trigger: Trigger, change: Change, find: Find) -> bool:
    told: list[bool] = []
    if trigger.previous is not None:
        before = change.previous
        told.append(trigger.on_create if before is None else await _asked(trigger.previous, before, find))
    if trigger.current is not None:
        gone = change.kind == "delete"
        told.append(trigger.on_delete if gone else await _asked(trigger.current, change.version, find))
    return not told or (all(told) if trigger.both else any(told))


async def _asked(query: str, version: Version, find: Find) -> bool:
    resource_type = version.stored.resource_type
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    return await _holds(clauses(Filter(resource_type, pairs), resource_type, version.context), version, find)


async def _holds(where: tuple[Clause, ...], version: Version, find: Find) -> bool:
    try:
        return holds(where, version.indexed)
    except FhirError:
        stored = version.stored
        only = (IdIs((stored.logical_id,)),)
        return await find(Query((stored.resource_type,), (*where, only), count=1))


def _expression(trigger: Trigger, change: Change) -> bool:
    """FHIRPath over %previous and %current; what cannot be evaluated does not trigger."""
    if trigger.fhirpath is None:
        return True
    current = change.version.resource
    before = change.previous.resource if change.previous is not None else None
    variables = {"current": current if current is not None else [], "previous": before if before is not None else []}
    focus = current if current is not None else before
    try:
        found = compile(trigger.fhirpath)(focus, variables=variables)
    except FhirPathError:
        return False
    return [item.value for item in found] == [True]
