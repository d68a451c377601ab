"""Full text in a store: found as a plain reading finds it, in step with every write, led by an index."""

from __future__ import annotations

import random

import pytest

from countyfhir.exchange import Plan, Write
from countyfhir.search import text_expressions
from countyfhir.search.entries import FULL_TEXT, TOKEN
from countyfhir.search.full_text import words
from countyfhir.search.query import Query, TokenIs
from countyfhir.store.ports import Store

from .conftest import Open
from .samples import Shelf, commit, delete, run, write

PIECES = ("肺炎", "糖尿病", "高血压", "肺", "病人", "cough", "fever", "2 mg", "heart rate", "炎症")
ASKED = (
    ("_content", "肺炎"),
    ("_content", "肺"),
    ("_content", "病 fever"),
    ("_content", "糖尿病"),
    ("_text", "炎"),
    ("_text", '"heart rate"'),
    ("_content", "(cough or 高血压) not fever"),
    ("_content", "co*"),
    ("_content", "nowhere"),
    ("_text", "not 肺"),
)


def texts(narrative: str, rest: str) -> tuple[object, ...]:
    return (FULL_TEXT, "_content", 0, " ".join(words(narrative)), " ".join(words(rest)))


def conditions(chance: random.Random) -> list[Write]:
    made = []
    for place in range(600):
        narrative, rest = (" ".join(chance.choices(PIECES, k=chance.randrange(4))) for _ in range(2))
        joined = narrative.replace(" ", "") if place % 2 else narrative
        kind = "Condition" if place % 5 else "Observation"
        made.append(write(kind, f"c{place}", texts(joined, rest), (TOKEN, "code", 0, "", f"k{place % 3}")))
    return made


@pytest.mark.parametrize("together", [7, 600])
def test_found_as_a_plain_reading_finds(open_store: Open, together: int) -> None:
    """Every expression, on its own and beside another clause, whether the rows were written by few or by many."""
    writes = conditions(random.Random(7))
    shelf = Shelf(writes)

    async def story(store: Store) -> None:
        for start in range(0, len(writes), together):
            await commit(store, *writes[start : start + together])
        for parameter, asked in ASKED:
            clause = text_expressions.clause(parameter, asked)
            for where in ((clause,), (clause, (TokenIs("code", None, "k1"),))):
                query = Query(("Condition", "Observation"), where, count=1_000, total="accurate")
                page = await store.resources.search(query)
                found = [f"{each.resource_type}/{each.logical_id}" for each in page.matches]
                assert (set(found), len(found)) == (shelf.find(query), page.total), asked

    run(open_store, story)


async def found(store: Store, asked: str) -> set[str]:
    query = Query(("Condition",), (text_expressions.clause("_content", asked),), count=1_000)
    return {each.logical_id for each in (await store.resources.search(query)).matches}


def test_changes_are_seen_at_once(open_store: Open) -> None:
    """Updates and deletions take the old words away, before and after the rows were gathered; a delete takes all."""

    async def story(store: Store) -> None:
        others = [write("Condition", f"o{place}", texts("", "发热")) for place in range(300)]
        for before in ((), others):
            await commit(store, write("Condition", "c1", texts("肺炎", "cough")), *before)
            assert await found(store, "肺炎 cough") == {"c1"}
            await commit(store, write("Condition", "c1", texts("胃炎", "cough")))
            assert await found(store, "肺炎") == set()
            assert await found(store, "胃 cough") == {"c1"}
            await commit(store, delete("Condition", "c1"))
            assert await found(store, "cough") == set()
        assert len(await found(store, "发热")) == 300

    run(open_store, story)


def test_a_refused_plan_leaves_no_words(open_store: Open) -> None:
    """Words are written in the transaction of their resource."""

    async def story(store: Store) -> None:
        await commit(store, write("Condition", "c1", texts("", "cough")))
        plan = Plan((write("Condition", "c2", texts("", "fever")), write("Condition", "c1", version=9)))
        with pytest.raises(Exception, match="Condition/c1"):
            await store.resources.commit(plan)
        assert await found(store, "fever") == set()

    run(open_store, story)


def test_reindexing_makes_them_anew(open_store: Open) -> None:
    """What was written without words is found after a reindex; a second one changes nothing."""

    async def story(store: Store) -> None:
        await commit(store, *(write("Condition", f"c{place}") for place in range(5)))
        done = [await store.resources.reindex(lambda kind, body: ([texts("", "cough")], ())) for _ in range(2)]
        assert [each.changed for each in done] == [5, 0]
        assert len(await found(store, "cough")) == 5

    run(open_store, story)
