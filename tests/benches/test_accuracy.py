"""The judge of an intake tells right, missing and wrong facts apart, and sees what was joined or linked."""

from __future__ import annotations

from typing import Any

import pytest

from bench.accuracy.events import agreement
from bench.accuracy.facts import MISSING, RIGHT, WRONG, judged
from bench.accuracy.persons import linking
from bench.accuracy.served import Served, understood

GLUCOSE = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"code": "14771-0"}], "text": "空腹血糖"},
    "effectiveDateTime": "2025-03-01T08:30:00+08:00",
    "valueQuantity": {"value": 7.1, "code": "mmol/L"},
}
FACT = {
    "resource_type": "Observation",
    "codes": ["14771-0"],
    "outcome": "store",
    "date": "2025-03-01",
    "unit": "mmol/L",
}


def provenance(number: int, file: str, key: str, *targets: str) -> dict[str, Any]:
    system = "https://fhir.county-hc.example/id/source-record"
    what = {"identifier": {"system": system, "value": f"s/m?{key}"}, "display": f"{file}, record 1, sha256:0"}
    listed = [{"reference": one} for one in targets]
    return {"resourceType": "Provenance", "id": str(number), "target": listed, "entity": [{"what": what}]}


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"value": 7.1}, RIGHT),
        ({"value": 7.2}, WRONG),
        ({"value": 7.1, "unit": "mg/dL"}, WRONG),
        ({"value": 7.1, "comparator": "<"}, WRONG),
        ({"value": 7.1, "date": "2025-03-02"}, WRONG),
        ({"value": 7.1, "status": "!final"}, WRONG),
        ({"value": 7.1, "codes": ["718-7"]}, MISSING),
        ({"text": "标本量不足", "absent": True, "outcome": "store-as-text"}, WRONG),
        ({"value": 7.1, "outcome": "quarantine"}, WRONG),
        ({"value": 5.0, "codes": ["718-7"], "outcome": "quarantine"}, RIGHT),
    ],
)
def test_a_result_is_judged_by_every_part(said: dict[str, Any], verdict: str) -> None:
    """Value, unit, comparator, day, status; a held-back value must be nowhere."""
    assert judged(FACT | said, [GLUCOSE])[0] == verdict


def test_an_unverified_number_must_not_stand_as_national() -> None:
    """The same number is right under one system and wrong under the other."""
    fact = {"resource_type": "Patient", "codes": ["identity-number"], "text": "1", "outcome": "store-as-text"}
    for system, verdict in (("urn:oid:2.16.156.10011.1.3", WRONG), ("urn:other", RIGHT)):
        patient = {"resourceType": "Patient", "id": "p", "identifier": [{"system": system, "value": "1"}]}
        assert judged(fact, [patient])[0] == verdict


def served(*targets: str) -> Served:
    """Two stays of two files and two Patients, one linked to the other."""
    stays = [{"resourceType": "Encounter", "id": one} for one in ("e1", "e2")]
    link = [{"other": {"reference": "Patient/p2"}, "type": "seealso"}]
    people = [{"resourceType": "Patient", "id": "p1", "link": link}, {"resourceType": "Patient", "id": "p2"}]
    origins = [
        provenance(1, "a/x.csv", "N=1", targets[0], "Patient/p1"),
        provenance(2, "b/y.csv", "N=2", targets[1], "Patient/p2"),
    ]
    return understood(iter([*stays, *people, *origins]))


def truth(*persons: str) -> dict[str, Any]:
    records = [{"file": "a/x.csv", "key": "N=1"}, {"file": "b/y.csv", "key": "N=2"}]
    return {
        "same_event": [{"event": "stay", "resource_type": "Encounter", "records": records}],
        "identities": [one | {"person": person} for one, person in zip(records, persons, strict=True)],
        "never_link_records": [{"a": ["a/x.csv", "N=1"], "b": ["b/y.csv", "N=2"]}] if persons[0] != persons[1] else [],
    }


def test_one_event_is_one_resource_or_not() -> None:
    """Joined when both records stand for the same resource."""
    assert agreement(served("Encounter/e1", "Encounter/e1"), truth("P1", "P1"))["one"] == {"stay": 1}
    assert agreement(served("Encounter/e1", "Encounter/e2"), truth("P1", "P1"))["apart"] == {"stay": 1}


def test_links_are_right_or_wrong() -> None:
    """Precision and recall by pairs; pairs that must never be linked are counted."""
    right = linking(served("Encounter/e1", "Encounter/e2"), truth("P1", "P1"))
    wrong = linking(served("Encounter/e1", "Encounter/e2"), truth("P1", "P2"))
    assert (right["precision"], right["recall"], right["never_linked_broken"]) == (1.0, 1.0, 0)
    assert (wrong["precision"], wrong["never_linked_broken"]) == (0.0, 1)
