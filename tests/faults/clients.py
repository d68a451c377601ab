"""What clients do in a fault run: they read, write, delete and recreate a few registers, move money between accounts in
transactions, and create under identifiers that others create under, too."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.asking import UNKNOWN, Answered, Asking
from tests.faults.events import ABSENT, NEVER, Event, Value, Version

SYSTEM = "https://fhir.county-hc.example/sid/faults"
ACCOUNTS = tuple(f"account-{number}" for number in range(4))
FIRST_BALANCE = 100
PAUSE = 0.01
"""Seconds between two requests of a client: a run is about faults, not about load."""


def basic(key: str | None, value: str, identifier: str | None = None) -> dict[str, Any]:
    """A resource that says ``value``."""
    resource: dict[str, Any] = {"resourceType": "Basic", "code": {"text": value}}
    if key is not None:
        resource["id"] = key
    if identifier is not None:
        resource["identifier"] = [{"system": SYSTEM, "value": identifier}]
    return resource


def version_of(resource: Mapping[str, Any]) -> Version:
    """The version that a resource is."""
    meta = resource["meta"]
    return Version(int(meta["versionId"]), resource["code"]["text"], meta["lastUpdated"])


@dataclass(slots=True)
class Notes:
    """What all clients of a run noted. ``groups`` are pairs of identifiers that one bundle concerns."""

    events: list[Event] = field(default_factory=list)
    groups: set[tuple[str, str]] = field(default_factory=set)
    sent: dict[str, tuple[str, str]] = field(default_factory=dict)  # value of a create -> its identifier, event's name
    names: itertools.count[int] = field(default_factory=itertools.count)
    answered: int = 0
    stop: bool = False


class Client:
    """One client: an act after the other until it is told to stop."""

    def __init__(self, number: int, asking: Asking, notes: Notes, registers: int, run: str) -> None:
        self._asking, self._notes, self._name, self._run = asking, notes, f"{run}c{number}", run
        self._chance = random.Random(self._name)
        self._registers = [f"{run}-register-{place}" for place in range(registers)]
        self._acts: list[Callable[[], Awaitable[None]]] = [
            *[self._read] * 3, *[self._put] * 3, *[self._put_if] * 2, self._delete, *[self._look] * 2,
            *[self._move] * 4, *[self._audit] * 2, *[self._create] * 2, self._find, self._skew,
        ]  # fmt: skip

    async def work(self) -> None:
        """Act until told to stop."""
        try:
            while not self._notes.stop:
                await self._chance.choice(self._acts)()
                await asyncio.sleep(PAUSE)
        finally:
            self._asking.close()

    async def _asked(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[Answered, float, float]:
        """The answer, and when it was asked for and given; NEVER where nobody knows what became of it."""
        clock = asyncio.get_running_loop().time
        started = clock()
        answer = await self._asking.ask(method, path, body, **headers)
        unknown = answer.status in UNKNOWN
        self._notes.answered += not unknown
        return answer, started, NEVER if unknown else clock()

    def _note(self, name: str, started: float, ended: float, **more: Any) -> None:
        self._notes.events.append(Event(f"{self._name} {name}", started, ended, **more))

    def _fresh(self) -> str:
        return f"{self._name}-{next(self._notes.names)}"

    async def _read(self) -> None:
        key = self._chance.choice(self._registers)
        answer, started, ended = await self._asked("GET", f"Basic/{key}")
        if answer.status in (200, 404, 410):
            self._note(f"GET {key}", started, ended, seen={key: seen_in(answer)})

    async def _look(self) -> None:
        """A register by search: what the index finds is the present version."""
        key = self._chance.choice(self._registers)
        answer, started, ended = await self._asked("GET", f"Basic?_id={key}")
        if answer.status == 200 and answer.body.get("entry"):
            version = version_of(answer.body["entry"][0]["resource"])
            self._note(f"search {key}", started, ended, seen={key: version})

    async def _put(self) -> None:
        key, value = self._chance.choice(self._registers), self._fresh()
        await self._written(f"PUT {key}", key, value, await self._asked("PUT", f"Basic/{key}", basic(key, value)), {})

    async def _put_if(self) -> None:
        """Read, then write on that version only: no update may be lost."""
        key, value = self._chance.choice(self._registers), self._fresh()
        before = await self._asking.ask("GET", f"Basic/{key}")
        if before.status != 200:
            return
        number = int(before.body["meta"]["versionId"])
        asked = await self._asked("PUT", f"Basic/{key}", basic(key, value), if_match=f'W/"{number}"')
        await self._written(f"PUT {key} if {number}", key, value, asked, {key: number})

    async def _written(
        self, name: str, key: str, value: Value, asked: tuple[Answered, float, float], expected: Mapping[str, int]
    ) -> None:
        answer, started, ended = asked
        wrote = {key: value}
        if ended == NEVER:
            self._note(name, started, ended, wrote=wrote)
        elif answer.status in (200, 201):
            made = {key: version_of(answer.body)}
            self._note(name, started, ended, wrote=wrote, expected=expected, made=made)
        elif answer.status in (409, 412):
            self._note(
                name, started, ended, wrote=wrote, expected=expected if answer.status == 412 else {}, refused=True
            )
        else:
            raise AssertionError(f"{name}: {answer}")

    async def _delete(self) -> None:
        key = self._chance.choice(self._registers)
        answer, started, ended = await self._asked("DELETE", f"Basic/{key}")
        if ended == NEVER:
            self._note(f"DELETE {key}", started, ended, wrote={key: None})
        elif answer.status == 409:  # it was changed again and again meanwhile
            self._note(f"DELETE {key}", started, ended, refused=True)
        elif answer.version:
            self._note(f"DELETE {key}", started, ended, wrote={key: None}, made={key: Version(answer.version)})

    async def _audit(self) -> None:
        """All accounts at once: by search or by a transaction of reads, each of one moment."""
        keys = [f"{self._run}-{name}" for name in ACCOUNTS]
        if self._chance.random() < 0.5:
            answer, started, ended = await self._asked("GET", f"Basic?_id={','.join(keys)}&_count=100")
        else:
            rows = [{"request": {"method": "GET", "url": f"Basic/{key}"}} for key in keys]
            answer, started, ended = await self._asked("POST", "", bundle(rows))
        if answer.status == 200:
            seen = {row["resource"]["id"]: version_of(row["resource"]) for row in answer.body["entry"]}
            self._note("audit", started, ended, seen=seen)

    async def _move(self) -> None:
        """Money from one account to another, on the versions that were read."""
        giver, taker = (f"{self._run}-{name}" for name in self._chance.sample(ACCOUNTS, 2))
        before = await self._asking.ask("GET", f"Basic?_id={giver},{taker}")
        if before.status != 200:
            return
        amount, seen, wrote, rows = self._chance.randint(1, 9), {}, {}, []
        for row in before.body["entry"]:
            key, version = row["resource"]["id"], version_of(row["resource"])
            change = -amount if key == giver else amount
            seen[key] = version
            wrote[key] = f"{int((version.value or '').partition(' ')[0]) + change} {self._fresh()}"
            match = {"method": "PUT", "url": f"Basic/{key}", "ifMatch": f'W/"{version.number}"'}
            rows.append({"resource": basic(key, wrote[key]), "request": match})
        answer, started, ended = await self._asked("POST", "", bundle(rows))
        if answer.status == 200:
            made = {key: replaced(row, wrote[key]) for key, row in zip(seen, answer.body["entry"], strict=True)}
            self._note("transfer", started, ended, seen=seen, wrote=wrote, made=made)
        else:
            self._note("transfer", started, ended, wrote=wrote, refused=ended != NEVER)

    async def _create(self) -> None:
        """Under an identifier that others use, too: conditionally or plainly."""
        identifier, value = f"{self._run}-i{self._chance.randrange(self._round())}", self._fresh()
        condition = {"if_none_exist": f"identifier={SYSTEM}|{identifier}"} if self._chance.random() < 0.8 else {}
        asked = await self._asked("POST", "Basic", basic(None, value, identifier), **condition)
        self._created("conditional create" if condition else "create", identifier, identifier, value, asked)

    def _round(self) -> int:
        """Identifiers come into use one after the other, so that each is fought for once."""
        return 1 + self._notes.answered // 60

    def _created(
        self, name: str, looked: str, identifier: str, value: str, asked: tuple[Answered, float, float]
    ) -> None:
        """A creation under ``identifier``, on the condition (if any) that there is nothing under ``looked``."""
        answer, started, ended = asked
        name = f"{name} {value}"
        self._notes.sent[value] = (identifier, f"{self._name} {name}")
        row = answer.body
        if answer.status == 200 and row["resourceType"] == "Bundle":
            row = row["entry"][0]
            status = int(row["response"]["status"][:3])
            row = {"id": row["response"]["location"].split("/_history/")[0].rpartition("/")[2]}
        else:
            status = answer.status
        if ended == NEVER:
            self._note(name, started, ended, found={looked: frozenset()} if "conditional" in name else {})
        elif status == 201:
            found = {looked: frozenset[str]()} if "conditional" in name else {}
            self._note(name, started, ended, found=found, added={identifier: row["id"]})
        elif status == 200:
            self._note(name, started, ended, found={looked: frozenset([row["id"]])})

    async def _find(self) -> None:
        identifier = f"{self._run}-i{self._chance.randrange(self._round())}"
        answer, started, ended = await self._asked("GET", f"Basic?identifier={SYSTEM}|{identifier}&_count=1000")
        if answer.status == 200:
            ids = frozenset(row["resource"]["id"] for row in answer.body.get("entry", ()))
            self._note(f"find {identifier}", started, ended, found={identifier: ids})

    async def _skew(self) -> None:
        """Create under one identifier if there is nothing under the other: of the two that do so, one may succeed."""
        number = self._notes.answered // 40
        sides = [f"{self._run}-s{number}a", f"{self._run}-s{number}b"]
        self._chance.shuffle(sides)
        self._notes.groups.add((min(sides), max(sides)))
        value = self._fresh()
        request = {"method": "POST", "url": "Basic", "ifNoneExist": f"identifier={SYSTEM}|{sides[0]}"}
        rows = [{"resource": basic(None, value, sides[1]), "request": request}]
        self._created("conditional bundle", sides[0], sides[1], value, await self._asked("POST", "", bundle(rows)))


def bundle(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A transaction."""
    return {"resourceType": "Bundle", "type": "transaction", "entry": rows}


def replaced(row: Mapping[str, Any], value: str) -> Version:
    """The version that an entry's response names."""
    response = row["response"]
    return Version(int(response["etag"].partition('"')[2].rstrip('"')), value, response.get("lastModified", ""))


def seen_in(answer: Answered) -> Version:
    """The version that a read showed: absent, deleted or there."""
    if answer.status == 200:
        return version_of(answer.body)
    return ABSENT if answer.status == 404 else Version(answer.version)
