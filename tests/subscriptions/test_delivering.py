"""Order, retries, giving up and leases, with a clock and an endpoint that the test moves by hand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from countyfhir.exchange import Interaction
from countyfhir.store.ports import Registration
from countyfhir.subscriptions.delivering import Delivering
from countyfhir.subscriptions.doors import SECOND, Options
from countyfhir.subscriptions.following import follow_forever
from tests.subscriptions.county import ENDPOINT, County, told
from tests.subscriptions.making import by_topic, plain, report


def test_failures_pause_longer_each_time_and_order_is_kept(tmp_path: Path) -> None:
    """2 by 2, up to the longest; what came meanwhile waits its turn; then all comes, in order, and the status is active
    again."""

    async def story(county: County) -> None:
        one = await county.create("Subscription", by_topic("report", ENDPOINT))
        await county.settle()
        assert (await county.status(one))["status"] == "active"
        county.endpoints.broken.add(ENDPOINT)
        await county.create("DiagnosticReport", report())
        await county.settle()
        pauses = []
        for _ in range(6):
            kept = await county.opened.store.outbox.registration(one)
            assert kept is not None
            assert kept.due is not None
            pauses.append((kept.due - county.instant[0]) // SECOND)
            await county.create("DiagnosticReport", report())
            await county.settle()
            county.instant[0] = kept.due
            await county.deliver()
        assert pauses == [10, 20, 40, 80, 100, 100]
        state = await county.status(one)
        assert (state["status"], state["error"]) == ("error", "answered 500")
        assert county.endpoints.numbers() == []
        county.endpoints.broken.clear()
        county.later(100)
        await county.deliver()
        assert county.endpoints.numbers() == list(range(1, 8))
        state = await county.status(one)
        assert (state["status"], "error" in state) == ("active", False)

    told(tmp_path, story)


def test_an_endpoint_that_asks_for_a_longer_pause_gets_it(tmp_path: Path) -> None:
    """Retry-After counts where it is longer than the pause would be."""

    async def story(county: County) -> None:
        one = await county.create("Subscription", plain("Basic", ENDPOINT, None))
        await county.settle()
        county.endpoints.broken.add(ENDPOINT)
        county.endpoints.after = 77.0
        await county.create("Basic", {"code": {"text": "a"}})
        await county.settle()
        kept = await county.opened.store.outbox.registration(one)
        assert kept is not None
        assert kept.due == county.instant[0] + 77 * SECOND

    told(tmp_path, story)


def test_what_was_tried_for_days_is_a_dead_letter_that_can_be_replayed(tmp_path: Path) -> None:
    """Only what is too old is given up; a replay comes before what waits."""

    async def story(county: County) -> None:
        outbox = county.opened.store.outbox
        one = await county.create("Subscription", by_topic("report", ENDPOINT))
        await county.settle()
        county.endpoints.broken.add(ENDPOINT)
        await county.create("DiagnosticReport", report())
        await county.settle()
        county.later(1001)
        await county.deliver()
        (dead,) = await outbox.in_state("dead", None, 10)
        assert (dead.subscription, dead.number, dead.reason) == (one, 1, "answered 500")
        county.instant[0] = (await outbox.in_state("dead", None, 10))[0].changed
        county.endpoints.broken.clear()
        assert await outbox.settle(one, [1], ("dead",), "waiting", county.instant[0]) == 1
        await county.create("DiagnosticReport", report())
        await county.settle()
        assert county.endpoints.numbers() == [1, 2]
        assert await outbox.counts() == {"waiting": 0, "dead": 0}

    told(tmp_path, story)


def test_a_slow_endpoint_holds_up_nobody_else(tmp_path: Path) -> None:
    """While one endpoint does not answer, others get theirs."""

    async def story(county: County) -> None:
        slow, quick = f"{ENDPOINT}/slow", f"{ENDPOINT}/quick"
        for url in (slow, quick):
            await county.create("Subscription", plain("Basic", url, None))
        await county.settle()
        county.endpoints.slow[slow] = asyncio.Event()
        for text in ("a", "b", "c"):
            await county.create("Basic", {"code": {"text": text}})
        await county.follow()
        delivering = Delivering(county.doors, "me")
        assert await delivering.begin() == 2
        await county.endpoints.until(3)
        assert {one.path for one in county.endpoints.taken} == {quick}
        county.endpoints.slow[slow].set()
        await delivering.finish()
        assert [one.path for one in county.endpoints.taken[3:]] == [slow] * 3

    told(tmp_path, story)


@pytest.mark.parametrize("reports", [0, 1, 2])
def test_another_process_goes_on_where_one_died(tmp_path: Path, reports: int) -> None:
    """What was not reported is sent again when the lease has run out, though nothing new happens: twice rather than
    never, and in order."""

    async def story(county: County) -> None:
        await county.create("Subscription", by_topic("report", ENDPOINT))
        await county.settle()
        for _ in range(4):
            await county.create("DiagnosticReport", report())
        await county.follow()
        dying = Dying(county.doors, "dying")
        dying.reports = reports
        assert await dying.begin() == 1
        await county.endpoints.until(2 + reports)  # the handshake and the first ones
        await dying.stop()
        sent = county.endpoints.numbers()
        assert sent == list(range(1, reports + 2))
        await county.deliver()
        assert county.endpoints.numbers() == sent
        county.later(16)
        await county.deliver()
        assert county.endpoints.numbers() == sent + list(range(reports + 1, 5))

    told(tmp_path, story)


class Dying(Delivering):
    """A process that is killed before it can say what it sent, after so many ``reports``."""

    reports = 0

    async def _report(self, *arguments: Any) -> bool:
        self.reports -= 1
        if self.reports < 0:
            raise asyncio.CancelledError
        return await super()._report(*arguments)


def test_events_are_bundled_up_to_the_maximum(tmp_path: Path) -> None:
    """max-count: a backlog comes in fewer notifications, none larger."""

    async def story(county: County) -> None:
        await county.create("Subscription", by_topic("report", ENDPOINT, max_count=3))
        await county.settle()
        for _ in range(7):
            await county.create("DiagnosticReport", report())
        await county.settle()
        events = [one.numbers for one in county.endpoints.taken if one.kind == "event-notification"]
        assert events == [[1, 2, 3], [4, 5, 6], [7]]

    told(tmp_path, story)


def test_heartbeats_come_while_nothing_happens(tmp_path: Path) -> None:
    """They do not count as events, and an event makes the next one later."""

    async def story(county: County) -> None:
        one = await county.create("Subscription", by_topic("report", ENDPOINT, heartbeat_period=30))
        await county.settle()
        county.later(30)
        await county.deliver()
        county.later(20)
        await county.create("DiagnosticReport", report())
        await county.settle()
        county.later(20)
        await county.deliver()
        county.later(11)
        await county.deliver()
        kinds = [request.kind for request in county.endpoints.taken]
        assert kinds == ["handshake", "heartbeat", "event-notification", "heartbeat"]
        kept = await county.opened.store.outbox.registration(one)
        assert kept is not None
        assert (kept.number, kept.due) == (1, county.instant[0] + 30 * SECOND)

    told(tmp_path, story)


def test_a_handshake_that_fails_makes_the_status_error_and_is_tried_again(tmp_path: Path) -> None:
    """What happened since the Subscription was made is told when the endpoint is there."""

    async def story(county: County) -> None:
        county.endpoints.broken.add(ENDPOINT)
        one = await county.create("Subscription", by_topic("report", ENDPOINT))
        await county.create("DiagnosticReport", report())
        await county.settle()
        assert (await county.status(one))["status"] == "error"
        county.endpoints.broken.clear()
        county.later(10)
        await county.deliver()
        assert (await county.status(one))["status"] == "active"
        assert [request.kind for request in county.endpoints.taken] == ["handshake", "event-notification"]

    told(tmp_path, story)


def test_what_the_owner_may_no_longer_see_is_withheld(tmp_path: Path) -> None:
    """Seen when it happened, not when it is delivered: no word of it leaves; the numbers go on."""

    async def story(county: County) -> None:
        one = await county.create("Subscription", by_topic("report", ENDPOINT))
        await county.settle()
        county.endpoints.broken.add(ENDPOINT)
        hidden = await county.create("DiagnosticReport", report())
        await county.create("DiagnosticReport", report())
        await county.settle()
        county.hidden.add(hidden)
        unseen = await county.create("DiagnosticReport", report())
        county.hidden.add(unseen)
        county.endpoints.broken.clear()
        county.later(10)
        await county.settle()
        assert county.endpoints.numbers() == [2]
        assert all(hidden not in str(request.body) for request in county.endpoints.taken)
        states = [one.state for one in await county.opened.store.outbox.notifications(one, 0, None, 9)]
        assert states == ["withheld", "delivered"]

    told(tmp_path, story)


def test_a_change_is_judged_by_what_was_asked_for_at_that_moment(tmp_path: Path) -> None:
    """A follower that lags reads the Subscription as it was when the change was committed."""

    async def story(county: County) -> None:
        sent = plain("Basic?code:text=first", ENDPOINT)
        one = await county.create("Subscription", sent)
        await county.create("Basic", {"code": {"text": "first"}})
        later = sent | {"id": one, "criteria": "Basic?code:text=second"}
        await county.opened.perform(Interaction("update", "Subscription", one, body=later))
        for text in ("first", "second"):
            await county.create("Basic", {"code": {"text": text}})
        await county.settle()
        assert [request.json["code"]["text"] for request in county.endpoints.taken] == ["first", "second"]

    told(tmp_path, story)


def test_the_end_switches_it_off(tmp_path: Path) -> None:
    """Subscription.end: the instant from which the server has nothing more to do."""

    async def story(county: County) -> None:
        one = await county.create("Subscription", plain("Basic", ENDPOINT) | {"end": "2020-01-01T00:00:00Z"})
        await county.create("Basic", {"code": {"text": "late"}})
        await county.settle()
        assert (await county.status(one))["status"] == "off"
        assert county.endpoints.tried == 0

    told(tmp_path, story)


def test_without_a_subscription_a_write_costs_nothing(tmp_path: Path) -> None:
    """Nobody looks at a change while there is nobody to tell: followers are not even woken."""

    async def story(county: County) -> None:
        looked = 0
        outbox, doors = county.opened.store.outbox, replace(county.doors, options=Options(look=60.0))
        registrations = outbox.registrations

        async def counted() -> list[Registration]:
            nonlocal looked
            looked += 1
            return await registrations()

        outbox.registrations = counted  # type: ignore[method-assign]
        following = asyncio.create_task(follow_forever(doors, "me"))
        async with asyncio.timeout(20):
            while not looked:  # noqa: ASYNC110 - it is counted, not told
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        before = looked
        for text in "abc":
            await county.create("Basic", {"code": {"text": text}})
            await asyncio.sleep(0)
        assert looked == before
        await county.create("Subscription", plain("Basic", ENDPOINT))
        async with asyncio.timeout(20):
            while looked == before:  # noqa: ASYNC110 - it is counted, not told
                await asyncio.sleep(0.001)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    told(tmp_path, story)
