"""Websockets: R4's bind and ping, tokens of the backport, and that nothing is lost between two connections."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import websockets
from starlette.websockets import WebSocketDisconnect

from countyfhir.app import create_app
from countyfhir.settings import load
from countyfhir.subscriptions import names
from tests.http.conftest import TestClient
from tests.stores import store_at
from tests.subscriptions.making import by_topic, create, report, subscribed
from tests.subscriptions.receiving import parameter

PLACE = "/fhir/websocket"
SOCKET = f"ws://127.0.0.1:8080{PLACE}"


def plain_socket(criteria: str) -> dict[str, Any]:
    """R4's own, on a websocket."""
    channel = {"type": "websocket"}
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "test",
        "criteria": criteria,
        "channel": channel,
    }


def token_of(client: TestClient, *ids: str) -> str:
    """A token for Subscriptions."""
    answer = client.get("Subscription/$get-ws-binding-token", params={"id": list(ids)})
    assert answer.status_code == 200, answer.text
    return str(parameter(answer.json(), "token"))


def kind_of(text: str) -> str:
    """The type of a notification."""
    return str(parameter(json.loads(text)["entry"][0]["resource"], "type"))


def number_of(text: str) -> str:
    """The number of the event in a notification."""
    told = json.loads(text)["entry"][0]["resource"]["parameter"]
    return str(next(one for one in told if one["name"] == "notification-event")["part"][0]["valueString"])


def test_bind_and_ping(client: TestClient) -> None:
    """R4: bind ID is answered by bound ID, each match by ping ID."""
    one = subscribed(client, plain_socket("Basic"))
    with client.websocket_connect(SOCKET) as socket:
        socket.send_text(f"bind {one}")
        assert socket.receive_text() == f"bound {one}"
        create(client, "Basic", code={"text": "a"})
        assert socket.receive_text() == f"ping {one}"
    client.delete(f"Subscription/{one}")


def test_a_token_binds_several_and_what_was_missed_comes_first(client: TestClient) -> None:
    """The backport: a handshake for each, then events with numbers; a second connection goes on where the first
    ended."""
    first, second = (subscribed(client, by_topic("report", "", kind="websocket")) for _ in range(2))
    made = create(client, "DiagnosticReport", **report())
    answer = client.post(
        "Subscription/$get-ws-binding-token",
        json={"resourceType": "Parameters", "parameter": [{"name": "id", "valueId": one} for one in (first, second)]},
    ).json()
    assert [one["valueString"] for one in answer["parameter"] if one["name"] == "subscription"] == [first, second]
    assert parameter(answer, "websocket-url").startswith("ws://")
    assert parameter(answer, "websocket-url").endswith(PLACE)
    with client.websocket_connect(SOCKET) as socket:
        socket.send_text(f"bind-with-token {parameter(answer, 'token')}")
        assert [kind_of(socket.receive_text()) for _ in range(2)] == ["handshake", "handshake"]
        missed = [socket.receive_text() for _ in range(2)]
        assert [number_of(one) for one in missed] == ["1", "1"]
        assert all(made in one for one in missed)
    create(client, "DiagnosticReport", **report())
    with client.websocket_connect(SOCKET) as socket:
        socket.send_text(f"bind-with-token {token_of(client, first)}")
        assert kind_of(socket.receive_text()) == "handshake"
        assert number_of(socket.receive_text()) == "2"
        create(client, "DiagnosticReport", **report())
        assert number_of(socket.receive_text()) == "3"
    for one in (first, second):
        client.delete(f"Subscription/{one}")


def test_heartbeats_come_over_a_websocket(client: TestClient) -> None:
    """The heartbeat period holds for whoever is bound."""
    one = subscribed(client, by_topic("report", "", kind="websocket", heartbeat_period=1))
    with client.websocket_connect(SOCKET) as socket:
        socket.send_text(f"bind-with-token {token_of(client, one)}")
        assert [kind_of(socket.receive_text()) for _ in range(2)] == ["handshake", "heartbeat"]
    client.delete(f"Subscription/{one}")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("bind nobody", "not-found"),
        ("bind-with-token forged", "login"),
        ("hello", "not-supported"),
    ],
)
def test_what_cannot_be_bound_is_refused_in_words(client: TestClient, message: str, code: str) -> None:
    """An OperationOutcome comes back, and the connection stays."""
    with client.websocket_connect(SOCKET) as socket:
        socket.send_text(message)
        assert json.loads(socket.receive_text())["issue"][0]["code"] == code


def test_pages_of_other_sites_cannot_connect(client: TestClient) -> None:
    """A browser opens a websocket to anywhere without asking: the origin is looked at."""
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(SOCKET, headers={"origin": "http://evil.example"}),
    ):
        pass
    with client.websocket_connect(SOCKET, headers={"origin": "http://127.0.0.1:8080", "host": "127.0.0.1:8080"}):
        pass


def test_without_a_key_only_tokens_bind(serve: Callable[..., TestClient]) -> None:
    """A browser cannot send the header; bind ID alone shows nobody's right."""
    client = serve(auth="keys")
    with client.websocket_connect(SOCKET) as socket:
        socket.send_text("bind some-id")
        assert json.loads(socket.receive_text())["issue"][0]["code"] in ("not-found", "forbidden")


def test_the_statement_says_where_and_what(client: TestClient) -> None:
    """CapabilityStatement: websocket, topics, profile, operations."""
    statement = client.get("metadata").json()
    assert names.SERVER_CAPABILITIES in statement["instantiates"]
    rest = statement["rest"][0]
    assert next(one for one in rest["extension"] if one["url"] == names.WEBSOCKET)["valueUri"].endswith(PLACE)
    stated = next(one for one in rest["resource"] if one["type"] == "Subscription")
    topics = [one["valueCanonical"].rpartition("/")[2] for one in stated["extension"]]
    assert topics == ["contract", "critical-value", "overdue", "patient-record", "referral", "report"]
    assert stated["supportedProfile"] == [names.SUBSCRIPTION_PROFILE]
    assert {"status", "events", "get-ws-binding-token"} <= {one["name"] for one in stated["operation"]}


def test_over_a_real_socket(tmp_path: Path) -> None:
    """The server as it runs, and a client library of its own."""
    settings = load({"store": store_at(tmp_path / "county.sqlite"), "workflow": "off", "load_definitions": "off"})
    config = uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]

    async def story() -> None:
        import httpx

        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/fhir/") as http:
            one = (await http.post("Subscription", json=plain_socket("Basic"))).json()["id"]
            async with websockets.connect(f"ws://127.0.0.1:{port}{PLACE}") as socket:
                while True:
                    await socket.send(f"bind {one}")
                    if await socket.recv() == f"bound {one}":
                        break
                await http.post("Basic", json={"resourceType": "Basic", "code": {"text": "a"}})
                assert await asyncio.wait_for(socket.recv(), 20) == f"ping {one}"

    try:
        asyncio.run(story())
    finally:
        server.should_exit = True
        thread.join()
