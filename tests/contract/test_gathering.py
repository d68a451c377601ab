"""A gathering answers every match at once, from one state, in every store (ports: ResourceStore.gather)."""

from __future__ import annotations

import json

import pytest

from countyfhir.exchange import Grant
from countyfhir.search import entries as kinds
from countyfhir.search.query import DateIs, Query, ReferenceIs, Sort, TokenIs
from countyfhir.store.ports import Gathering, Store

from .conftest import Open
from .samples import DAY, commit, delete, run, write


def visit(logical_id: str, patient: str, day: int, *others: str) -> object:
    """A visit of a patient on a day, at an institution."""
    return write(
        "Encounter",
        logical_id,
        (kinds.REFERENCE, "subject", 0, "Patient", patient),
        *((kinds.REFERENCE, "service-provider", 0, "Organization", one) for one in others),
        (kinds.DATE, "date", 0, day * DAY, (day + 1) * DAY),
        (kinds.TOKEN, "class", 0, "v3", "AMB"),
        patient=patient,
        text=f"day {day}",
    )


CODE = TokenIs("class", "v3", "AMB")


async def filled(store: Store) -> int:
    """Four visits, one of them deleted again; the instant of the last commit."""
    await commit(store, write("Patient", "a"), write("Patient", "b"))
    await commit(store, visit("1", "a", 9, "x"), visit("2", "b", 3, "x", "y"))  # type: ignore[arg-type]
    await commit(store, visit("3", "a", 5), visit("4", "b", 1, "x"))  # type: ignore[arg-type]
    return (await commit(store, delete("Encounter", "4")))[0].last_updated


@pytest.mark.parametrize("size", [2, 20_000])
def test_every_match_is_told_with_what_was_asked_of_it(
    open_store: Open, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids and patients as registered, targets of the parameter, bodies as shaped; deleted ones nowhere."""
    for store_name in ("sqlite", "mongodb"):
        monkeypatch.setattr(f"countyfhir.store.{store_name}.gathering.AT_A_TIME", size)

    async def story(store: Store) -> None:
        last = await filled(store)
        everything = Query(("Encounter",), ((CODE,),))
        found = await store.resources.gather(
            [
                Gathering(everything),
                Gathering(everything, towards="service-provider"),
                Gathering(everything, shape=lambda body: json.loads(body)["text"]),
                Gathering(Query(("Patient",))),
                Gathering(Query(("Encounter",), ((ReferenceIs("subject", "Patient", "b"),),)), towards="subject"),
                Gathering(Query(("Device",))),
                Gathering(everything, towards="location"),
            ]
        )
        plain, towards, texts, patients, one, none, nowhere = found.answers
        assert found.as_of == last
        assert [row[:2] for row in plain] == [("1", "a"), ("2", "b"), ("3", "a")]
        assert [sorted(row[2]) for row in towards] == [
            ["Organization/x"],
            ["Organization/x", "Organization/y"],
            [],
        ]
        assert [row[3] for row in texts] == ["day 9", "day 3", "day 5"]
        assert [row[0] for row in patients] == ["a", "b"]
        assert one == [("2", "b", ("Patient/b",), None)]
        assert none == []
        assert [row[2] for row in nowhere] == [(), (), ()]

    run(open_store, story)


def test_a_sort_orders_them(open_store: Open) -> None:
    """By the keys asked for, either way."""

    async def story(store: Store) -> None:
        await filled(store)
        await commit(store, visit("0", "a", 3))  # type: ignore[arg-type]
        by_day = (Sort("date", "date"), Sort("_id", "_id"))
        falling = (Sort("date", "date", True),)
        wanted = [Gathering(Query(("Encounter",), sort=each), shape=bytes) for each in (by_day, falling)]
        rising, down = (await store.resources.gather(wanted)).answers
        assert [row[0] for row in rising] == ["0", "2", "3", "1"]
        assert [row[0] for row in down][::3] == ["1", [row[0] for row in down][-1]]
        assert all(f'"id":"{row[0]}"'.encode() in row[3] for row in rising)

    run(open_store, story)


def test_only_what_the_grant_shows_is_gathered(open_store: Open) -> None:
    """A narrowed type shows its part, one that is not granted nothing."""

    async def story(store: Store) -> None:
        await filled(store)
        mine = ((ReferenceIs("subject", "Patient", "a"),),)
        grant = Grant({"Encounter": frozenset("rs")}, {"Encounter": (mine,)})
        early = Query(("Encounter",), ((DateIs("date", "lt", 8 * DAY, 9 * DAY),),))
        queries = (Query(("Encounter",)), early, Query(("Patient",)))
        found = await store.resources.gather([Gathering(each, grant=grant) for each in queries])
        assert [[row[0] for row in rows] for rows in found.answers] == [["1", "3"], ["3"], []]

    run(open_store, story)


def test_an_empty_store_has_nothing_yet(open_store: Open) -> None:
    """No commit, no instant, no match."""

    async def story(store: Store) -> None:
        found = await store.resources.gather([Gathering(Query(("Patient",)))])
        assert (found.as_of, found.answers) == (0, ([],))

    run(open_store, story)
