"""Whose grant counts: a Subscription is told what the one who wrote it may see, now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from countyfhir.access import keys
from tests.http.conftest import TestClient
from tests.stores import opened, store_at
from tests.subscriptions.making import by_topic, plain, report, subscribed
from tests.subscriptions.receiving import Receiver, parameter

NARROW = ("system/Subscription.cruds", "system/DiagnosticReport.rs?status=final")


def keyed(path: Path, *, own: bool = False, **scopes: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Keys by name: the headers to send. All of one institution, or each of its ``own``, of the key's name."""

    async def make() -> dict[str, dict[str, Any]]:
        store = await opened(path)
        made = {
            name: {"headers": {"authorization": "Bearer " + (await keys.create(
                store.keys, name=name, organization=name if own else "clinic", scopes=its
            ))[0]}}
            for name, its in scopes.items()
        }  # fmt: skip
        await store.close()
        return made

    return asyncio.run(make())


def served(serve: Callable[..., TestClient], path: Path) -> TestClient:
    """A server that asks for keys and relations count for nothing: scopes are what is tested."""
    return serve(store=store_at(path), auth="keys", workflow="off", record_access="open")


def test_what_the_scopes_do_not_show_is_not_told(
    serve: Callable[..., TestClient], tmp_path: Path, receiver: Receiver
) -> None:
    """A type that is not granted, a resource outside of the narrowing: neither sent nor counted."""
    path = tmp_path / "county.sqlite"
    who = keyed(path, office=NARROW, all=("system/*.cruds",))
    client = served(serve, path)
    one = subscribed(client, by_topic("report", receiver.url, "full-resource"), **who["office"])
    refused = client.post("Subscription", json=plain("Basic", receiver.url), **who["office"])
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (403, "forbidden")
    bodies = [{"resourceType": "DiagnosticReport", **report(status=one)} for one in ("corrected", "final", "amended")]
    for body in (*bodies, {"resourceType": "Basic", "code": {"text": "a"}}, bodies[1]):
        assert client.post(body["resourceType"], json=body, **who["all"]).status_code == 201
    receiver.wait(3)
    assert [event.json["entry"][1]["resource"]["status"] for event in receiver.events] == ["final", "final"]
    assert [event.numbers for event in receiver.events] == [[1], [2]]
    (told,) = client.get("Subscription/$status", params={"id": one, "status": "active"}, **who["all"]).json()["entry"]
    assert parameter(told["resource"], "events-since-subscription-start") == "2"


def test_only_the_owner_changes_what_is_sent_where(
    serve: Callable[..., TestClient], tmp_path: Path, receiver: Receiver
) -> None:
    """Else a narrow key could have a wide one's notifications sent to itself; switching off is allowed."""
    path = tmp_path / "county.sqlite"
    who = keyed(path, wide=("system/*.cruds",), narrow=NARROW)
    client = served(serve, path)
    one = subscribed(client, plain("Basic", receiver.url), **who["wide"])
    resource = client.get(f"Subscription/{one}", **who["wide"]).json()
    stolen = resource | {"channel": resource["channel"] | {"endpoint": receiver.url + "/mine"}}
    refused = client.put(f"Subscription/{one}", json=stolen, **who["narrow"])
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (403, "forbidden")
    off = client.put(f"Subscription/{one}", json=resource | {"status": "off"}, **who["narrow"])
    assert off.json()["status"] == "off"
    changed = client.put(f"Subscription/{one}", json=stolen, **who["wide"])
    assert changed.status_code == 200
    client.post("Basic", json={"resourceType": "Basic", "code": {"text": "a"}}, **who["wide"])
    assert receiver.wait(1)[0].path.startswith("/told/mine/Basic/")


def test_a_revoked_key_is_told_nothing_more(
    serve: Callable[..., TestClient], tmp_path: Path, receiver: Receiver
) -> None:
    """The Subscription says so: status error."""
    path = tmp_path / "county.sqlite"
    who = keyed(path, office=NARROW, all=("system/*.cruds",))
    client = served(serve, path)
    made = client.post("Subscription", json=by_topic("report", receiver.url), **who["office"]).json()
    receiver.wait(1)
    write = {"url": "DiagnosticReport", "json": {"resourceType": "DiagnosticReport", **report()}, **who["all"]}

    async def revoke() -> None:
        store = await opened(path)
        (key,) = [key for key in await store.keys.all() if key.name == "office"]
        await store.keys.revoke(key.key_id)
        await store.close()

    asyncio.run(revoke())
    found: dict[str, Any] = {}
    while found.get("status") != "error":
        found = client.get(f"Subscription/{made['id']}", **who["all"]).json()
        assert client.post(**write).status_code == 201
    assert "revoked" in found["error"]


def test_another_principal_gets_no_token_for_its_websocket(
    serve: Callable[..., TestClient], tmp_path: Path, receiver: Receiver
) -> None:
    """Whoever may read the Subscription still is not told what its owner sees."""
    path = tmp_path / "county.sqlite"
    who = keyed(path, wide=("system/*.cruds",), narrow=NARROW)
    client = served(serve, path)
    one = client.post("Subscription", json=by_topic("report", "", kind="websocket"), **who["wide"]).json()["id"]
    assert client.get(f"Subscription/{one}/$get-ws-binding-token", **who["narrow"]).status_code == 403
    assert client.get("Subscription/$get-ws-binding-token", **who["narrow"]).status_code == 404
    assert client.get(f"Subscription/{one}/$get-ws-binding-token", **who["wide"]).status_code == 200


def consent(status: str) -> dict[str, Any]:
    """The county hospital may see the record of the resident."""
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}
    receiving = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
    actor = {"role": {"coding": [receiving]}, "reference": {"reference": "Organization/county"}}
    return {
        "resourceType": "Consent",
        "id": "wang-1",
        "status": status,
        "patient": {"reference": "Patient/wang"},
        "scope": {"coding": [scope]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policyRule": {"text": "consent"},
        "organization": [{"reference": "Organization/liuhe"}],
        "provision": {"type": "permit", "period": {"start": "2026-01-01", "end": "2099-12-31"}, "actor": [actor]},
    }


def test_after_a_withdrawn_consent_nothing_more_is_told(
    serve: Callable[..., TestClient], tmp_path: Path, receiver: Receiver
) -> None:
    """Not what happens then, and not what happened before and was not delivered yet; with a new consent it goes on."""
    path = tmp_path / "county.sqlite"
    every = ("system/*.cruds",)
    who = keyed(path, own=True, liuhe=every, county=every)
    client = serve(store=store_at(path), auth="keys", workflow="off")

    def put(resource: dict[str, Any]) -> None:
        place = f"{resource['resourceType']}/{resource['id']}"
        assert client.put(place, json=resource, **who["liuhe"]).status_code in (200, 201)

    def observe(name: str) -> None:
        about = {"subject": {"reference": "Patient/wang"}, "code": {"text": "x"}, "status": "final"}
        put({"resourceType": "Observation", "id": name, **about})

    put({"resourceType": "Patient", "id": "wang", "managingOrganization": {"reference": "Organization/liuhe"}})
    one = subscribed(client, plain("Observation", receiver.url), **who["county"])
    observe("before")
    put(consent("active"))
    observe("while")
    assert receiver.wait(1)[0].path.endswith("/while")
    receiver.answers = lambda request: 503
    observe("undelivered")
    while len(receiver.requests) < 2:
        time.sleep(0.02)
    put(consent("inactive"))
    receiver.answers = lambda request: None
    waiting = {"state": "waiting", "subscription": one}
    while parameter(client.get("$notifications", params=waiting, **who["county"]).json(), "waiting"):
        time.sleep(0.02)
    observe("after")
    put(consent("active"))
    observe("again")
    assert [request.path.rpartition("/")[2] for request in receiver.wait(2)] == ["while", "again"]
    numbers = client.get(f"Subscription/{one}/$events", **who["county"]).json()["entry"][0]["resource"]["parameter"]
    assert [len(told["part"]) for told in numbers if told["name"] == "notification-event"] == [3, 2, 3]
