"""No query without an index: every shape that is asked of MongoDB is read against the declared indexes, and explained
where a real MongoDB is at hand."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from pymongo.monitoring import CommandListener

from countyfhir.exchange import Grant, Plan
from countyfhir.search import text_expressions
from countyfhir.search.near import near
from countyfhir.search.query import Clause, CodeStarts, Include, Missing, Not, Query, Sort, TokenIn, TokenIs
from countyfhir.store.mongodb import MongoStore, selecting
from countyfhir.store.mongodb.layout import INDEXES
from countyfhir.store.mongodb.predicates import MOST_LISTED, SIMPLE
from countyfhir.store.mongodb.reading import NOTHING, rendered, some
from countyfhir.store.ports import HistoryQuery
from tests import stores
from tests.contract.samples import commit, delete, write
from tests.contract.test_reached import CLAUSES as REACHED
from tests.contract.test_search import OBSERVATION_CLAUSES, PATIENT_CLAUSES, observations, patients

from .opened import told
from .shapes import index_for

Shape = tuple[str, dict[str, Any], dict[str, Any]]
CLAUSES = [
    *(("Patient", name, clause) for name, clause in PATIENT_CLAUSES.items()),
    *(("Observation", name, clause) for name, clause in OBSERVATION_CLAUSES.items()),
    *((kind, name, clause) for name, (kind, clause) in REACHED.items()),
    ("Patient", "code starts", (CodeStarts("gender", "ma"),)),
    ("Location", "near", (near("30|120|5", "near"),)),
    ("Condition", "text", text_expressions.clause("_content", '"heart rate" not flu*')),
]
ALLOWED_WHOLE = {("setting", "_id"), ("api_key", "created")}
"""Small collections that may be read whole."""


class Listening(CommandListener):
    """Keeps what is asked of the server."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []

    def started(self, event: Any) -> None:
        command = event.command
        if "find" in command:
            self.shapes.append((command["find"], command.get("filter", {}), dict(command.get("sort", {}))))
        elif "aggregate" in command:
            first = command["pipeline"][0].get("$match", {})
            self.shapes.append((str(command["aggregate"]), first, {}))
        for statement in [*command.get("updates", ()), *command.get("deletes", ())]:
            collection = command.get("update") or command.get("delete")
            self.shapes.append((str(collection), statement["q"], {}))
        if "findAndModify" in command:
            self.shapes.append((command["findAndModify"], command["query"], dict(command.get("sort", {}))))

    def succeeded(self, event: Any) -> None:
        """Nothing to keep."""

    def failed(self, event: Any) -> None:
        """Nothing to keep."""


async def everything(store: MongoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each predicate, sort, include and the other ports, few and many of each."""
    chance = random.Random(7)
    await commit(store, *patients(chance)[:8], *observations(chance)[:12])
    await commit(store, write("Patient", "p1"), delete("Patient", "p2", unreferenced=False))
    resources, narrowed = store.resources, Grant({"*": frozenset("rs")}, {"*": ((PATIENT_CLAUSES["ids"],),)})
    for most in (1_000, 0):
        monkeypatch.setattr(selecting, "FEW", most)
        for kind, _, clause in CLAUSES if stores.chosen == "mongodb" else CLAUSES[::5]:
            where = (clause,) if most else ((Not(clause),), clause)
            sort = () if most else (Sort("date", "date", True),)
            await resources.search(Query((kind,), where, sort, count=2, total="accurate" if most else "none"))
    for sort in (
        (Sort("family", "string"),),
        (Sort("family", "string"), Sort("_id", "token")),
        (Sort("_id", "token"),),
    ):
        page = await resources.search(Query(("Patient",), (), sort, count=2))
        await resources.search(Query(("Patient",), (), sort, count=2, cursor=page.cursor))
    includes = (
        Include("Observation", "subject", None, reverse=True),
        Include("*", "*", None, reverse=True, iterate=True),
        Include("*", "*"),
    )
    await resources.search(Query(("Patient",), includes=includes), narrowed)
    await resources.search(Query(("Patient", "Observation", "Group")))
    for asked in (HistoryQuery(), HistoryQuery("Patient"), HistoryQuery("Patient", "p1", since=1, at=(0, 2**60))):
        await resources.history(asked)
    await resources.reindex(lambda kind, body: ((), ()), resource_types=["Patient"], count=3)
    await store.audit.find({"patient": "p1", "since": 3}, count=1, cursor=5)
    await store.audit.expire(5)
    await store.audit.read(3)
    await store.intake.latest("s", ["a"])
    assert [pair async for pair in store.intake.quarantined("s")] == []
    await store.jobs.lease("reindex", "me", 5)
    await store.jobs.of_kind("reindex")
    await store.keys.by_digest(b"x")
    await resources.commit(Plan((delete("Patient", "p3", unreferenced=True),)))
    await resources.purge_history("Patient", "p1")


def test_every_query_has_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all that is asked by all ports no filter is without bounds that a declared index begins with."""
    listening = Listening()

    async def story(store: MongoStore) -> None:
        await everything(store, monkeypatch)

    told(story, event_listeners=[listening])
    without = {
        (collection, tuple(sorted(where)), tuple(order))
        for collection, where, order in listening.shapes
        if not collection.startswith("system") and index_for(collection, where, order) is None
    }
    assert {each for each in without if (each[0], each[2][0] if each[2] else "_id") not in ALLOWED_WHOLE} == set()
    assert len(listening.shapes) > 200


@pytest.mark.parametrize(("kind", "name", "clause"), CLAUSES)
def test_every_clause_is_found_by_more_than_its_type(kind: str, name: str, clause: Clause) -> None:
    """What is not negated has an index of its own."""
    conditions = [SIMPLE[type(each)](kind, each) for each in clause if type(each) in SIMPLE]
    query = rendered(some(conditions)) if len(conditions) == len(clause) else None
    if query is None or "$nor" in str(query) or query == NOTHING or "'u'" in str(query):
        return  # lastUpdated stands behind the type in its index
    assert index_for("entry", query) is not None, query


def test_the_reading_of_indexes_sees_what_has_none() -> None:
    """Conditions that MongoDB would walk a whole collection for."""
    for collection, where in (
        ("entry", {"xa": {"$regex": "flu"}}),
        ("entry", {"k": {"$exists": True}}),
        ("entry", {"$or": [{"k": "a"}, {"xa": "b"}]}),
        ("entry", {"$nor": [{"k": "a"}]}),
        ("entry", {"c": {"$elemMatch": {"d": {"$elemMatch": {"p": "x"}}}}}),
        ("resource", {"u": {"$gte": 5}}),
        ("version", {}),
    ):
        assert index_for(collection, where) is None, where
    assert index_for("entry", {"t": "Patient", "$nor": [{"k": "a"}]}) is not None
    assert len({(index.collection, index.keys) for index in INDEXES}) == len(INDEXES)


@pytest.mark.skipif("MONGODB_URI" not in os.environ, reason="MONGODB_URI names no MongoDB whose planner could be asked")
def test_a_real_planner_walks_no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``explain`` says of every find: no COLLSCAN but of the smallest collections."""
    listening = Listening()

    async def story(store: MongoStore) -> None:
        await everything(store, monkeypatch)
        assert store.database is not None
        for collection, where, order in listening.shapes:
            if not collection or collection in ("setting", "api_key", "job"):
                continue
            asked = {"find": collection, "filter": where, **({"sort": order} if order else {})}
            plan = await store.database.command("explain", asked, verbosity="queryPlanner")
            assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"]), (collection, where)

    told(story, event_listeners=[listening])


def test_codes_by_the_thousand_are_not_sent() -> None:
    """A query carries at most so many keys; more are compared here."""
    pairs = [("urn:a", str(number)) for number in range(MOST_LISTED + 1)]
    few, many = (
        SIMPLE[TokenIn]("Condition", TokenIn("code", frozenset(), frozenset(its))) for its in (pairs[1:], pairs)
    )
    assert rendered(few) is not None
    assert rendered(many) is None
    assert rendered(SIMPLE[Missing]("Condition", Missing("code", True))) == {
        "$nor": [rendered(SIMPLE[Missing]("Condition", Missing("code", False)))]
    }
    assert rendered(SIMPLE[TokenIs]("Condition", TokenIs("code", "s", "c"))) == {"k": "Condition.code!tc\x01s"}
