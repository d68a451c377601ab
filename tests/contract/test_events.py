"""What intake remembers of events is kept the same in every store: keys, statements, names."""

from __future__ import annotations

import asyncio

from countyfhir.exchange import SourceRecord
from countyfhir.intake.events.index import ALIASES, KEYS, STATEMENTS, Index
from countyfhir.intake.events.statement import Statement
from tests.contract.conftest import Open

LIKE = SourceRecord("s/stays", "NO=1", "d", "stored", "1", "s/stays.csv", 1)
STAY = Statement(
    "Encounter/a",
    "s/stays?NO=1",
    "s",
    "table",
    "X1",
    "Patient/p",
    [["urn:x", "1"]],
    {"start": "2025-03-01T08:30"},
    "IMP",
    "",
    '{"resourceType":"Encounter","id":"a","length":{"value":1.50},"reasonCode":[{"text":"头晕"}]}',
)


def test_the_last_statement_about_an_event_is_the_one_that_counts(open_store: Open) -> None:
    """Statements, keys and names come back as they were put, digits and Chinese included; the newest row stands."""

    async def told() -> None:
        store = await open_store()
        index = Index(store.intake)
        rows = [
            index.put(LIKE, STATEMENTS, "Encounter/a", (), [STAY.as_dict()]),
            index.put(LIKE, KEYS, "k", ["Encounter/b"]),
            index.put(LIKE, KEYS, "k", ["Encounter/b", "Encounter/a"]),
            index.put(LIKE, ALIASES, "Encounter/c", ["Encounter/a"]),
        ]
        await store.intake.append(rows)
        fresh = Index(store.intake)
        assert await fresh.statements("Encounter/a") == [STAY]
        assert str((await fresh.statements("Encounter/a"))[0].resource()["length"]["value"]) == "1.50"
        assert await fresh.references(KEYS, ["k", "other"]) == ["Encounter/b", "Encounter/a"]
        assert [await fresh.standing(one) for one in ("Encounter/c", "Encounter/d")] == ["Encounter/a", "Encounter/d"]
        await store.close()

    asyncio.run(told())
