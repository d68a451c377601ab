"""Rest-hooks: R4's own and by topics, over HTTP to a receiver that really listens."""

from __future__ import annotations

from typing import Any

import pytest

from countyfhir.model import xml
from countyfhir.subscriptions import names
from countyfhir.validation import structure
from tests.http.conftest import TestClient
from tests.subscriptions.making import TAG, TOPIC, by_topic, create, plain, report, subscribed, until
from tests.subscriptions.receiving import Receiver, parameter

BP = {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]}


def test_with_a_payload_the_resource_is_put_to_the_endpoint(client: TestClient, receiver: Receiver) -> None:
    """R4: the endpoint is a base, each match is an update there, with the headers of the channel; others are not
    sent."""
    header = ["Authorization: Bearer of-the-receiver"]
    one = subscribed(client, plain("Observation?code=http://loinc.org|85354-9", receiver.url, header=header))
    create(client, "Observation", status="final", code={"text": "other"})
    made = create(client, "Observation", status="final", code=BP)
    client.put(f"Observation/{made}", json={"resourceType": "Observation", "id": made, "status": "amended", "code": BP})
    client.delete(f"Observation/{made}")
    create(client, "Observation", id="last", status="final", code=BP)
    first, second, _ = receiver.wait(3)
    assert [(one.method, one.path) for one in (first, second)] == [("PUT", f"/told/Observation/{made}")] * 2
    assert first.headers["authorization"] == "Bearer of-the-receiver"
    assert first.headers["content-type"].startswith("application/fhir+json")
    assert [one.json["status"] for one in (first, second)] == ["final", "amended"]
    client.delete(f"Subscription/{one}")


def test_without_a_payload_only_the_call_is_made(client: TestClient, receiver: Receiver) -> None:
    """R4: a POST without a body."""
    one = subscribed(client, plain("Basic", receiver.url, None))
    create(client, "Basic", code={"text": "a"})
    (told,) = receiver.wait(1)
    assert (told.method, told.path, told.body) == ("POST", "/told", b"")
    client.delete(f"Subscription/{one}")


def test_a_chain_in_the_criteria_is_asked_of_the_store(client: TestClient, receiver: Receiver) -> None:
    """Criteria are any search, also one that reaches other resources."""
    one = subscribed(client, plain("DiagnosticReport?subject:Patient.family=欧阳", receiver.url))
    mine = create(client, "Patient", name=[{"family": "欧阳"}])
    other = create(client, "Patient", name=[{"family": "诸葛"}])
    create(client, "DiagnosticReport", **report(other))
    made = create(client, "DiagnosticReport", **report(mine))
    (told,) = receiver.wait(1)
    assert told.path.endswith(made)
    client.delete(f"Subscription/{one}")


def test_a_handshake_comes_first_then_events_with_numbers_without_gap(client: TestClient, receiver: Receiver) -> None:
    """The backport: requested, handshake, active; Bundles of type history with the status as Parameters first."""
    one = subscribed(client, by_topic("report", receiver.url))
    made = [create(client, "DiagnosticReport", **report()) for _ in range(3)]
    handshake, *events = receiver.wait(4)
    status = handshake.json["entry"][0]["resource"]
    assert (handshake.kind, parameter(status, "status")) == ("handshake", "requested")
    assert parameter(status, "events-since-subscription-start") == "0"
    assert [event.numbers for event in events] == [[1], [2], [3]]
    bundle = events[0].json
    assert bundle["type"] == "history"
    assert bundle["meta"]["profile"] == [names.NOTIFICATION_PROFILE]
    status = bundle["entry"][0]["resource"]
    assert status["meta"]["profile"] == [names.STATUS_PROFILE]
    assert parameter(status, "subscription")["reference"].endswith(f"/Subscription/{one}")
    assert parameter(status, "topic") == TOPIC + "report"
    told = next(part for part in status["parameter"] if part["name"] == "notification-event")["part"]
    assert [part["name"] for part in told] == ["event-number", "timestamp", "focus"]
    assert told[2]["valueReference"]["reference"].endswith(f"/DiagnosticReport/{made[0]}")
    assert "resource" not in bundle["entry"][1]
    assert structure.check(bundle) == []
    client.delete(f"Subscription/{one}")


@pytest.mark.parametrize("content", ["empty", "full-resource"])
def test_as_much_is_sent_as_was_asked_for(client: TestClient, receiver: Receiver, content: str) -> None:
    """empty names no resource and no topic; full-resource carries the version that was written."""
    one = subscribed(client, by_topic("report", receiver.url, content))
    made = create(client, "DiagnosticReport", **report())
    bundle = receiver.wait(2)[1].json
    if content == "empty":
        assert len(bundle["entry"]) == 1
        assert made not in receiver.taken[1].body.decode()
        assert TOPIC not in receiver.taken[1].body.decode()
    else:
        entry = bundle["entry"][1]
        assert (entry["resource"]["id"], entry["resource"]["meta"]["versionId"]) == (made, "1")
        assert entry["request"] == {"method": "POST", "url": "DiagnosticReport"}
        assert entry["response"]["status"] == "201"
    client.delete(f"Subscription/{one}")


def test_xml_is_sent_where_it_is_asked_for(client: TestClient, receiver: Receiver) -> None:
    """The payload says the form of what is sent."""
    one = subscribed(client, by_topic("report", receiver.url, payload="application/fhir+xml"))
    create(client, "DiagnosticReport", **report())
    told = receiver.wait(2)[1]
    assert told.headers["content-type"].startswith("application/fhir+xml")
    assert xml.parse(told.body)["entry"][0]["resource"]["resourceType"] == "Parameters"
    client.delete(f"Subscription/{one}")


def test_filters_narrow_a_topic_and_several_must_all_hold(client: TestClient, receiver: Receiver) -> None:
    """A patient filter means the compartment; values may be a list."""
    mine, other = (create(client, "Patient", active=True) for _ in range(2))
    filters = (f"DiagnosticReport?patient=Patient/{mine}", "status=final,amended")
    one = subscribed(client, by_topic("report", receiver.url, filters=filters))
    create(client, "DiagnosticReport", **report(other))
    create(client, "DiagnosticReport", **report(mine, "corrected"))
    made = create(client, "DiagnosticReport", **report(mine))
    assert receiver.wait(2)[1].json["entry"][1]["fullUrl"].endswith(made)
    client.delete(f"Subscription/{one}")


def test_the_topics_see_what_a_change_was(client: TestClient, receiver: Receiver) -> None:
    """overdue triggers when the tag comes, not while it stays; patient-record tells of deletions; critical-value of
    a first HH."""
    patient = create(client, "Patient", active=True)
    topics = ("overdue", "patient-record", "critical-value")
    made = [subscribed(client, by_topic(one, receiver.url, filters=(f"patient={patient}",))) for one in topics]
    about = {"for": {"reference": f"Patient/{patient}"}}
    task: dict[str, Any] = {"resourceType": "Task", "status": "requested", "intent": "order", **about}
    task["id"] = create(client, "Task", **{name: value for name, value in task.items() if name != "resourceType"})
    for owner in ("a", "b"):
        late = task | {"meta": {"tag": [TAG]}, "description": owner}
        assert client.put(f"Task/{task['id']}", json=late).status_code == 200
    coding = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": "HH"}
    critical = {"interpretation": [{"coding": [coding]}], "subject": {"reference": f"Patient/{patient}"}}
    observation = create(client, "Observation", status="final", code=BP, **critical)
    client.delete(f"Observation/{observation}")
    receiver.wait(3 + 1 + 2 + 1)
    by_subscription: dict[str, list[str]] = {one: [] for one in made}
    for event in receiver.events:
        told = parameter(event.json["entry"][0]["resource"], "subscription")["reference"].rpartition("/")[2]
        by_subscription[told].append(event.json["entry"][1]["request"]["method"])
    assert [by_subscription[one] for one in made] == [["PUT"], ["POST", "DELETE"], ["POST"]]
    for one in made:
        client.delete(f"Subscription/{one}")


def test_what_happened_before_or_after_is_not_told(client: TestClient, receiver: Receiver) -> None:
    """Off stops at once; on again, the numbers go on and what lay between is not told."""
    create(client, "Basic", code={"text": "before"})
    one = subscribed(client, plain("Basic", receiver.url))
    create(client, "Basic", code={"text": "first"})
    receiver.wait(1)
    resource = client.get(f"Subscription/{one}").json()
    assert client.put(f"Subscription/{one}", json=resource | {"status": "off"}).json()["status"] == "off"
    create(client, "Basic", code={"text": "between"})
    client.put(f"Subscription/{one}", json=resource | {"status": "active"})
    until(client, one)
    create(client, "Basic", code={"text": "second"})
    assert [told.json["code"]["text"] for told in receiver.wait(2)] == ["first", "second"]
    answer = client.get(f"Subscription/{one}/$status").json()
    assert parameter(answer["entry"][0]["resource"], "events-since-subscription-start") == "2"
    client.delete(f"Subscription/{one}")
