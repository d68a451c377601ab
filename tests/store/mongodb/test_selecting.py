"""What leads to many resources is asked the other way round, batch by batch, and finds the same."""

from __future__ import annotations

from typing import Any

import pytest

from countyfhir.search.query import Chain, Has, Not, Query, ReferenceIs, TokenIn
from countyfhir.store.mongodb import MongoStore, predicates, selecting
from countyfhir.store.mongodb.reading import rendered, some
from tests.contract.samples import Shelf, commit
from tests.contract.test_reached import CLAUSES, WRITES
from tests.contract.test_search import OBSERVATION_CLAUSES, PATIENT_CLAUSES, filled

from .opened import told

LEADING = (Chain, Has, TokenIn)


def test_many_targets_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chains, has and lists of codes without any list: as a plain reading finds, negated and with a sort, too."""
    monkeypatch.setattr(selecting, "FEW", 0)
    monkeypatch.setattr(predicates, "MOST_LISTED", 0)

    async def story(store: MongoStore) -> None:
        await commit(store, *WRITES)
        shelf = Shelf(WRITES)
        for kind, clause in CLAUSES.values():
            if isinstance(clause[0], LEADING):
                await compare(store, shelf, kind, clause)

    told(story)


def test_many_chains_over_hundreds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same over more resources than a batch has."""
    monkeypatch.setattr(selecting, "FEW", 3)

    async def story(store: MongoStore) -> None:
        shelf = await filled(store)
        await compare(store, shelf, "Patient", PATIENT_CLAUSES["has"])
        await compare(store, shelf, "Observation", OBSERVATION_CLAUSES["chain"])

    told(story)


def test_several_patients_are_one_list() -> None:
    """An index is walked at each key; an ``$or`` of pairs would be planned pair by pair."""
    patients = [ReferenceIs("subject", "Patient", one) for one in ("p2", "p1")]
    asked = some(predicates.SIMPLE[ReferenceIs]("Observation", one) for one in patients)
    assert rendered(asked) == {
        "k": {"$in": ["Observation.subject!rp2/Patient", "Observation.subject!rp1/Patient"]},
        "p": {"$in": ["*", "p1", "p2"]},
    }
    device = predicates.SIMPLE[ReferenceIs]("Observation", ReferenceIs("subject", "Device", "d"))
    assert rendered(some([asked, device])) == {"$or": [rendered(asked), {"k": "Observation.subject!rd/Device"}]}


@pytest.mark.parametrize(
    ("query", "told_by_it"),
    [
        ({"k": "Patient.gender!tmale"}, True),
        ({"k": {"$in": ["Patient.gender!tmale", "Patient.gender!tfemale"]}, "p": {"$in": ["*"]}}, True),
        ({"k": {"$in": ["Patient.gender!tmale", "Person.gender!tmale"]}}, False),
        ({"k": {"$in": []}}, False),
        ({"k": {"$in": [f"Patient.identifier!t{each}" for each in range(selecting.IN_ORDER + 1)]}}, False),
        ({"k": {"$elemMatch": {"$gte": "Patient.name!sa", "$lt": "Patient.name!sb"}}}, False),
        ({"$or": [{"k": "Patient.gender!tmale"}, {"d.p": "Patient.birthdate"}]}, False),
        ({"$nor": [{"k": "Patient.gender!tmale"}]}, False),
    ],
)
def test_keys_tell_the_type(query: dict[str, Any], told_by_it: bool) -> None:
    """Beside them the type is not asked: the index of keys alone finds, orders and counts."""
    assert selecting.tells_type("Patient", query) is told_by_it


async def compare(store: MongoStore, shelf: Shelf, kind: str, clause: tuple[object, ...]) -> None:
    """One clause, and its opposite."""
    for where in ((clause,), ((Not(clause),),)):  # type: ignore[arg-type]
        query = Query((kind,), where, count=500, total="accurate")  # type: ignore[arg-type]
        page = await store.resources.search(query)
        assert {f"{kind}/{each.logical_id}" for each in page.matches} == shelf.find(query), clause
        assert page.total == len(page.matches)
