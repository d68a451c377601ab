"""Subscriptions as tests send them."""

from __future__ import annotations

import time
from typing import Any

from countyfhir.subscriptions import names
from tests.http.conftest import TestClient

TOPIC = "https://fhir.county-hc.example/SubscriptionTopic/"
TAG = {"system": "https://fhir.county-hc.example/cs/deadline", "code": "overdue"}


def plain(criteria: str, endpoint: str, payload: str | None = "application/fhir+json", **more: Any) -> dict[str, Any]:
    """R4's own: criteria and a rest-hook."""
    channel = {"type": "rest-hook", "endpoint": endpoint} | ({"payload": payload} if payload else {})
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "test",
        "criteria": criteria,
        "channel": channel | more,
    }


def by_topic(
    topic: str,
    endpoint: str,
    content: str = "id-only",
    *,
    filters: tuple[str, ...] = (),
    kind: str = "rest-hook",
    payload: str = "application/fhir+json",
    **numbers: int,
) -> dict[str, Any]:
    """In the manner of the backport; ``numbers``: heartbeat_period, timeout, max_count."""
    values = {"heartbeat_period": "valueUnsignedInt", "timeout": "valueUnsignedInt", "max_count": "valuePositiveInt"}
    extension = [
        {"url": f"{names.STRUCTURE}backport-{name.replace('_', '-')}", values[name]: number}
        for name, number in numbers.items()
    ]
    channel: dict[str, Any] = {
        "type": kind,
        "payload": payload,
        "_payload": {"extension": [{"url": names.CONTENT, "valueCode": content}]},
    }
    channel |= {"endpoint": endpoint} if kind == "rest-hook" else {}
    channel |= {"extension": extension} if extension else {}
    made: dict[str, Any] = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "test",
        "criteria": TOPIC + topic,
        "channel": channel,
    }
    if filters:
        made["_criteria"] = {"extension": [{"url": names.FILTER, "valueString": one} for one in filters]}
    return made


def until(client: TestClient, logical_id: str, status: str = "active", **more: Any) -> dict[str, Any]:
    """The Subscription as soon as it has a status."""
    end = time.monotonic() + 20
    while True:
        found: dict[str, Any] = client.get(f"Subscription/{logical_id}", **more).json()
        if found.get("status") == status:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.01)


def subscribed(client: TestClient, sent: dict[str, Any], status: str = "active", **more: Any) -> str:
    """The id of a Subscription that has come to a status."""
    made = client.post("Subscription", json=sent, **more)
    assert made.status_code == 201, made.text
    logical_id = str(made.json()["id"])
    until(client, logical_id, status, **more)
    return logical_id


def create(client: TestClient, resource_type: str, **more: Any) -> str:
    """The id of a new resource."""
    made = client.post(resource_type, json={"resourceType": resource_type, **more})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def report(patient: str | None = None, status: str = "final") -> dict[str, Any]:
    """A DiagnosticReport."""
    about = {"subject": {"reference": f"Patient/{patient}"}} if patient else {}
    return {"status": status, "code": {"text": "ECG"}, **about}
