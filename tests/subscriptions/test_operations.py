"""$status, $events, dead letters; what is refused when a Subscription is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from countyfhir import shipped
from countyfhir.subscriptions import topics
from countyfhir.validation import structure
from tests.http.conftest import TestClient
from tests.subscriptions.making import TOPIC, by_topic, create, plain, report, subscribed, until
from tests.subscriptions.receiving import Receiver, parameter


def numbers_of(bundle: dict[str, Any]) -> list[int]:
    """The numbers of the events in an answer."""
    told = bundle["entry"][0]["resource"]["parameter"]
    return [int(one["part"][0]["valueString"]) for one in told if one["name"] == "notification-event"]


def test_events_can_be_asked_for_by_number_in_pages(client: TestClient, receiver: Receiver) -> None:
    """Both ends are included; the next link leads on; the content is the asker's choice."""
    one = subscribed(client, by_topic("report", receiver.url))
    made = [create(client, "DiagnosticReport", **report()) for _ in range(5)]
    receiver.wait(6)
    everything = client.get(f"Subscription/{one}/$events").json()
    assert everything["type"] == "history"
    assert parameter(everything["entry"][0]["resource"], "type") == "query-event"
    assert numbers_of(everything) == [1, 2, 3, 4, 5]
    some = {"eventsSinceNumber": 2, "eventsUntilNumber": 3, "content": "full-resource"}
    found = client.get(f"Subscription/{one}/$events", params=some).json()
    assert numbers_of(found) == [2, 3]
    assert [entry["resource"]["id"] for entry in found["entry"][1:]] == made[1:3]
    page = client.get(f"Subscription/{one}/$events", params={"_count": 2}).json()
    pages = [numbers_of(page)]
    while onwards := [link["url"] for link in page["link"] if link["relation"] == "next"]:
        page = client.get(onwards[0]).json()
        pages.append(numbers_of(page))
    assert pages == [[1, 2], [3, 4], [5]]
    body = {"resourceType": "Parameters", "parameter": [{"name": "eventsSinceNumber", "valueString": "5"}]}
    assert numbers_of(client.post(f"Subscription/{one}/$events", json=body).json()) == [5]
    assert client.get(f"Subscription/{one}/$events", params={"eventsSinceNumber": "x"}).status_code == 400
    assert client.get(f"Subscription/{one}/$events", params={"content": "all"}).status_code == 400
    client.delete(f"Subscription/{one}")
    assert client.get(f"Subscription/{one}/$events").status_code == 410


def test_status_of_one_of_several_of_all(client: TestClient, receiver: Receiver) -> None:
    """On the instance, or by id and status; a Bundle of type searchset."""
    ids = sorted(subscribed(client, plain(f"Basic?code:text={text}", receiver.url)) for text in ("a", "b"))
    client.put(f"Subscription/{ids[1]}", json=client.get(f"Subscription/{ids[1]}").json() | {"status": "off"})

    def told(**asked: Any) -> list[tuple[str, str]]:
        bundle = client.get("Subscription/$status", params=asked).json()
        assert bundle["type"] == "searchset"
        found = [entry["resource"] for entry in bundle.get("entry", ())]
        said = [
            (parameter(one, "subscription")["reference"].rpartition("/")[2], parameter(one, "status")) for one in found
        ]
        return [one for one in said if one[0] in ids]

    assert told() == [(ids[0], "active"), (ids[1], "off")]
    assert told(status="off") == [(ids[1], "off")]
    assert told(id=ids[0], status="active") == [(ids[0], "active")]
    alone = client.get(f"Subscription/{ids[0]}/$status").json()["entry"]
    assert parameter(alone[0]["resource"], "type") == "query-status"
    assert client.get("Subscription/nobody/$status").status_code == 404
    for one in ids:
        client.delete(f"Subscription/{one}")


@pytest.fixture
def stubborn() -> Iterator[Receiver]:
    """A receiver that takes handshakes and nothing else, until it is told otherwise."""
    made = Receiver(lambda request: None if request.kind == "handshake" else 503)
    yield made
    made.close()


def test_dead_letters_are_listed_replayed_and_discarded(serve: Callable[..., TestClient], stubborn: Receiver) -> None:
    """What was given up stays until somebody decides; a replay is delivered with its number."""
    brief = {"notification_give_up_hours": 0.3 / 3600, "notification_first_retry_seconds": 0.2}
    client = serve(workflow="off", metrics="key", **brief)
    one = subscribed(client, by_topic("report", stubborn.url))
    for _ in range(3):
        create(client, "DiagnosticReport", **report())
    dead: list[dict[str, Any]] = []
    while len(dead) < 3:
        answer = client.get("$notifications", params={"subscription": one}).json()
        dead = [part for part in answer["parameter"] if part["name"] == "notification"]
    assert until(client, one, "error")["error"] == "answered 503"
    said = {part["name"]: part for part in dead[0]["part"]}
    assert (said["number"]["valueInteger"], said["reason"]["valueString"]) == (1, "answered 503")
    page = client.get("$notifications", params={"_count": 2}).json()
    assert parameter(page, "after") == f"{one}/2"
    rest = client.get("$notifications", params={"after": f"{one}/2"}).json()
    assert len([part for part in rest["parameter"] if part["name"] == "notification"]) == 1
    refused = client.post("$notifications-discard", params={"subscription": one})
    assert refused.status_code == 400
    asked = {"subscription": one, "number": 2, "reason": "no longer wanted"}
    assert parameter(client.post("$notifications-discard", params=asked).json(), "moved") == 1
    stubborn.answers = lambda request: None
    assert parameter(client.post("$notifications-replay", params={"subscription": one}).json(), "moved") == 2
    stubborn.wait(3)
    assert [number for event in stubborn.events for number in event.numbers] == [1, 3]
    until(client, one)
    assert client.get("$notifications-replay").status_code == 405
    assert client.post("$notifications-replay", params={"subscription": "nobody"}).status_code == 404
    metrics = client.get("http://127.0.0.1:8080/metrics").text
    assert 'countyfhir_notifications{state="dead"} 0' in metrics
    assert 'countyfhir_notification_attempts_total{outcome="delivered"}' in metrics


def altered(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """A Subscription by topic with one thing wrong."""
    made = by_topic("report", "http://127.0.0.1:9/told")
    change(made)
    return made


@pytest.mark.parametrize(
    ("sent", "code", "place"),
    [
        (plain("Basic?colour=red", "http://127.0.0.1:9/"), "not-supported", "criteria"),
        (plain("Nothing?code=a", "http://127.0.0.1:9/"), "value", "criteria"),
        (plain("Observation?date=yesterday", "http://127.0.0.1:9/"), "invalid", "criteria"),
        (plain("Basic", "http://10.0.0.7/told"), "value", "channel.endpoint"),
        (plain("Basic", "http://169.254.169.254/latest"), "value", "channel.endpoint"),
        (plain("Basic", "http://hospital.example/told"), "value", "channel.endpoint"),
        (plain("Basic", "file:///etc/passwd"), "value", "channel.endpoint"),
        (plain("Basic", "https://user:secret@hospital.example/"), "value", "channel.endpoint"),
        (plain("Basic", "http://127.0.0.1:9/", "text/plain"), "not-supported", "channel.payload"),
        (plain("Basic", "http://127.0.0.1:9/", header=["no colon"]), "value", "channel.header[0]"),
        (plain("Basic", "http://127.0.0.1:9/", header=["Host: other"]), "value", "channel.header[0]"),
        (plain("Basic", "mailto:a@b.example") | {"channel": {"type": "email"}}, "not-supported", "channel.type"),
        (altered(lambda one: one.update(criteria=TOPIC + "weather")), "not-supported", "criteria"),
        (altered(lambda one: one["channel"].pop("_payload")), "required", "channel.payload"),
        (altered(lambda one: one["channel"].pop("endpoint")), "required", "channel.endpoint"),
        (by_topic("report", "http://127.0.0.1:9/", "some"), "value", "channel.payload"),
        (by_topic("report", "http://127.0.0.1:9/", filters=("conclusion=a",)), "not-supported", "criteria"),
        (by_topic("report", "http://127.0.0.1:9/", filters=("Patient?name=a",)), "not-supported", "criteria"),
        (by_topic("report", "http://127.0.0.1:9/", filters=("status:not=a",)), "not-supported", "criteria"),
        (by_topic("report", "http://127.0.0.1:9/", filters=("patient=Practitioner/a b",)), "value", "criteria"),
        (by_topic("report", "http://127.0.0.1:9/", timeout=0), "value", "channel"),
    ],
)
def test_what_the_server_will_not_do_is_refused(
    client: TestClient, sent: dict[str, Any], code: str, place: str
) -> None:
    """422 with the place, and nothing is stored."""
    answer = client.post("Subscription", json=sent)
    assert answer.status_code in (400, 422), answer.text
    assert (code, [f"Subscription.{place}"]) in [(one["code"], one["expression"]) for one in answer.json()["issue"]]


def test_a_transaction_with_a_wrong_subscription_is_refused_whole(client: TestClient) -> None:
    """One door: what holds for a create holds for an entry."""
    entries = [
        {"resource": {"resourceType": "Basic", "code": {"text": "with"}}, "request": {"method": "POST", "url": "Basic"}}
    ]
    wrong = {
        "resource": plain("Basic?colour=red", "http://127.0.0.1:9/"),
        "request": {"method": "POST", "url": "Subscription"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [*entries, wrong]}
    assert client.post("", json=bundle).status_code == 422
    assert client.get("Basic?code:text=with").json().get("total", 0) == 0


def test_topics_are_told_as_basic_resources() -> None:
    """R4 has no SubscriptionTopic: each is a Basic with the extensions of R5; both languages are there."""
    offered = topics.each(topics.load([shipped.folder("profiles")]))
    assert len(offered) == 6
    for one in offered:
        made = topics.basic_of(one.definition)
        assert structure.check(made) == []
        told = [part["url"].rpartition(".")[2] for part in made["extension"]]
        assert {"url", "version", "title", "resourceTrigger", "canFilterBy", "notificationShape"} <= set(told)
        assert any("\u4e00" <= sign <= "\u9fff" for sign in made["code"]["text"])
