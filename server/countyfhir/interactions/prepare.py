"""From a drafted write to one that a store takes: checked, serialised once, indexed (DESIGN decisions 2, 4, 6)."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from countyfhir.exchange import Body, Interaction, Resource, Write
from countyfhir.interactions import subscribing
from countyfhir.interactions.profile_checks import refusals
from countyfhir.interactions.world import World
from countyfhir.model import json
from countyfhir.outcome import FhirError
from countyfhir.search import extract

_MARK = b"\x00"
"""Stands for the stamp while serialising; JSON text never holds a raw control character."""
_RAW_MARK = msgspec.Raw(_MARK)
_STAMPED = ("versionId", "lastUpdated")


def prepared(write: Write, interaction: Interaction, world: World) -> Write:
    """The write with body, index entries and references; FhirError with every problem that refuses it."""
    if write.resource_type == subscribing.TYPE:
        write = subscribing.taken(write, interaction)
    resource = write.resource
    if resource is None:
        return write
    if (ready := made_ready(write, interaction, world)) is not None:
        return ready
    if interaction.account is not None and write.resource_type == "Provenance":
        kind = (interaction.base, interaction.principal.organization)
        after_pattern = world.patterns.ready(write, partial(checked, interaction, world), world.search, kind)
        if after_pattern is not None:
            return after_pattern
    return checked(interaction, world, write)


def checked(interaction: Interaction, world: World, write: Write) -> Write:
    """The write with all that belongs to it, made from its resource."""
    resource = write.resource
    assert resource is not None
    if world.policy.validation:
        problems = [issue for issue in world.check_resource(resource) if issue.severity in ("error", "fatal")]
        problems = problems or refusals(resource, interaction, world)
        if problems:
            raise FhirError(problems)
    return indexed(write, interaction.base, world)


def made_ready(write: Write, interaction: Interaction, world: World) -> Write | None:
    """The write as another process prepared it, where this very resource was, with the present definitions."""
    account = interaction.account
    ready = account.ready.get(f"{write.resource_type}/{write.logical_id}") if account is not None else None
    if ready is None or ready.resource is not write.resource:
        return None
    if ready.definitions != world.store.resources.definitions:
        return None
    return write.prepared(write.resource, ready.body, ready.entries, ready.references, ready.patient, ready.shape)


def indexed(write: Write, base: str, world: World) -> Write:
    """The write of a resource with labels of sensitive data, body, index entries and references, unchecked."""
    resource = write.resource
    assert resource is not None
    if world.labels is not None:
        resource = world.labels.labelled(resource)
    body = body_of(resource)
    found = extract.index(resource, world.search, base, body.head + body.tail)
    return write.prepared(resource, body, found.entries, found.references, found.patient)


def body_of(resource: Resource) -> Body:
    """The text of a resource, open inside ``meta`` where version and instant go. Type, id and meta stand first when the
    sender left them out; otherwise the order of elements is the sender's."""
    sent = resource.get("meta")
    kept = {name: value for name, value in sent.items() if name not in _STAMPED} if type(sent) is dict else None
    rest = json.dumps(kept)[1:-1] if kept else b""
    marked: dict[str, Any] = {"resourceType": resource["resourceType"], "id": resource["id"]}
    if "meta" not in resource:
        marked["meta"] = None
    marked |= resource
    marked["meta"] = _RAW_MARK
    head, _, tail = json.dumps(marked).partition(_MARK)
    return Body(head + b"{", (b"," + rest + b"}" if rest else b"}") + tail)
