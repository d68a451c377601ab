"""No notification is lost while processes and receivers die at random: the short form of ``bench/notified``, with a
clock and an endpoint moved by hand; and the judge finds what is wrong."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from countyfhir.subscriptions.delivering import Delivering
from tests.faults.told import judged
from tests.subscriptions.county import ENDPOINT, County, told
from tests.subscriptions.making import by_topic, report

ROUNDS = 40


@pytest.mark.parametrize(
    ("taken", "field"),
    [
        ([(1, "a"), (3, "c")], "lost"),
        ([(2, "b"), (1, "a"), (3, "c")], "disordered"),
        ([(1, "a"), (2, "b"), (4, "c")], "disordered"),
        ([(1, "a"), (2, "b"), (2, "c")], "mixed"),
    ],
)
def test_the_judge_finds_what_is_wrong(taken: list[tuple[int, str]], field: str) -> None:
    """A loss, a wrong order, a gap, two things under one number."""
    found = judged("abc", taken)
    assert getattr(found, field)
    assert found.wrong


def test_the_judge_lets_duplicates_pass() -> None:
    """At least once."""
    found = judged("ab", [(1, "a"), (1, "a"), (2, "b"), (1, "a")])
    assert (found.wrong, found.duplicates) == (0, 2)


class Mortal(Delivering):
    """A process that may die at any moment: from then on it says nothing more to the store."""

    dead = False

    async def _report(self, *arguments: Any) -> bool:
        if self.dead:
            raise asyncio.CancelledError
        return await super()._report(*arguments)


def test_none_is_lost_and_order_is_kept(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Two processes, three endpoints that fail and hang, forty rounds with a kill in every other one."""
    chance, kills = random.Random(7), 0
    urls = [f"{ENDPOINT}/{place}" for place in range(3)]

    async def story(county: County) -> None:
        nonlocal kills
        for url in urls:
            await county.create("Subscription", by_topic("report", url, max_count=2))
        await county.settle()
        made = []
        processes = [Mortal(county.doors, f"first-{place}") for place in range(2)]
        for turn in range(ROUNDS):
            made += [await county.create("DiagnosticReport", report()) for _ in range(chance.randrange(3))]
            county.endpoints.broken = {url for url in urls if chance.random() < 0.3}
            county.endpoints.slow = {url: asyncio.Event() for url in urls if chance.random() < 0.2}
            if chance.random() < 0.7:
                await county.follow()
            for process in processes:
                await process.begin()
            await asyncio.sleep(0)
            if chance.random() < 0.5:
                place = chance.randrange(2)
                processes[place].dead = True
                await asyncio.sleep(chance.choice((0, 0.001)))
                await processes[place].stop()
                processes[place], kills = Mortal(county.doors, f"{turn}-{place}"), kills + 1
            for event in county.endpoints.slow.values():
                event.set()
            for process in processes:
                await process.finish()
            county.later(chance.choice((1, 20, 60)))
        county.endpoints.broken, county.endpoints.slow = set(), {}
        county.later(200)
        await county.settle()
        taken: dict[str, list[tuple[int, str]]] = {url: [] for url in urls}
        for request in county.endpoints.taken:
            if request.kind == "event-notification":
                told = request.json["entry"][0]["resource"]["parameter"]
                parts = [one["part"] for one in told if one["name"] == "notification-event"]
                places = [(int(part[0]["valueString"]), part[2]["valueReference"]["reference"]) for part in parts]
                taken[request.path] += [(number, where.rpartition("/")[2]) for number, where in places]
        found = [judged(made, taken[url]) for url in urls]
        assert [one.wrong for one in found] == [0, 0, 0], found
        duplicates = sum(one.duplicates for one in found)
        said = f"{len(made)} writes to 3 Subscriptions, {kills} kills: 0 lost, {duplicates} told again"
        record_property("published", f"notifications: {said}")

    told(tmp_path, story, give_up=10**6)
    assert kills > 5
