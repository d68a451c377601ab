"""What institutions may see is the same in every store: own resources, relations to residents, refusals, linked records
(search.relations; docs/access.md)."""

from __future__ import annotations

from typing import Any

import pytest

from countyfhir.exchange import Grant
from countyfhir.search import entries as kinds
from countyfhir.search.query import OwnBy, Query, SeenBy
from countyfhir.search.relations import DENY, FIRM, ITSELF, PERMIT, PERSON, RECORD
from countyfhir.store import instant
from countyfhir.store.ports import PersonRecord, Store

from .conftest import Open
from .samples import commit, delete, run, write

FOREVER = 2**62
HOUR = 3_600_000_000


def relation(
    subject: str,
    actor: str,
    *,
    effect: int = PERMIT,
    reach: int = PERSON,
    period: tuple[int, int] = (-FOREVER, FOREVER),
    types: str = "",
    instance: str = "/",
) -> tuple[Any, ...]:
    """An entry of kind RELATION; ``actor`` "/" is everybody."""
    targets = [one.split("/") for one in (subject, actor, instance)]
    return (kinds.RELATION, "rule", 0, *targets[0], *targets[1], effect, reach, *period, types, *targets[2])


def about(patient: str, parameter: str = "subject") -> tuple[Any, ...]:
    """An entry that points to a Patient."""
    return (kinds.REFERENCE, parameter, 0, "Patient", patient)


def seen(*organizations: str, **more: bool) -> Grant:
    """A grant narrowed to what these institutions may see; ``attached`` and ``through`` as a predicate has them."""
    return Grant({"*": frozenset("rs")}, {"*": (((SeenBy(organizations, **more),),),)})


async def found(store: Store, kind: str, grant: Grant) -> set[str]:
    """The ids that a search, a count and a look at each agree on."""
    page = await store.resources.search(Query((kind,), count=50, total="accurate"), grant)
    everything = await store.resources.search(Query((kind,), count=50))
    keys = {(kind, one.logical_id) for one in everything.matches}
    ids = {one.logical_id for one in page.matches}
    assert page.total == len(page.matches)
    assert {key[1] for key in await store.resources.visible(keys, grant)} == ids
    return ids


async def patients(store: Store, *names: str) -> None:
    """Patients, and an Observation ``o-…`` of each."""
    for name in names:
        await commit(store, write("Patient", name, (kinds.TOKEN, "_id", 0, "", name)))
        await commit(store, write("Observation", f"o-{name}", about(name), (kinds.TOKEN, "_id", 0, "", f"o-{name}")))


def test_a_relation_opens_what_points_to_the_patient(open_store: Open) -> None:
    """To that institution, to what belongs to it, while it lasts; what names nobody is open unless it has to name
    somebody; what is deleted gives nothing any more."""

    async def story(store: Store) -> None:
        await patients(store, "p", "q")
        await commit(store, write("Observation", "nobody", (kinds.TOKEN, "_id", 0, "", "nobody")))
        now = instant.now()
        await commit(store, write("Encounter", "e", relation("Patient/p", "Organization/A"), about("p")))
        role = write("PractitionerRole", "r", (kinds.REFERENCE, "organization", 0, "Organization", "B"))
        await commit(store, role)
        plan = relation("Patient/q", "PractitionerRole/r", period=(now - HOUR, now + HOUR))
        await commit(store, write("CarePlan", "c", plan, about("q")))
        over = relation("Patient/p", "Organization/C", period=(now - HOUR, now - 1))
        later = relation("Patient/q", "Organization/C", period=(now + HOUR, FOREVER))
        await commit(store, write("Consent", "over", over, later))
        for attached, open_to_all in ((False, {"nobody"}), (True, set())):
            assert await found(store, "Observation", seen("A", attached=attached)) == {"o-p"} | open_to_all
            assert await found(store, "Observation", seen("B", attached=attached)) == {"o-q"} | open_to_all
            assert await found(store, "Observation", seen("A", "B", attached=attached)) == {"o-p", "o-q"} | open_to_all
            assert await found(store, "Observation", seen("C", attached=attached)) == open_to_all
        assert await found(store, "Patient", seen("A")) == {"p"}
        assert await found(store, "Patient", seen("nowhere")) == set()
        await commit(store, delete("Encounter", "e"))
        assert await found(store, "Patient", seen("A")) == set()

    run(open_store, story)


def test_a_relation_says_how_far_it_reaches(open_store: Open) -> None:
    """To types, to one resource, to one record or to all that are linked as one person, the golden one among them."""

    async def story(store: Store) -> None:
        await patients(store, "p", "p2", "gold", "x")
        await store.persons.enter([PersonRecord(name, 1, b"", ()) for name in ("p", "p2", "x")])
        await store.persons.settle({"p": ("gold", 1), "p2": ("gold", 1)})
        await commit(
            store,
            write(
                "Encounter",
                "e",
                relation("Patient/p", "Organization/whole"),
                relation("Patient/gold", "Organization/by-golden"),
                relation("Patient/p", "Organization/record", reach=RECORD),
                relation("Patient/p", "Organization/typed", types="|Observation|"),
                relation("Patient/p", "Organization/one", instance="Observation/o-p2"),
            ),
        )
        whole = {"o-p", "o-p2", "o-gold"}
        for name, observations, records in (
            ("whole", whole, {"p", "p2", "gold"}),
            ("by-golden", whole, {"p", "p2", "gold"}),
            ("record", {"o-p"}, {"p"}),
            ("typed", whole, set()),
            ("one", {"o-p2"}, set()),
        ):
            for attached in (False, True):
                assert await found(store, "Observation", seen(name, attached=attached)) == observations, name
            assert await found(store, "Patient", seen(name)) == records, name

    run(open_store, story)


def test_what_concerns_several_patients_needs_a_relation_to_each(open_store: Open) -> None:
    """And what only leads to others is seen when all of them are, and hidden when one of them is gone."""

    async def story(store: Store) -> None:
        await patients(store, "p", "q")
        await commit(store, write("Encounter", "e", relation("Patient/p", "Organization/A")))
        await commit(store, write("Group", "both", about("p", "member"), about("q", "member")))
        await commit(store, write("Group", "one", about("p", "member")))
        for name in ("p", "q"):
            target = (kinds.REFERENCE, "target", 0, "Observation", f"o-{name}")
            await commit(store, write("Provenance", f"of-{name}", target))
        assert await found(store, "Group", seen("A")) == {"one"}
        assert await found(store, "Provenance", seen("A", through=True)) == {"of-p"}
        await commit(store, delete("Observation", "o-p"))
        assert await found(store, "Provenance", seen("A", through=True)) == set()

    run(open_store, story)


def test_a_refusal_hides_what_is_not_firm(open_store: Open) -> None:
    """From the institution it names, or from everybody; own resources and firm relations stay."""

    async def story(store: Store) -> None:
        await patients(store, "p")
        mine = relation("Observation/mine", "Organization/A", effect=FIRM, reach=ITSELF)
        await commit(store, write("Observation", "mine", about("p"), mine))
        organizations = ("A", "B", "C")
        rows = [relation("Patient/p", f"Organization/{one}") for one in organizations]
        await commit(store, write("Encounter", "e", *rows))
        await commit(store, write("Patient", "p", relation("Patient/p", "Organization/C", effect=FIRM)))
        both = {"o-p", "mine"}
        for one in organizations:
            assert await found(store, "Observation", seen(one, attached=True)) == both
        refused = relation("Patient/p", "Organization/B", effect=DENY, types="|Observation|")
        await commit(store, write("Consent", "no", refused))
        assert await found(store, "Observation", seen("B", attached=True)) == set()
        assert await found(store, "Patient", seen("B")) == {"p"}
        assert await found(store, "Observation", seen("A", attached=True)) == both
        await commit(store, write("Consent", "no", relation("Patient/p", "/", effect=DENY)))
        assert await found(store, "Observation", seen("A", attached=True)) == {"mine"}
        assert await found(store, "Observation", seen("B", attached=True)) == set()
        assert await found(store, "Observation", seen("C", attached=True)) == both
        await commit(store, delete("Consent", "no"))
        assert await found(store, "Observation", seen("B", attached=True)) == both

    run(open_store, story)


@pytest.mark.parametrize("again", ["update", "reindex"])
def test_who_wrote_first_keeps_seeing_it(open_store: Open, again: str) -> None:
    """Though no element says so: after updates by others and after reindexing, until it is deleted."""

    async def story(store: Store) -> None:
        await patients(store, "p")
        await commit(store, write("Observation", "w", about("p"), author=("A",)))
        own = Grant({"*": frozenset("rs")}, {"*": (((OwnBy(("A",)),),),)})
        if again == "update":
            stated = relation("Observation/w", "Organization/B", effect=FIRM, reach=ITSELF)
            await commit(store, write("Observation", "w", about("p"), stated, author=("B",)))
            assert await found(store, "Observation", seen("B", attached=True)) == {"w"}
        else:
            entries = {"Observation": (about("p"),), "Patient": ()}
            extract = lambda kind, body: (entries[kind], [("Patient", "p")])  # noqa: E731
            done = await store.resources.reindex(extract, count=50)
            assert done.after is None
        assert await found(store, "Observation", seen("A", attached=True)) == {"w"}
        assert await found(store, "Observation", own) == {"w"}
        assert await store.resources.wrote_first("Observation", "w", ["A", "B"])
        await commit(store, delete("Observation", "w"))
        assert await store.resources.wrote_first("Observation", "w", ["A"])
        assert not await store.resources.wrote_first("Observation", "w", ["B"])
        await commit(store, write("Observation", "w", about("p"), author=("C",)))
        assert not await store.resources.wrote_first("Observation", "w", ["A"])
        assert await found(store, "Observation", seen("A", attached=True)) == set()
        assert await found(store, "Observation", seen("C", attached=True)) == {"w"}

    run(open_store, story)
