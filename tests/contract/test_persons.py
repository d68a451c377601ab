"""The index of persons is kept the same in every store (ports: PersonStore)."""

from __future__ import annotations

from countyfhir.store.ports import PersonDecision, PersonRecord, Store

from .conftest import Open
from .samples import run


def record(patient: str, *keys: int, person: str | None = None, version: int = 1) -> PersonRecord:
    """A record with these keys."""
    return PersonRecord(patient, version, f"features of {patient}".encode(), keys, person)


def test_records_meet_by_their_keys(open_store: Open) -> None:
    """A record is found by each of its keys, also the smallest and largest, and no longer by one it has lost; a key
    that too many share is not followed."""

    async def story(store: Store) -> None:
        persons = store.persons
        await persons.enter([record("a", 1, -(2**63)), record("b", 1, 2), record("c", 2, 2**63 - 1), record("d")])
        assert await persons.mates([1], 2) == {"a": record("a", 1, -(2**63)), "b": record("b", 1, 2)}
        assert set(await persons.mates([2**63 - 1, -(2**63)], 5)) == {"a", "c"}
        assert set(await persons.mates([1, 2**63 - 1], 1)) == {"c"}
        assert await persons.mates([], 5) == {}
        await persons.enter([record("b", 3, version=2)])
        assert set(await persons.mates([1, 2, 3], 5)) == {"a", "b", "c"}
        assert set(await persons.mates([1, 2], 5)) == {"a", "c"}
        assert (await persons.records(["b", "nobody"])) == {"b": record("b", 3, version=2)}
        await persons.leave(["a", "nobody"])
        assert await persons.mates([1, -(2**63)], 5) == {}
        await persons.clear()
        assert await persons.records(["b", "c", "d"]) == {}

    run(open_store, story)


def test_a_person_is_found_by_any_of_its_ids(open_store: Open) -> None:
    """By each record and by the golden id; entering a record anew leaves it where it belongs; one alone has nobody."""

    async def story(store: Store) -> None:
        persons = store.persons
        await persons.enter([record(name, 1) for name in "abcd"])
        await persons.settle({"a": ("gold", 0), "c": ("gold", 9), "d": ("other", 0), "old": ("other", 0)})
        assert [one.version for one in (await persons.records("ac")).values()] == [1, 9]
        await persons.enter([record("c", 5, version=2)])
        whole = ("gold", "a", "c")
        found = await persons.linked(["a", "b", "gold", "c", "nobody", "d"])
        assert found == {"a": whole, "gold": whole, "c": whole, "d": ("other", "d", "old")}
        assert set(await persons.members(["gold"])) == {"a", "c"}
        await persons.settle({"a": (None, 0), "c": (None, 0)})
        assert await persons.linked(["a", "c", "gold"]) == {}
        assert await persons.members(["gold"]) == {}

    run(open_store, story)


def test_decisions_are_one_for_each_pair(open_store: Open) -> None:
    """In either order the newer replaces the older; both sides find it; it is forgotten by its pair and outlives the
    records."""

    async def story(store: Store) -> None:
        persons = store.persons
        await persons.decide(
            [PersonDecision("b", "a", "merge", "x", 7, {"active": True}), PersonDecision("a", "c", "link")]
        )
        await persons.decide([PersonDecision("a", "b", "unlink", "y", 8)])
        kept = [PersonDecision("a", "b", "unlink", "y", 8), PersonDecision("a", "c", "link")]
        assert await persons.decisions(["a"]) == kept
        assert await persons.decisions(["b", "nobody"]) == kept[:1]
        await persons.clear()
        await persons.decide([], [("b", "a")])
        assert await persons.decisions(["b", "c"]) == kept[1:]

    run(open_store, story)


def test_how_far_the_index_came_is_kept(open_store: Open) -> None:
    """Zero at first, then what was set, in another process too."""

    async def story(store: Store) -> None:
        assert await store.persons.seen() == 0
        assert await store.persons.seen(41) == 41
        other = await open_store()
        assert await other.persons.seen() == 41
        await other.close()
        await store.persons.clear()
        assert await store.persons.seen() == 0

    run(open_store, story)


def test_a_look_around_is_known_to_be_of_now(open_store: Open) -> None:
    """What was entered, left or decided since is counted, whoever did it; noting what is finished or settled makes
    nobody look again in vain."""

    async def story(store: Store) -> None:
        persons = store.persons
        seen = await persons.changes()
        assert await persons.enter([record("a", 1)]) == seen
        other = await open_store()
        seen = await other.persons.changes()
        assert await persons.enter([record("b", 1)]) == seen
        assert await other.persons.enter([record("c", 1)]) > seen
        await other.close()
        for change in (
            persons.leave(["a"]),
            persons.decide([PersonDecision("a", "b", "link")]),
            persons.clear(),
        ):
            seen = await persons.changes()
            await change
            assert await persons.changes() > seen
        await persons.settle({"b": (None, 0)})
        assert await persons.enter([]) == await persons.changes()

    run(open_store, story)
