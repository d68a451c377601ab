"""history of instance, type and system (R4 section 3.1.0.10)."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient


def versions(client: TestClient, place: str) -> list[tuple[str, str]]:
    """(method, id) of every entry, following next links."""
    seen = []
    while place:
        page = client.get(place).json()
        assert page["type"] == "history"
        seen += [(row["request"]["method"], row["fullUrl"].rsplit("/", 1)[1]) for row in page.get("entry", [])]
        place = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return seen


def test_instance_history_is_newest_first_with_deletions(client: TestClient, patient: dict[str, Any]) -> None:
    """Each version with its request and response; a deletion has no resource."""
    place = f"Patient/{patient['id']}"
    client.put(place, json={**patient, "gender": "male"})
    client.delete(place)
    page = client.get(f"{place}/_history").json()
    assert page["total"] == 3
    assert [row["request"]["method"] for row in page["entry"]] == ["DELETE", "PUT", "POST"]
    assert "resource" not in page["entry"][0]
    assert [row["response"]["etag"] for row in page["entry"]] == ['W/"3"', 'W/"2"', 'W/"1"']
    assert page["entry"][1]["resource"]["gender"] == "male"


def test_history_pages_by_key_while_others_write(client: TestClient) -> None:
    """Every version that was there when paging began comes once, whatever is written meanwhile."""
    made = [
        client.post("Group", json={"resourceType": "Group", "type": "person", "actual": True}).json()["id"]
        for _ in range(7)
    ]
    page = client.get("Group/_history?_count=3").json()
    seen = [row["resource"]["id"] for row in page["entry"]]
    while any(link["relation"] == "next" for link in page["link"]):
        client.post("Group", json={"resourceType": "Group", "type": "person", "actual": True})
        page = client.get(next(link["url"] for link in page["link"] if link["relation"] == "next")).json()
        seen += [row["resource"]["id"] for row in page["entry"]]
    assert seen == made[::-1]


def test_since_and_at(client: TestClient, patient: dict[str, Any]) -> None:
    """``_since`` takes what changed from then on, ``_at`` what was current at that time."""
    place = f"Patient/{patient['id']}"
    first = patient["meta"]["lastUpdated"]
    second = client.put(place, json={**patient, "gender": "male"}).json()["meta"]["lastUpdated"]
    assert len(versions(client, f"{place}/_history?_since={second}")) == (1 if second != first else 2)
    assert versions(client, f"{place}/_history?_since=2999-01-01") == []
    assert len(versions(client, f"{place}/_history?_at={first}")) == 1
    assert client.get(f"{place}/_history?_since=yesterday").status_code == 400
    assert client.get(f"{place}/_history?_foo=1").status_code == 400


def test_system_history_covers_all_types(client: TestClient, patient: dict[str, Any]) -> None:
    """The newest change of the server stands first."""
    client.post("Group", json={"resourceType": "Group", "type": "person", "actual": True})
    kinds = {row["resource"]["resourceType"] for row in client.get("_history?_count=2").json()["entry"]}
    assert kinds == {"Group", "Patient"}


def test_history_of_the_unknown_is_404(client: TestClient) -> None:
    """No history without a resource."""
    assert client.get("Patient/never/_history").status_code == 404


@pytest.mark.parametrize("place", ["Patient/{id}/_history", "Patient/_history", "_history"])
def test_summary_count_counts_only(client: TestClient, patient: dict[str, Any], place: str) -> None:
    """``_summary=count`` gives the total and no entry."""
    shown = client.get(place.format(**patient), params={"_summary": "count"}).json()
    assert shown["total"] >= 1
    assert "entry" not in shown


@pytest.mark.parametrize("count", ["1", "50"])
def test_what_was_brought_back_was_created(client: TestClient, count: str) -> None:
    """PUT, DELETE, PUT: the last is 201 again, also where the deletion stands on the next page."""
    place = f"Patient/back{count}"
    body = {"resourceType": "Patient", "id": place.partition("/")[2]}
    answered = [
        client.put(place, json=body),
        client.delete(place),
        client.put(place, json=body),
        client.put(place, json=body),
    ]
    page, said = client.get(f"{place}/_history", params={"_count": count}).json(), []
    while True:
        said += [int(row["response"]["status"][:3]) for row in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            break
        page = client.get(following[0]).json()
    assert said == [answer.status_code for answer in reversed(answered)] == [200, 201, 204, 201]


def test_a_count_of_thousands_of_digits_is_refused(client: TestClient, patient: dict[str, Any]) -> None:
    """400, for a history and for $everything; reading such a number is refused by Python itself."""
    digits = "9" * 5000
    for place in (f"Patient/{patient['id']}/_history", f"Patient/{patient['id']}/$everything"):
        assert client.get(f"{place}?_count={digits}").status_code == 400
    assert client.get(f"Patient?_count={digits}").status_code in (200, 400)
