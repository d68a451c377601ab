"""What leads to many resources is asked the other way round, batch by batch, and finds the same."""

from __future__ import annotations

import pytest

from countyfhir.search.query import Chain, Has, Not, Query, TokenIn
from countyfhir.store.mongodb import MongoStore, predicates, selecting
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


async def compare(store: MongoStore, shelf: Shelf, kind: str, clause: tuple[object, ...]) -> None:
    """One clause, and its opposite."""
    for where in ((clause,), ((Not(clause),),)):  # type: ignore[arg-type]
        query = Query((kind,), where, count=500, total="accurate")  # type: ignore[arg-type]
        page = await store.resources.search(query)
        assert {f"{kind}/{each.logical_id}" for each in page.matches} == shelf.find(query), clause
        assert page.total == len(page.matches)
