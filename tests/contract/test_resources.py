"""Versions, conditions, history and atomicity are the same in every store (ports: ResourceStore)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from countyfhir.exchange import ALL, AuditRecord, Criteria, Grant, Plan
from countyfhir.search.entries import REFERENCE, STRING, TOKEN
from countyfhir.search.query import Clause, IdIs, InCompartment, Query, ReferenceIs, TokenIs
from countyfhir.store.ports import ConditionFailed, HistoryQuery, ReferencedStill, Store

from .conftest import Open
from .samples import commit, delete, run, write

MALE = (TOKEN, "gender", 0, "http://hl7.org/fhir/administrative-gender", "male")
OF_P1 = (REFERENCE, "subject", 0, "Patient", "p1")


def number_of(value: int) -> tuple[Any, ...]:
    return (TOKEN, "identifier", 0, "urn:number", str(value))


def by_number(value: int) -> Query:
    return Query(("Patient",), ((TokenIs("identifier", "urn:number", str(value)),),))


def test_versions_count_up_and_every_one_stays(open_store: Open) -> None:
    """Create, update, delete, create again: four versions, each readable, the body stamped with its own number."""

    async def story(store: Store) -> None:
        resources = store.resources
        assert await resources.read("Patient", "p1") is None
        for body in ("one", "two"):
            await commit(store, write("Patient", "p1", MALE, text=body))
        await commit(store, delete("Patient", "p1"))
        gone = await resources.read("Patient", "p1")
        assert gone is not None
        assert gone.deleted
        assert gone.version_id == 3
        (stored,) = await commit(store, write("Patient", "p1", text="four", patient="p1"))
        current = await resources.read("Patient", "p1")
        assert current == stored
        assert current.patient == "p1"
        assert json.loads(stored.body or b"")["meta"]["versionId"] == "4"
        second = await resources.vread("Patient", "p1", 2)
        assert second is not None
        assert json.loads(second.body or b"")["text"] == "two"
        assert await resources.vread("Patient", "p1", 5) is None
        assert await resources.vread("Patient", "p1", 0) is None
        assert await resources.vread("Patient", "p1", 2**70) is None

    run(open_store, story)


def test_deleting_what_is_not_there_changes_nothing(open_store: Open) -> None:
    """Neither for an id never used nor for one already deleted is a version made."""

    async def story(store: Store) -> None:
        (nothing,) = await commit(store, delete("Patient", "p1"))
        assert nothing.version_id == 0
        assert await store.resources.read("Patient", "p1") is None
        await commit(store, write("Patient", "p1"))
        await commit(store, delete("Patient", "p1"))
        (again,) = await commit(store, delete("Patient", "p1"))
        assert again.version_id == 2
        assert (await store.resources.history(HistoryQuery())).total == 2

    run(open_store, story)


def test_last_updated_never_goes_back_and_stands_in_the_body(open_store: Open) -> None:
    """Instants are whole milliseconds, grow with the sequence, and are what the body says."""

    async def story(store: Store) -> None:
        stored = [(await commit(store, write("Patient", f"p{place}")))[0] for place in range(20)]
        assert [one.sequence for one in stored] == sorted({one.sequence for one in stored})
        assert [one.last_updated for one in stored] == sorted(one.last_updated for one in stored)
        assert all(one.last_updated % 1000 == 0 for one in stored)
        text = json.loads(stored[0].body or b"")["meta"]["lastUpdated"]
        assert len(text) == 24
        assert text.endswith("Z")
        assert int(text[20:23]) == stored[0].last_updated // 1000 % 1000

    run(open_store, story)


def test_a_failed_condition_leaves_nothing_of_its_plan(open_store: Open) -> None:
    """An expected version that passed away fails the whole plan and only that plan."""

    async def story(store: Store) -> None:
        await commit(store, write("Patient", "p1", version=0))
        plans = [
            Plan((write("Patient", "new"), write("Patient", "p1", version=0))),
            Plan((write("Patient", "p2", version=0), write("Patient", "p1", version=1))),
        ]
        failed, done = await asyncio.gather(*(store.resources.commit(plan) for plan in plans), return_exceptions=True)
        assert isinstance(failed, ConditionFailed)
        assert (failed.kind, failed.subject) == ("version", "Patient/p1")
        assert isinstance(done, tuple)
        assert [one.version_id for one in done] == [1, 2]
        assert await store.resources.read("Patient", "new") is None

    run(open_store, story)


def test_criteria_are_checked_inside_the_commit(open_store: Open) -> None:
    """Of many conditional creates at once for one number exactly one passes; a plan's own writes do not count."""

    async def story(store: Store) -> None:
        def conditional(place: int) -> Plan:
            return Plan((write("Patient", f"c{place}", number_of(7)),), (Criteria(by_number(7), frozenset()),))

        outcomes = await asyncio.gather(
            *(store.resources.commit(conditional(place)) for place in range(12)), return_exceptions=True
        )
        assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1
        assert {outcome.kind for outcome in outcomes if isinstance(outcome, ConditionFailed)} == {"criteria"}
        (one,) = (await store.resources.search(by_number(7))).matches
        await store.resources.commit(
            Plan((write("Patient", one.logical_id),), (Criteria(by_number(7), frozenset({one.logical_id})),))
        )
        assert (await store.resources.search(by_number(7))).matches == ()

    run(open_store, story)


def test_two_bundles_cannot_both_rest_on_what_the_other_changes(open_store: Open) -> None:
    """Write skew: each reads what the other writes; one of them fails."""

    async def story(store: Store) -> None:
        def plan(own: int, other: int) -> Plan:
            return Plan((write("Patient", f"w{own}", number_of(own)),), (Criteria(by_number(other), frozenset()),))

        outcomes = await asyncio.gather(
            store.resources.commit(plan(1, 2)), store.resources.commit(plan(2, 1)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes].count(ConditionFailed) == 1

    run(open_store, story)


def test_a_resource_written_twice_in_a_plan_is_the_callers_mistake(open_store: Open) -> None:
    """ValueError, and nothing is written."""

    async def story(store: Store) -> None:
        with pytest.raises(ValueError, match="Patient/p1 more than once"):
            await commit(store, write("Patient", "p1"), write("Patient", "p1"))
        assert await store.resources.read("Patient", "p1") is None

    run(open_store, story)


def test_a_delete_is_refused_while_others_point_there(open_store: Open) -> None:
    """Holders are named; a self-reference, a deleted holder and a holder deleted in the same plan do not count."""

    async def story(store: Store) -> None:
        await commit(store, write("Patient", "p1", (REFERENCE, "link", 0, "Patient", "p1")))
        await commit(store, write("Observation", "o1", OF_P1), write("Observation", "o2", OF_P1))
        with pytest.raises(ReferencedStill) as refused:
            await commit(store, delete("Patient", "p1", unreferenced=True))
        assert (refused.value.subject, refused.value.holders) == ("Patient/p1", ("Observation/o1", "Observation/o2"))
        await commit(store, delete("Observation", "o1"))
        await commit(store, delete("Patient", "p1", unreferenced=True), delete("Observation", "o2"))
        assert await store.resources.read_many([("Patient", "p1"), ("Patient", "p9")]) != {}

    run(open_store, story)


def test_a_canonical_to_a_local_resource_does_not_hold_it(open_store: Open) -> None:
    """It can be searched like a reference, but only literal references keep a resource from being deleted."""

    async def story(store: Store) -> None:
        definition = (REFERENCE, "questionnaire", 0, "Questionnaire", "q1")
        canonical = replace(write("QuestionnaireResponse", "r1", definition), references=())
        await commit(store, write("Questionnaire", "q1"), canonical)
        of_q1 = Query(("QuestionnaireResponse",), ((ReferenceIs("questionnaire", "Questionnaire", "q1"),),))
        assert [one.logical_id for one in (await store.resources.search(of_q1)).matches] == ["r1"]
        both = replace(write("QuestionnaireResponse", "r2", definition), references=(("Questionnaire", "q1"),))
        unsearched = replace(write("Basic", "b1"), references=(("Questionnaire", "q1"),))
        await commit(store, both, unsearched)
        with pytest.raises(ReferencedStill) as refused:
            await commit(store, delete("Questionnaire", "q1", unreferenced=True))
        assert refused.value.holders == ("Basic/b1", "QuestionnaireResponse/r2")
        await commit(store, delete("QuestionnaireResponse", "r2"), delete("Basic", "b1"))
        await commit(store, delete("Questionnaire", "q1", unreferenced=True))

    run(open_store, story)


def test_versions_of_one_resource_committed_at_once(open_store: Open) -> None:
    """Updates, deletions and creations of one id that wait together: only the last one's entries find it."""

    async def story(store: Store) -> None:
        writes = [write("Patient", "p1", number_of(place), MALE) for place in range(6)]
        writes[2] = delete("Patient", "p1")
        await asyncio.gather(*(commit(store, each) for each in writes))
        current = await store.resources.read("Patient", "p1")
        assert current is not None
        assert current.version_id == 6
        found = [len((await store.resources.search(by_number(place))).matches) for place in range(6)]
        assert found == [0, 0, 0, 0, 0, 1]
        history = await store.resources.history(HistoryQuery("Patient", "p1"))
        assert [version.deleted for version in history.versions] == [False, False, False, True, False, False]

    run(open_store, story)


def test_totals_of_types_follow_every_way_of_writing(open_store: Open) -> None:
    """Creations, updates, deletions, failed and refused plans, purged history: what is counted is what is listed."""

    async def story(store: Store) -> None:
        patients = [write("Patient", f"p{place}") for place in range(5)]
        await commit(store, *patients, write("Observation", "o1", OF_P1))
        await asyncio.gather(*(commit(store, write("Patient", "p2")) for _ in range(4)))
        await commit(store, delete("Patient", "p3"), delete("Patient", "never"))
        await commit(store, delete("Patient", "p3"))
        for refused in (write("Patient", "p9", version=4), delete("Patient", "p1", unreferenced=True)):
            with pytest.raises((ConditionFailed, ReferencedStill)):
                await commit(store, write("Patient", "p8"), refused)
        await commit(store, delete("Patient", "p4", unreferenced=True), write("Patient", "p5"))
        assert await store.resources.purge_history("Patient", "p2") == 4
        for kind, resources, versions in (("Patient", 4, 8), ("Observation", 1, 1), ("Encounter", 0, 0)):
            page = await store.resources.search(Query((kind,), count=100, total="accurate"))
            assert (page.total, len(page.matches)) == (resources, resources)
            history = await store.resources.history(HistoryQuery(kind, count=100))
            assert (history.total, len(history.versions)) == (versions, versions)
        assert (await store.resources.history(HistoryQuery(count=1))).total == 9
        other = HistoryQuery(count=1, resource_types=frozenset({"Observation", "Encounter"}))
        assert (await store.resources.history(other)).total == 1

    run(open_store, story)


def test_a_stale_definitions_version_fails_every_commit_until_reloaded(open_store: Open) -> None:
    """Raising the version stops who still indexes by the old one; another process sees it, too."""

    async def story(store: Store) -> None:
        raised = await store.resources.raise_definitions_version()
        assert await store.resources.definitions_version() == raised
        with pytest.raises(ConditionFailed, match="definitions"):
            await commit(store, write("Patient", "p1"))
        store.resources.definitions = raised
        await commit(store, write("Patient", "p1"))
        other = await open_store()
        await commit(other, write("Patient", "p2"))
        await other.close()

    run(open_store, story)


def test_history_pages_newest_first_and_counts_all(open_store: Open) -> None:
    """Instance, type and system history; since, at, paging and the types allowed."""

    async def story(store: Store) -> None:
        stored = []
        for place in range(5):
            stored += await commit(
                store, write("Patient", "p1", text=str(place)), write("Observation", f"o{place}", OF_P1)
            )
            await asyncio.sleep(0.002)
        stored += await commit(store, delete("Patient", "p1"))
        history = store.resources.history
        ids = [version.version_id for version in (await history(HistoryQuery("Patient", "p1"))).versions]
        assert ids == [6, 5, 4, 3, 2, 1]
        assert (await history(HistoryQuery("Observation"))).total == 5
        pages, cursor = [], None
        while True:
            page = await history(HistoryQuery(count=4, cursor=cursor))
            assert page.total == 11
            pages += [version.sequence for version in page.versions]
            cursor = page.cursor
            if cursor is None:
                break
        assert pages == sorted((one.sequence for one in stored), reverse=True)
        since = await history(HistoryQuery("Patient", since=stored[6].last_updated))
        assert [version.version_id for version in since.versions] == [6, 5, 4]
        low = stored[4].last_updated
        at = await history(HistoryQuery("Patient", "p1", at=(low, low + 1)))
        assert [version.version_id for version in at.versions] == [3]
        between = await history(HistoryQuery("Patient", "p1", at=(low - 1, low + 1)))
        assert [version.version_id for version in between.versions] == [3, 2]
        assert (await history(HistoryQuery(resource_types=frozenset({"Observation"})))).total == 5
        assert (await history(HistoryQuery("Patient", resource_types=frozenset({"Observation"})))).total == 0
        assert (await history(HistoryQuery("Patient", "nobody"))).total == 0
        assert (await history(HistoryQuery("Basic"))).total == 0
        assert (await history(HistoryQuery("Patient", "p1", count=0))).total == 6
        assert await store.resources.purge_history("Patient", "p1") == 5
        assert [one.version_id for one in (await history(HistoryQuery("Patient", "p1"))).versions] == [6]

    run(open_store, story)


def test_the_audit_record_of_a_write_is_committed_with_it(open_store: Open) -> None:
    """It names the version that was made; of a plan that fails there is none."""

    async def story(store: Store) -> None:
        record = AuditRecord(
            1, "update", "U", "0", "clinic", resource_type="Patient", logical_id="p1", patients=("p1",)
        )
        await store.resources.commit(Plan((write("Patient", "p1"),), audit=(record,)))
        with pytest.raises(ConditionFailed):
            await store.resources.commit(Plan((write("Patient", "p1", version=0),), audit=(record,)))
        found, _ = await store.audit.find({"patient": "p1"}, count=10, cursor=None)
        assert [one.version_id for _, one in found] == ["1"]

    run(open_store, story)


def test_a_second_process_reads_what_the_first_was_told_is_written(open_store: Open) -> None:
    """Reads and searches of one opened store see the commits of another at once."""

    async def story(store: Store) -> None:
        other = await open_store()
        try:
            for place in range(10):
                await commit(store, write("Patient", f"p{place}", number_of(place), MALE))
                assert await other.resources.read("Patient", f"p{place}") is not None
                assert len((await other.resources.search(by_number(place))).matches) == 1
                await commit(other, write("Patient", f"p{place}", number_of(place), version=1))
                assert (await store.resources.read("Patient", f"p{place}")).version_id == 2  # type: ignore[union-attr]
            assert store.secret == other.secret
            assert len(store.secret) == 32
        finally:
            await other.close()

    run(open_store, story)


def narrowed_grant() -> Grant:
    """Sees patients that are male, observations about p1, and nothing else."""
    return Grant(
        {"Patient": frozenset("rs"), "Observation": frozenset("rs")},
        {
            "Patient": (((TokenIs("gender", None, "male"),),), ((TokenIs("identifier", "urn:number", "1"),),)),
            "Observation": (((ReferenceIs("subject", "Patient", "p1"),),),),
        },
    )


def test_nothing_leaves_the_store_that_the_grant_does_not_allow(open_store: Open) -> None:
    """Matches, totals, several types, includes both ways, pages, and visible()."""
    from countyfhir.search.query import Include, Sort

    async def story(store: Store) -> None:
        made = [
            write("Patient", f"p{place}", number_of(place), *([MALE] if place % 2 == 0 else [])) for place in range(6)
        ]
        made += [
            write("Observation", f"o{place}", (REFERENCE, "subject", 0, "Patient", f"p{place % 6}"))
            for place in range(12)
        ]
        made.append(write("Practitioner", "d1", (STRING, "name", 0, "liu", "Liu")))
        await commit(store, *made)
        grant, search = narrowed_grant(), store.resources.search
        seen = {"p0", "p1", "p2", "p4"}
        page = await search(Query(("Patient",), total="accurate", count=2), grant)
        rest = await search(Query(("Patient",), sort=(Sort("_id", "token"),), cursor=None), grant)
        assert page.total == 4
        assert {one.logical_id for one in rest.matches} == seen
        everything = await search(Query((), total="accurate"), grant)
        assert {one.logical_id for one in everything.matches} == seen | {"o1", "o7"}
        assert everything.total == 6
        for where, ids in ((("Patient",), ("p1",)), (("Patient",), ("p2",))):
            page = await search(
                Query(where, ((IdIs(ids),),), includes=(Include("Observation", "subject", None, True),)), grant
            )
            assert {one.logical_id for one in page.included} == ({"o1", "o7"} if ids == ("p1",) else set())
        forward = await search(Query(("Observation",), includes=(Include("Observation", "subject"),)), grant)
        assert [one.logical_id for one in forward.included] == ["p1"]
        keys = [(one.resource_type, one.logical_id) for one in made] + [("Patient", "nobody")]
        visible = await store.resources.visible(keys, grant)
        assert {logical_id for _, logical_id in visible} == seen | {"o1", "o7"}
        assert await store.resources.visible(keys, ALL) == set(keys[:-1])

    run(open_store, story)


@pytest.mark.parametrize("clause", [InCompartment("Patient", "p2", ("link",)), IdIs(("p2",))])
def test_of_what_is_asked_for_only_what_is_granted_is_visible(open_store: Open, clause: Clause) -> None:
    """A grant to one record shows that one where it is asked for, and is silent about it where it is not."""

    async def story(store: Store) -> None:
        await commit(store, *(write("Patient", name) for name in ("p1", "p2", "p3")))
        grant = Grant({"Patient": frozenset("cruds")}, {"Patient": (((clause,),),)}, "x")
        for asked in (("p1",), ("p2",), ("p3", "p1"), ("p1", "p2", "p3")):
            seen = await store.resources.visible([("Patient", name) for name in asked], grant)
            assert seen == {("Patient", name) for name in asked if name == "p2"}

    run(open_store, story)


def test_includes_come_once_and_are_never_matches(open_store: Open) -> None:
    """Iterated includes follow references, circles end, the limit is reported."""
    from countyfhir.search.query import IdIs, Include

    async def story(store: Store) -> None:
        chain = [
            write("Location", f"l{place}", (REFERENCE, "partof", 0, "Location", f"l{(place + 1) % 5}"))
            for place in range(5)
        ]
        await commit(
            store, *chain, *(write("Observation", f"o{place}", OF_P1) for place in range(60)), write("Patient", "p1")
        )
        search = store.resources.search
        once = await search(Query(("Location",), ((IdIs(("l0",)),),), includes=(Include("Location", "partof"),)))
        assert [one.logical_id for one in once.included] == ["l1"]
        again = await search(
            Query(("Location",), ((IdIs(("l0",)),),), includes=(Include("Location", "partof", None, False, True),))
        )
        assert [one.logical_id for one in again.included] == ["l1", "l2", "l3", "l4"]
        stars = await search(Query(("Location",), ((IdIs(("l0",)),),), includes=(Include("Location", "*"),)))
        assert [one.logical_id for one in stars.included] == ["l1"]
        typed = await search(
            Query(("Location",), ((IdIs(("l0",)),),), includes=(Include("Location", "partof", "Patient"),))
        )
        assert typed.included == ()
        both = await search(Query(("Location",), includes=(Include("Location", "partof"),)))
        assert both.included == ()
        assert len(both.matches) == 5
        many = await search(Query(("Patient",), includes=(Include("Observation", "subject", None, True),)))
        assert len(many.included) == 50
        assert many.truncated == ("Observation:subject",)

    run(open_store, story)


def test_reindexing_replaces_entries_beside_writers(open_store: Open) -> None:
    """Batch by batch every current resource gets the entries of the new extraction; deleted ones get none."""

    async def story(store: Store) -> None:
        await commit(store, *(write("Patient", f"p{place}", number_of(place)) for place in range(25)))
        await commit(store, delete("Patient", "p3"))

        def extract(kind: str, body: bytes) -> tuple[list[tuple[Any, ...]], list[tuple[str, str]]]:
            return [(TOKEN, "new", 0, "", json.loads(body)["id"])], [("Organization", "a")]

        after, checked, changed = 0, 0, 0
        while True:
            batch = await store.resources.reindex(extract, resource_types=("Patient",), after=after, count=10)
            checked, changed = checked + batch.checked, changed + batch.changed
            if batch.after is None:
                break
            after = batch.after
        assert (checked, changed) == (24, 24)
        assert (await store.resources.search(by_number(5))).matches == ()
        found = await store.resources.search(Query(("Patient",), ((TokenIs("new", None, "p5"),),)))
        assert [one.logical_id for one in found.matches] == ["p5"]
        again = await store.resources.reindex(extract, count=100)
        assert (again.checked, again.changed, again.after) == (24, 0, None)

    run(open_store, story)


def test_paging_while_others_write(open_store: Open) -> None:
    """A match that stays and keeps its sort key appears on exactly one page, whatever is written between the pages."""
    from countyfhir.search.query import Sort

    async def story(store: Store) -> None:
        def named(place: int, name: str) -> Any:
            return write("Patient", f"p{place}", (STRING, "family", 0, name, name), MALE)

        await commit(store, *(named(place, f"n{place % 7}") for place in range(60)))
        for sort in ((), (Sort("family", "string"),), (Sort("family", "string", True),), (Sort("_id", "token"),)):
            seen: list[str] = []
            query = Query(("Patient",), ((TokenIs("gender", None, "male"),),), sort, count=7)
            step = 0
            while True:
                page = await store.resources.search(query)
                seen += [one.logical_id for one in page.matches]
                if page.cursor is None:
                    break
                step += 1
                changed = named(step, f"n{(step + 3) % 7}")
                await commit(store, changed, named(1000 + step, f"n{step % 7}"), delete("Patient", f"p{50 + step % 5}"))
                query = Query(query.resource_types, query.where, sort, 7, cursor=page.cursor)
            steady = {f"p{place}" for place in range(15, 50)} | {f"p{place}" for place in range(55, 60)}
            assert steady <= set(seen)
            assert all(seen.count(name) == 1 for name in steady)
            await commit(store, *(named(place, f"n{place % 7}") for place in range(60)))

    run(open_store, story)
