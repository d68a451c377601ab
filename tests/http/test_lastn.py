"""Observation/$lastn over HTTP: the newest of each code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from starlette.testclient import TestClient

VITAL = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}],
}


def observation(subject: str, code: dict[str, Any], when: str | None, **other: Any) -> dict[str, Any]:
    """An Observation of the subject with a code at a time."""
    made = {"resourceType": "Observation", "status": "final", "code": code, "category": [VITAL]} | other
    made["subject"] = {"reference": f"Patient/{subject}"}
    return made | ({"effectiveDateTime": when} if when else {})


def coded(*codes: str) -> dict[str, Any]:
    """A CodeableConcept of codes in one system."""
    return {"coding": [{"system": "urn:codes", "code": code} for code in codes]}


def stored(client: TestClient, rows: Iterable[tuple[dict[str, Any], str | None]]) -> tuple[str, list[str]]:
    """A new Patient with these Observations; the ids in the order given."""
    subject = client.post("Patient", json={"resourceType": "Patient"}).json()["id"]
    return subject, [
        client.post("Observation", json=observation(subject, code, when)).json()["id"] for code, when in rows
    ]


def last(client: TestClient, query: str) -> list[str]:
    """The ids that $lastn answers, in their order."""
    answer = client.get(f"Observation/$lastn?{query}")
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    matches = [row["resource"]["id"] for row in bundle.get("entry", []) if row["search"]["mode"] == "match"]
    assert bundle["total"] == len(matches)
    return matches


def test_the_newest_of_each_code_come_newest_first(client: TestClient) -> None:
    """One of each unless max says more; other filters come before grouping; what has no time comes last."""
    rows = [("a", "2026-01-01"), ("b", "2026-03-01"), ("a", "2026-02-01"), ("a", "2026-01-15"), ("c", None)]
    subject, ids = stored(client, ((coded(code), when) for code, when in rows))
    stored(client, [(coded("a"), "2026-05-01")])
    assert last(client, f"patient={subject}&category=vital-signs") == [ids[1], ids[2], ids[4]]
    assert last(client, f"patient={subject}&category=vital-signs&max=2") == [ids[1], ids[2], ids[3], ids[4]]
    assert last(client, f"subject=Patient/{subject}&code=a,c&date=lt2026-02-01") == [ids[3]]
    assert last(client, f"patient={subject}&category=laboratory") == []


@pytest.mark.parametrize(
    ("codes", "groups"),
    [
        ((("a",), ("b",), ("c",)), 3),
        ((("a",), ("b",), ("a", "c")), 2),
        ((("a",), ("b",), ("a", "b")), 1),
    ],
)
def test_codes_that_are_translations_are_one_group(
    client: TestClient, codes: tuple[tuple[str, ...], ...], groups: int
) -> None:
    """The table of the OperationDefinition: equality of codings is transitive."""
    subject, _ = stored(client, ((coded(*each), f"2026-01-0{day}") for day, each in enumerate(codes, 1)))
    assert len(last(client, f"patient={subject}&category=vital-signs")) == groups


def test_text_only_codes_are_grouped_by_their_text(client: TestClient) -> None:
    """As it is written; a system tells codes apart."""
    texts = ({"text": "textM"}, {"text": "Text"}, {"text": "t e x t"}, {"text": "Text"})
    codes = (*texts, {"coding": [{"system": "urn:x", "code": "a"}]}, {"coding": [{"code": "a"}]})
    subject, ids = stored(client, ((code, f"2026-01-0{day}") for day, code in enumerate(codes, 1)))
    assert last(client, f"patient={subject}&category=vital-signs") == [ids[5], ids[4], ids[3], ids[2], ids[0]]


def test_ties_are_all_returned(client: TestClient) -> None:
    """Those as new as the last one of a group come along, written in another zone, too; those without a time do not."""
    times = ["2026-01-01T08:00:00+08:00", "2026-01-01T00:00:00Z", "2025-01-01", None, None]
    subject, ids = stored(client, ((coded("a"), when) for when in times))
    assert set(last(client, f"patient={subject}&code=a")) == set(ids[:2])
    assert len(last(client, f"patient={subject}&code=a&max=4")) == 4


def test_includes_and_posted_parameters(client: TestClient) -> None:
    """_include follows what is returned; the parameters may stand in a Parameters resource."""
    subject, ids = stored(client, [(coded("a"), "2026-01-01"), (coded("a"), "2026-01-02")])
    answer = client.get(f"Observation/$lastn?patient={subject}&code=a&_include=Observation:subject").json()
    assert [(row["resource"]["id"], row["search"]["mode"]) for row in answer["entry"]] == [
        (ids[1], "match"),
        (subject, "include"),
    ]
    sent = [{"name": "patient", "valueString": subject}, {"name": "code", "valueString": "a"}]
    body = {"resourceType": "Parameters", "parameter": [*sent, {"name": "max", "valuePositiveInt": 2}]}
    assert client.post("Observation/$lastn", json=body).json()["total"] == 2


@pytest.mark.parametrize(
    "query",
    [
        "category=vital-signs",
        "patient=1",
        "patient=1&code=a&max=0",
        "patient=1&code=a&max=1&max=2",
        "patient=1&code=a&_sort=date",
        "patient=1&code=a&_count=3",
        "patient=1&code=a&colour=red",
    ],
)
def test_what_is_missing_or_has_no_place_is_refused(client: TestClient, query: str) -> None:
    """A subject, a category or code, and nothing that orders or cuts the answer."""
    assert client.get(f"Observation/$lastn?{query}").status_code == 400
