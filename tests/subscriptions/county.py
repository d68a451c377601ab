"""A county without a network: its clock and the endpoints are moved by hand, and what is written is followed and
delivered when the test says so."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from countyfhir.app import Opened, open_world
from countyfhir.exchange import Interaction, Principal, Stored
from countyfhir.settings import load
from countyfhir.subscriptions.delivering import Delivering
from countyfhir.subscriptions.doors import SECOND, Doors, Options, SendFailed
from countyfhir.subscriptions.following import Following
from tests.stores import store_at
from tests.subscriptions.receiving import Request

SHARED = {"concept_index": f"{tempfile.mkdtemp(prefix='countyfhir-')}/concepts"}
ENDPOINT = "http://127.0.0.1:9/told"


@dataclass
class Endpoints:
    """In the place of the network: ``broken`` endpoints refuse, ``slow`` ones wait until they are let go."""

    taken: list[Request] = field(default_factory=list)
    tried: int = 0
    broken: set[str] = field(default_factory=set)
    slow: dict[str, asyncio.Event] = field(default_factory=dict)
    after: float | None = None
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(
        self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes, within: float
    ) -> None:
        self.tried += 1
        if (event := self.slow.get(url)) is not None:
            await event.wait()
        if url in self.broken:
            raise SendFailed("answered 500", self.after)
        self.taken.append(Request(method, url, dict(headers), body))
        async with self.came:
            self.came.notify_all()

    async def close(self) -> None:
        """Nothing is open."""

    async def until(self, count: int) -> None:
        """Until so many were taken."""
        async with asyncio.timeout(20), self.came:
            await self.came.wait_for(lambda: len(self.taken) >= count)

    def numbers(self) -> list[int]:
        """The numbers of the events that were taken, in order."""
        return [number for one in self.taken if one.kind == "event-notification" for number in one.numbers]


@dataclass
class County:
    """A world without a network: what is written, followed and delivered when the test says so."""

    opened: Opened
    doors: Doors
    endpoints: Endpoints
    instant: list[int]
    hidden: set[str]

    async def create(self, resource_type: str, body: dict[str, Any]) -> str:
        """The id of a new resource."""
        asked = Interaction("create", resource_type, body={"resourceType": resource_type, **body})
        stored = (await self.opened.perform(asked)).stored
        assert stored is not None
        return stored.logical_id

    async def follow(self) -> None:
        """Look at all changes."""
        following = Following(self.doors)
        while await following.step():
            pass

    async def deliver(self) -> None:
        """Do what is due, and what becomes due by it."""
        delivering = Delivering(self.doors, "me")
        while await delivering.begin():
            await delivering.finish()

    async def settle(self) -> None:
        """Both."""
        await self.follow()
        await self.deliver()

    def later(self, seconds: float) -> None:
        """Move the clock."""
        self.instant[0] += int(seconds * SECOND)

    async def status(self, logical_id: str) -> dict[str, Any]:
        """The Subscription."""
        stored = await self.opened.store.resources.read("Subscription", logical_id)
        assert stored is not None
        assert stored.body is not None
        found: dict[str, Any] = json.loads(stored.body)
        return found


def told(path: Path, story: Callable[[County], Awaitable[None]], **options: Any) -> None:
    """Run a story in a county of its own."""

    async def run() -> None:
        settings = load({"store": store_at(path / "county.sqlite"), "audit": "off", "workflow": "off"} | SHARED)
        async with open_world(settings) as opened:
            doors = opened.world.notifying
            assert doors is not None
            endpoints, hidden = Endpoints(), set[str]()
            instant = [opened.world.now() + 60 * SECOND]

            async def seen(principal: Principal, versions: Iterable[Stored]) -> set[int]:
                return {one.sequence for one in versions if one.logical_id not in hidden}

            chosen = replace(Options(give_up=1000.0, first=10.0, longest=100.0, jitter=lambda: 1.0), **options)
            doors = replace(doors, send=endpoints, now=lambda: instant[0], seen=seen, options=chosen)
            await story(County(opened, doors, endpoints, instant, hidden))

    asyncio.run(run())
