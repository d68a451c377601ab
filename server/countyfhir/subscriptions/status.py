"""A SubscriptionStatus as R4 Parameters, and the Bundles of type history in which notifications travel (Subscriptions
R5 Backport: backport-subscription-status-r4, backport-subscription-notification-r4)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from countyfhir.exchange import Resource, Stored
from countyfhir.model import json
from countyfhir.store import instant
from countyfhir.store.ports import Notification
from countyfhir.subscriptions import names

HANDSHAKE, HEARTBEAT, EVENT = "handshake", "heartbeat", "event-notification"
QUERY_STATUS, QUERY_EVENT = "query-status", "query-event"
_METHODS = {"create": ("POST", "201"), "update": ("PUT", "200"), "delete": ("DELETE", "204")}


@dataclass(frozen=True, slots=True)
class Subject:
    """Of which Subscription something is said: its id, status, topic (None: R4's own), the number of its last event,
    and why the last attempt failed."""

    subscription: str
    status: str
    topic: str | None
    number: int
    error: str = ""


Bodies = Mapping[int, Stored]
"""The versions to show, by number of the event; one that is missing is not shown."""


def status(
    subject: Subject, kind: str, base: str, shown: Sequence[Notification] = (), content: str = names.ID_ONLY
) -> Resource:
    """The status, with the events that a notification or an answer is about."""
    parameters: list[Resource] = [
        {"name": "subscription", "valueReference": {"reference": f"{base}/Subscription/{subject.subscription}"}}
    ]
    if subject.topic is not None and content != names.EMPTY:
        parameters.append({"name": "topic", "valueCanonical": subject.topic})
    parameters += [
        {"name": "status", "valueCode": subject.status},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(subject.number)},
        *({"name": "notification-event", "part": _event(one, base, content)} for one in shown),
    ]
    if subject.error:
        coding = {"system": names.ERRORS, "code": "no-response"}
        parameters.append(
            {"name": "error", "valueCodeableConcept": {"coding": [coding], "text": subject.error}},
        )
    return {
        "resourceType": "Parameters",
        "id": str(uuid.uuid4()),
        "meta": {"profile": [names.STATUS_PROFILE]},
        "parameter": parameters,
    }


def _event(one: Notification, base: str, content: str) -> list[Resource]:
    parts: list[Resource] = [
        {"name": "event-number", "valueString": str(one.number)},
        {"name": "timestamp", "valueInstant": instant.text(one.event.recorded)},
    ]
    if content != names.EMPTY and one.state != "withheld":
        reference = f"{base}/{one.event.resource_type}/{one.event.logical_id}"
        parts.append({"name": "focus", "valueReference": {"reference": reference, "type": one.event.resource_type}})
    return parts


def bundle(
    subject: Subject,
    kind: str,
    base: str,
    now: int,
    shown: Sequence[Notification] = (),
    content: str = names.EMPTY,
    bodies: Bodies | None = None,
) -> Resource:
    """A notification: the status first, then, as ``content`` says, the changes it is about. Those that the subscriber
    may no longer see (withheld) have a number and no more."""
    told = status(subject, kind, base, shown, content)
    place = f"{base}/Subscription/{subject.subscription}/$status"
    entries: list[Resource] = [
        {
            "fullUrl": f"urn:uuid:{told['id']}",
            "resource": told,
            "request": {"method": "GET", "url": place},
            "response": {"status": "200"},
        }
    ]
    seen: set[str] = set()
    for one in shown:
        if content == names.EMPTY or one.state == "withheld":
            continue
        entry = _entry(one, base, (bodies or {}).get(one.number) if content == names.FULL_RESOURCE else None)
        if "resource" not in entry and entry["fullUrl"] in seen:
            continue  # without a version a fullUrl stands once in a Bundle (bdl-7)
        seen.add(entry["fullUrl"])
        entries.append(entry)
    return {
        "resourceType": "Bundle",
        "id": str(uuid.uuid4()),
        "meta": {"profile": [names.NOTIFICATION_PROFILE]},
        "type": "history",
        "timestamp": instant.text(now),
        "entry": entries,
    }


def _entry(one: Notification, base: str, stored: Stored | None) -> Resource:
    event = one.event
    method, code = _METHODS[event.change]
    local = f"{event.resource_type}/{event.logical_id}"
    entry: Resource = {"fullUrl": f"{base}/{local}"}
    if stored is not None and stored.body is not None:
        entry["resource"] = json.parse(stored.body)
    url = event.resource_type if method == "POST" else local
    entry["request"] = {"method": method, "url": url}
    entry["response"] = {
        "status": code,
        "etag": f'W/"{event.version_id}"',
        "lastModified": instant.text(event.recorded),
    }
    return entry


def searchset(statuses: Sequence[Resource], link: str) -> Resource:
    """The answer of ``$status``: one status a Subscription."""
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one, "search": {"mode": "match"}} for one in statuses]
    found: Resource = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(entries),
        "link": [{"relation": "self", "url": link}],
    }
    return found | ({"entry": entries} if entries else {})
