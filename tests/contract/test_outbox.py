"""Changes are followed in the order of their commits, and notifications are numbered, leased and settled alike in every
store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from countyfhir.exchange import Subscriber
from countyfhir.store.ports import Attempt, Event, Store
from tests.contract.samples import commit, delete, run, write

Open = Callable[[], Awaitable[Store]]
ON = Subscriber("on", b"who")


def event(number: int) -> Event:
    return Event("Patient", f"p{number}", 1, number, 1_000 + number, "create")


def test_changes_come_in_the_order_of_commits_with_deletions_and_superseded_versions(open_store: Open) -> None:
    """Whoever follows the sequence meets every version once, whatever became of it."""

    async def story(store: Store) -> None:
        await commit(store, write("Patient", "a"), write("Patient", "b"))
        await commit(store, write("Patient", "a", text="second"))
        await commit(store, delete("Patient", "b"))
        seen, after = [], 0
        while found := await store.resources.changes(after, 3):
            seen += [(one.logical_id, one.version_id, one.deleted) for one in found]
            after = found[-1].sequence
        assert seen == [("a", 1, False), ("b", 1, False), ("a", 2, False), ("b", 2, True)]
        assert after == await store.resources.last_sequence()

    run(open_store, story)


def test_a_registration_is_kept_and_goes_with_the_write_of_its_subscription(open_store: Open) -> None:
    """The commit that writes the resource keeps who is told and from when; its deletion takes everything away."""

    async def story(store: Store) -> None:
        (made,) = await commit(store, write("Subscription", "s", subscriber=Subscriber("requested", b"who")))
        (found,) = await store.outbox.registrations()
        assert (found.subscription, found.owner, found.phase, found.since) == ("s", b"who", "requested", made.sequence)
        assert found.due == made.last_updated
        await commit(store, write("Subscription", "s", subscriber=Subscriber("stopped")))
        (again,) = await commit(store, write("Subscription", "s", subscriber=Subscriber("on")))
        found = await store.outbox.registration("s")
        assert found is not None
        assert (found.owner, found.phase, found.since, found.stamp) == (b"who", "on", again.sequence, 3)
        assert await store.outbox.enter(0, 5, [("s", event(1))])
        await commit(store, write("Subscription", "s", method="DELETE", subscriber=Subscriber("gone")))
        assert await store.outbox.registrations() == []
        assert await store.outbox.counts() == {"waiting": 0, "dead": 0}

    run(open_store, story)


def test_events_are_numbered_without_gap_and_entered_once(open_store: Open) -> None:
    """Two processes that looked at the same changes enter them once; each Subscription counts for itself."""

    async def story(store: Store) -> None:
        other = await open_store()
        try:
            for name in ("s", "t", "off"):
                await commit(store, write("Subscription", name, subscriber=ON))
            await commit(store, write("Subscription", "off", subscriber=Subscriber("stopped")))
            mine, theirs = [("s", event(1)), ("t", event(1)), ("s", event(2))], [("s", event(1))]
            done = await asyncio.gather(store.outbox.enter(0, 9, mine), other.outbox.enter(0, 9, theirs))
            assert sorted(done) == [False, True]
            assert await other.outbox.followed() == 9
            before = await store.outbox.registration("s")
            assert before is not None
            assert await other.outbox.enter(9, 12, [("s", event(3)), ("off", event(3)), ("gone", event(3))])
            kept = await store.outbox.notifications("s", 1, None, 10)
            assert [one.number for one in kept] == list(range(1, before.number + 2))
            assert kept[-1].event == event(3)
            assert await store.outbox.notifications("off", 0, None, 10) == []
        finally:
            await other.close()

    run(open_store, story)


def test_one_process_at_a_time_delivers_for_a_subscription(open_store: Open) -> None:
    """A lease keeps others away until it is given back or runs out; who lost it keeps nothing."""

    async def story(store: Store) -> None:
        outbox, now = store.outbox, 10**15
        await commit(store, write("Subscription", "s", subscriber=ON))
        await outbox.enter(0, 1, [("s", event(1)), ("s", event(2))])
        now = 10**17
        (held,) = await outbox.lease("one", now, now + 50, 5)
        assert await outbox.lease("two", now, now + 50, 5) == []
        assert await outbox.renew("s", "one", now + 100)
        assert not await outbox.renew("s", "two", now + 100)
        assert await outbox.lease("two", now + 99, now + 150, 5) == []
        sent = Attempt({1: "delivered"}, None, held.number, held.stamp, 0, now)
        (taken,) = await outbox.lease("two", now + 100, now + 150, 5)
        assert not await outbox.report("s", "one", now + 101, sent)
        assert await outbox.report("s", "two", now + 101, sent)
        left = await outbox.notifications("s", 1, None, 10, "waiting")
        assert [one.number for one in left] == [2]
        kept = await outbox.registration("s")
        assert kept is not None
        assert (kept.due, kept.sent, kept.lease_until, taken.number) == (None, now, 0, 2)

    run(open_store, story)


def test_what_happens_during_an_attempt_is_due_at_once_but_not_while_it_fails(open_store: Open) -> None:
    """A new event or a new version of the Subscription that the attempt had not seen is not slept through; a failing
    endpoint is left in peace until its pause is over."""

    async def story(store: Store) -> None:
        outbox, now = store.outbox, 10**17
        await commit(store, write("Subscription", "s", subscriber=ON))
        (held,) = await outbox.lease("one", now, now + 50, 5)
        await outbox.enter(0, 1, [("s", event(1))])
        await outbox.report("s", "one", now, Attempt({}, None, held.number, held.stamp))
        assert (await outbox.registrations())[0].due == now
        (held,) = await outbox.lease("one", now, now + 50, 5)
        await outbox.enter(1, 2, [("s", event(2))])
        await outbox.report("s", "one", now, Attempt({}, now + 9_000, held.number, held.stamp, 3, error="no answer"))
        await outbox.enter(2, 3, [("s", event(3))])
        kept = (await outbox.registrations())[0]
        assert (kept.due, kept.failures, kept.error) == (now + 9_000, 3, "no answer")
        (held,) = await outbox.lease("one", now + 9_000, now + 9_050, 5)
        await commit(store, write("Subscription", "s", subscriber=Subscriber("requested")))
        await outbox.report("s", "one", now + 9_001, Attempt({}, now + 90_000, held.number, held.stamp, 4))
        assert (await outbox.registrations())[0].due == now + 9_001

    run(open_store, story)


def test_dead_letters_are_listed_replayed_and_discarded_and_what_ended_is_forgotten(open_store: Open) -> None:
    """Nothing leaves by itself but what was delivered, withheld or discarded, after its time."""

    async def story(store: Store) -> None:
        outbox, now = store.outbox, 10**17
        for name in ("s", "t"):
            await commit(store, write("Subscription", name, subscriber=ON))
        await outbox.enter(0, 1, [(name, event(n)) for name in ("s", "t") for n in (1, 2, 3)])
        assert await outbox.settle("s", [1, 2], ("waiting",), "dead", now, "given up") == 2
        assert await outbox.settle("t", [1], ("waiting",), "dead", now, "given up") == 1
        assert await outbox.counts() == {"waiting": 3, "dead": 3}
        first = await outbox.in_state("dead", None, 2)
        rest = await outbox.in_state("dead", (first[-1].subscription, first[-1].number), 5)
        found = [(one.subscription, one.number, one.reason) for one in (*first, *rest)]
        assert found == [("s", 1, "given up"), ("s", 2, "given up"), ("t", 1, "given up")]
        assert await outbox.settle("s", [1], ("dead",), "waiting", now) == 1
        assert await outbox.settle("s", [2, 3], ("dead",), "discarded", now) == 1
        assert await outbox.counts() == {"waiting": 4, "dead": 1}
        assert await outbox.forget(now, 10) == 0
        assert await outbox.forget(now + 1, 10) == 1
        assert [one.number for one in await outbox.notifications("s", 0, None, 10)] == [1, 3]

    run(open_store, story)


def test_writes_wake_those_who_listen(open_store: Open) -> None:
    """A commit of this process wakes listeners to its types at once; others only when their types are written."""

    async def story(store: Store) -> None:
        any_type, codes = store.changed.listen(), store.changed.listen(["CodeSystem"])
        await commit(store, write("Patient", "a"))
        assert await any_type.wait(0)
        assert not await any_type.wait(0)
        assert not await codes.wait(0)
        await commit(store, write("CodeSystem", "c"))
        assert await codes.wait(0)

    run(open_store, story)


def test_commits_of_other_processes_wake_those_who_listen(open_store: Open) -> None:
    """While the store is attended, what another process writes is announced too."""

    async def story(store: Store) -> None:
        other = await open_store()
        attending = asyncio.create_task(store.attend())
        try:
            listener = store.changed.listen(["Patient"])
            await asyncio.sleep(0.3)
            await commit(other, write("Patient", "a"))
            assert await listener.wait(20)
        finally:
            attending.cancel()
            await asyncio.gather(attending, return_exceptions=True)
            await other.close()

    run(open_store, story)
