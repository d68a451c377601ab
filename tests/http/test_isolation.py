"""Transactions that race, and those that fail late (R4 section 3.1.0.11.2; DESIGN decision 8)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from tests.http.bundles import SYSTEM, bundle, entry, observation, patient, statuses


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The answers of calls that start together, in their order."""
    start, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def one(number: int, call: Callable[[], Any]) -> None:
        start.wait()
        answers[number] = call()

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def total(client: TestClient, place: str, **parameters: str) -> int:
    """How many a search finds."""
    found: int = client.get(place, params=parameters | {"_total": "accurate", "_count": "0"}).json()["total"]
    return found


def test_racing_transactions_create_by_the_same_criteria_once(client: TestClient) -> None:
    """Eight bundles, each with a conditional create and what points to it: one Patient, eight Observations of it."""
    urn = "urn:uuid:0a3c8f5e-3b7e-4d5a-9b55-0c2b8a1f6d11"
    rows = (
        entry("POST", "Patient", patient("raced"), urn, ifNoneExist=f"identifier={SYSTEM}|raced"),
        entry("POST", "Observation", observation(urn)),
    )
    answers = at_once(*[lambda: client.post("", json=bundle(*rows))] * 8)
    assert sorted(statuses(answer)[0] for answer in answers) == ["200"] * 7 + ["201"]
    assert total(client, "Patient", identifier=f"{SYSTEM}|raced") == 1
    assert total(client, "Observation", **{"subject:Patient.identifier": f"{SYSTEM}|raced"}) == 8


def test_there_is_no_write_skew(client: TestClient) -> None:
    """Each of two bundles creates only where the other's resource is not there: never both."""
    for number in range(6):
        first, second = f"skew-a{number}", f"skew-b{number}"
        pair = ((first, second), (second, first))
        rows = [
            entry("POST", "Patient", patient(own), ifNoneExist=f"identifier={SYSTEM}|{other}") for own, other in pair
        ]
        calls = [lambda row=row: client.post("", json=bundle(row)) for row in rows]
        assert sorted(statuses(answer)[0] for answer in at_once(*calls)) == ["200", "201"]


def test_a_version_is_never_used_again(client: TestClient) -> None:
    """After a delete and a new start, an ETag from before does not fit."""
    client.put("Patient/again", json=patient("again", id="again"))
    client.delete("Patient/again")
    assert client.put("Patient/again", json=patient("again", id="again")).headers["etag"] == 'W/"3"'
    for stale in ('W/"1"', 'W/"2"'):
        row = entry("PUT", "Patient/again", patient("again", id="again"), ifMatch=stale)
        assert client.post("", json=bundle(row)).status_code == 412


def test_racing_updates_of_one_version_go_through_once(client: TestClient) -> None:
    """If-Match: of eight that read the same version one wins, the others are told."""
    client.put("Patient/won", json=patient("won", id="won"))
    headers = {"If-Match": 'W/"1"'}
    call = lambda: client.put("Patient/won", json=patient("won", id="won"), headers=headers).status_code  # noqa: E731
    assert sorted(at_once(*[call] * 8)) == [200] + [412] * 7


def test_a_commit_that_fails_writes_nothing(client: TestClient) -> None:
    """A delete that the store refuses (others point to it) takes the rest of the bundle with it."""
    client.put("Patient/held", json=patient("held", id="held"))
    client.post("Observation", json=observation("Patient/held"))
    refused = client.post("", json=bundle(entry("POST", "Patient", patient("late")), entry("DELETE", "Patient/held")))
    assert refused.status_code == 409
    assert total(client, "Patient", identifier=f"{SYSTEM}|late") == 0
    assert client.get("Patient/held").headers["etag"] == 'W/"1"'


def test_what_points_to_a_resource_may_go_with_it(client: TestClient) -> None:
    """Holder and held deleted in one bundle, in the wrong order."""
    client.put("Patient/both", json=patient("both", id="both"))
    client.put("Observation/both", json=observation("Patient/both", id="both"))
    rows = (entry("DELETE", "Patient/both"), entry("DELETE", "Observation/both"))
    assert statuses(client.post("", json=bundle(*rows))) == ["204", "204"]
