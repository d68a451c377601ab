"""What a notification shows: the versions that the owner of the Subscription may see now."""

from __future__ import annotations

from collections.abc import Sequence

from countyfhir.exchange import Stored
from countyfhir.model import json, xml
from countyfhir.store.ports import Notification, Registration
from countyfhir.subscriptions import names, status
from countyfhir.subscriptions.doors import Doors, owner_of
from countyfhir.subscriptions.wanted import XML, Wanted


async def visible(doors: Doors, registration: Registration, batch: Sequence[Notification]) -> dict[int, Stored]:
    """The versions by number; one that the owner may not see (any more) is left out."""
    resources = doors.store.resources
    found: dict[int, Stored] = {}
    for item in batch:
        event = item.event
        version = await resources.vread(event.resource_type, event.logical_id, event.version_id)
        if version is None:  # purged since: the present version stands for it
            version = await resources.read(event.resource_type, event.logical_id)
        if version is not None:
            found[item.number] = version
    seen = await doors.seen(owner_of(registration), found.values())
    return {number: version for number, version in found.items() if version.sequence in seen}


def event_text(
    doors: Doors, subject: status.Subject, asked: Wanted, batch: Sequence[Notification], bodies: status.Bodies
) -> bytes:
    """The notification of a batch, in the form that was asked for."""
    told = [one if one.number in bodies else _withheld(one) for one in batch]
    content = asked.content or names.EMPTY
    return text_of(status.bundle(subject, status.EVENT, doors.base, doors.now(), told, content, bodies), asked)


def text_of(bundle: dict[str, object], asked: Wanted) -> bytes:
    """A notification as JSON or XML."""
    return xml.dumps(bundle) if asked.payload == XML else json.dumps(bundle)


def _withheld(one: Notification) -> Notification:
    return Notification(one.subscription, one.number, one.event, "withheld", one.changed, one.reason)
