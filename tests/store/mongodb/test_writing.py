"""Commits to MongoDB: large resources, many entries, several processes, limits, and what is said when it fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo import errors

from countyfhir.exchange import Criteria, Plan
from countyfhir.outcome import FhirError
from countyfhir.search.entries import DATE, FULL_TEXT, REFERENCE, TOKEN
from countyfhir.search.query import Chain, FullText, Has, IdIs, Include, Not, Query, ReferenceIs, Sort, TokenIs
from countyfhir.store import mongodb
from countyfhir.store.mongodb import MongoStore
from countyfhir.store.mongodb.faults import fault
from countyfhir.store.mongodb.transaction import Transaction
from countyfhir.store.ports import ConditionFailed, ReferencedStill
from tests.contract.samples import DAY, commit, delete, write
from tests.mongodb_server import database_uri

from .opened import told

MEMBERS = [(REFERENCE, "member", 0, "Patient", f"p{number}") for number in range(2_500)]


def test_a_body_larger_than_a_document_lies_in_pieces() -> None:
    """It is read, found, superseded and purged like any other."""

    async def story(store: MongoStore) -> None:
        large = "x" * 5_000
        await commit(store, write("Binary", "b1", text=large))
        await commit(store, write("Binary", "b1", text=large + "y"))
        for version, text in ((1, large), (2, large + "y")):
            stored = await store.resources.vread("Binary", "b1", version)
            assert stored is not None
            assert stored.body is not None
            assert stored.body.endswith(f'"{text}"}}'.encode())
        page = await store.resources.search(Query(("Binary",)))
        assert len(page.matches[0].body or b"") > 5_000
        assert store.database is not None
        assert await store.database["piece"].count_documents({}) == 12
        assert await store.resources.purge_history("Binary", "b1") == 1
        assert await store.database["piece"].count_documents({}) == 6

    told(story, body_bytes=1_000)


def test_a_resource_with_thousands_of_entries_is_found_by_all_of_them() -> None:
    """A Group of 2,500 members: no document holds more than a thousand keys, and every kind of search finds it."""

    async def story(store: MongoStore) -> None:
        words = " ".join(f"word{number}" for number in range(2_000))
        dates = [(DATE, "date", 0, day * DAY, (day + 1) * DAY) for day in range(700)]
        text = (FULL_TEXT, "_content", 0, words, "rest of it")
        group = write("Group", "g1", (TOKEN, "code", 0, "", "a"), *MEMBERS, *dates, text)
        small = write("Group", "g2", (TOKEN, "code", 0, "", "a"), MEMBERS[7])
        patients = [write("Patient", f"p{number}", (TOKEN, "active", 0, "", "true")) for number in (0, 7, 2_499)]
        await commit(store, group, small, *patients)
        assert store.database is not None
        async for document in store.database["more"].find({}):
            assert len(document.get("k", ())) + len(document.get("d", ())) + len(document.get("w", ())) <= 1_000
        both = (TokenIs("code", "", "a"),)
        last, phrase = (ReferenceIs("member", "Patient", "p2499"),), (FullText("_text", ("word1499 word1500",)),)
        active = ((TokenIs("active", None, "true"),),)
        for where, expected in (
            ((both, last), {"g1"}),
            ((both, (ReferenceIs("member", "Patient", "p7"),)), {"g1", "g2"}),
            ((both, (Not(last),)), {"g2"}),
            ((phrase,), {"g1"}),
            (((FullText("_content", ("word1500 word1499",)),),), set()),
            (((Chain("member", "Patient", active),), last), {"g1"}),
        ):
            for sort in ((), (Sort("date", "date", True),), (Sort("date", "date"), Sort("_id", "token"))):
                page = await store.resources.search(Query(("Group",), where, sort, total="accurate"))
                assert {each.logical_id for each in page.matches} == expected
                assert page.total == len(expected)
        has = await store.resources.search(Query(("Patient",), ((Has("Group", "member", (last,)),),)))
        assert {each.logical_id for each in has.matches} == {"p0", "p7", "p2499"}
        forward = Query(("Group",), ((IdIs(("g1",)),),), includes=(Include("Group", "member"),))
        back = Query(("Patient",), ((IdIs(("p2499",)),),), includes=(Include("Group", "member", None, True),))
        assert len((await store.resources.search(forward)).included) == 3
        assert [each.logical_id for each in (await store.resources.search(back)).included] == ["g1"]
        with pytest.raises(ReferencedStill, match="Patient/p2499"):
            await commit(store, delete("Patient", "p2499", unreferenced=True))
        await commit(store, write("Group", "g1", (TOKEN, "code", 0, "", "a")))
        assert await store.database["more"].count_documents({}) == 0
        page = await store.resources.search(Query(("Group",), (both,)))
        assert {each.logical_id for each in page.matches} == {"g1", "g2"}

    told(story)


def test_processes_that_write_the_same_take_turns() -> None:
    """Two connections count one resource up at once: no update is lost, none fails for the other's sake."""
    uri = database_uri()

    async def story() -> None:
        stores = [await mongodb.open(uri) for _ in range(2)]
        await commit(stores[0], write("Patient", "p1"))

        async def count(store: MongoStore) -> None:
            for _ in range(6):
                await commit(store, write("Patient", "p1"), write("Basic", "b1"))

        await asyncio.gather(*map(count, stores))
        for store in stores:
            current = await store.resources.read("Patient", "p1")
            assert current is not None
            assert (current.version_id, current.sequence) == (13, 25 - (current.sequence == 24))
            await store.close()

    asyncio.run(story())


def test_conditional_creates_of_two_processes_make_one() -> None:
    """Whoever commits second finds what the first made."""
    uri = database_uri()
    one = Query(("Patient",), ((TokenIs("identifier", "urn:n", "1"),),))

    async def story() -> None:
        stores = [await mongodb.open(uri) for _ in range(2)]

        def plan(place: int) -> Plan:
            made = write("Patient", f"p{place}", (TOKEN, "identifier", 0, "urn:n", "1"))
            return Plan((made,), (Criteria(one, frozenset()),))

        done = await asyncio.gather(
            *(stores[place % 2].resources.commit(plan(place)) for place in range(8)), return_exceptions=True
        )
        assert [type(each) for each in done].count(ConditionFailed) == 7
        for store in stores:
            await store.close()

    asyncio.run(story())


def test_what_is_too_heavy_is_refused_with_what_to_do() -> None:
    """413 too-costly names the limit; what may wait is bounded, too."""

    async def story(store: MongoStore) -> None:
        with pytest.raises(FhirError, match=r"1 MiB are written at once\. Send it in several bundles") as error:
            await commit(store, write("Binary", "b1", text="x" * 2**21))
        assert (error.value.status, error.value.issues[0].code) == (413, "too-costly")
        plans = [commit(store, write("Basic", f"b{place}", text="x" * 60_000)) for place in range(10)]
        done = await asyncio.gather(*plans, return_exceptions=True)
        refused = [each for each in done if isinstance(each, FhirError)]
        assert refused
        assert {(each.status, each.headers["Retry-After"]) for each in refused} == {(503, "1")}
        assert (await store.resources.search(Query(("Basic",), total="accurate"))).total == 10 - len(refused)

    told(story, transaction_bytes=2**20, waiting_bytes=200_000)


def test_a_transaction_that_a_killed_process_left_is_ended() -> None:
    """It holds the clock; whoever waits for it ends it, but not one whose process lives."""
    uri = database_uri()

    async def story() -> None:
        killed, living = await mongodb.open(uri, orphan_limit=0.4), await mongodb.open(uri, orphan_limit=0.4)
        await commit(killed, write("Patient", "p1"))
        assert killed.client is not None
        assert killed.database is not None
        session = killed.client.start_session()  # the driver gives the one that was used before
        await session.start_transaction()
        await killed.database["setting"].update_one({"_id": "clock"}, {"$inc": {"turn": 1}}, session=session)
        await commit(living, write("Patient", "p1"))
        assert living.writer is not None
        assert living.writer.retries > 0
        with pytest.raises(errors.OperationFailure):
            await session.commit_transaction()
        await asyncio.gather(commit(living, write("Basic", "b1")), killed.writer.run(_slowly))  # type: ignore[union-attr]
        current = await living.resources.read("Patient", "p1")
        assert current is not None
        assert current.version_id == 2
        for store in (killed, living):
            await store.close()

    asyncio.run(story())


async def _slowly(transaction: Transaction) -> None:
    await asyncio.sleep(1.5)


@pytest.mark.parametrize(("text", "status", "code"), [("", 503, "timeout"), ("x" * 9_000, 413, "too-costly")])
def test_what_is_not_written_in_time_is_undone(text: str, status: int, code: str) -> None:
    """A small change may be tried again later; a large one had better come in parts."""

    async def story(store: MongoStore) -> None:
        assert store.writer is not None
        with pytest.raises(FhirError, match=r"in 0\.4 seconds; nothing was written") as error:
            await store.writer.run(_never_done, len(text))
        assert (error.value.status, error.value.issues[0].code) == (status, code)
        assert ("Retry-After" in error.value.headers) == (status == 503)
        await asyncio.sleep(0)
        assert await store.resources.read("Patient", "p1") is None

    told(story, busy_limit=0.4, group_bytes=8_000)


async def _never_done(transaction: Transaction) -> None:
    await transaction.know(["Patient/p1"])
    while True:
        await transaction.reading.find("resource", {"_id": "Patient/p1"}).to_list()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.ServerSelectionTimeoutError("no primary"), 503, "transient"),
        (errors.NotPrimaryError("stepped down"), 503, "transient"),
        (errors.NetworkTimeout("slow"), 503, "timeout"),
        (errors.ExecutionTimeout("late", 50), 503, "timeout"),
        (errors.DocumentTooLarge("BSON document of 17 MB"), 413, "too-costly"),
        (errors.OperationFailure("not allowed", 13), 503, "no-store"),
        (errors.OperationFailure("OutOfDiskSpace", 14031), 507, "no-store"),
        (errors.OperationFailure("conflict", 112), 503, "lock-error"),
        (errors.OperationFailure("something about Patient/p1", 8000), 503, "transient"),
    ],
)
def test_failures_are_sentences_without_data(error: Any, status: int, code: str) -> None:
    """Whatever the driver raises has a status, a code and no word of the driver."""
    said = fault(error)
    assert (said.status, said.issues[0].code) == (status, code)
    assert str(error).partition(",")[0] not in said.issues[0].diagnostics
