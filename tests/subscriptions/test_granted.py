"""Whose grant counts: a Subscription is told what the one who wrote it may see, now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from countyfhir.access import keys
from countyfhir.store import sqlite
from tests.http.conftest import TestClient
from tests.subscriptions.making import by_topic, plain, report, subscribed
from tests.subscriptions.receiving import Receiver, parameter

NARROW = ("system/Subscription.cruds", "system/DiagnosticReport.rs?status=final")


def keyed(path: Path, **scopes: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Keys of one institution by name: the headers to send."""

    async def make() -> dict[str, dict[str, Any]]:
        store = sqlite.open(path)
        made = {
            name: {"headers": {"authorization": "Bearer " + (await keys.create(
                store.keys, name=name, organization="clinic", scopes=its
            ))[0]}}
            for name, its in scopes.items()
        }  # fmt: skip
        await store.close()
        return made

    return asyncio.run(make())


def served(serve: Callable[..., TestClient], path: Path) -> TestClient:
    """A server that asks for keys and relations count for nothing: scopes are what is tested."""
    return serve(store=f"sqlite:{path}", auth="keys", workflow="off", record_access="open")


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
        store = sqlite.open(path)
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
