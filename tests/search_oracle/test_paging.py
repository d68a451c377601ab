"""Next links under concurrent writes: what matched throughout and kept its sort keys appears exactly once (R4 section
3.1.1.5.6)."""

from __future__ import annotations

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from countyfhir.app import Opened
from countyfhir.exchange import Interaction

from . import asking

SORTS = (
    "",
    "family",
    "-family",
    "birthdate,-name",
    "-birthdate,_id",
    "gender,-_lastUpdated",
    "general-practitioner",
    "_id",
)
STEADY = 24


def patient(number: int, random: Random) -> dict[str, Any]:
    """A Patient whose sort keys repeat often and are often missing."""
    made: dict[str, Any] = {"resourceType": "Patient", "id": f"s{number:03}", "active": True}
    if random.random() < 0.7:
        made["name"] = [{"family": random.choice(("Zhou", "张", "Li")), "given": [random.choice("ab")]}]
    if random.random() < 0.7:
        made["birthDate"] = random.choice(("1980", "1980-01-01", "1999-12"))
    if random.random() < 0.5:
        made["gender"] = random.choice(("male", "female"))
    if random.random() < 0.5:
        made["generalPractitioner"] = [
            {"reference": random.choice(("Practitioner/a", "https://else.org/Practitioner/b"))}
        ]
    return made


async def disturb(opened: Opened, random: Random) -> None:
    """Create, change and delete patients that come and go."""
    for _ in range(4):
        passing = patient(random.randrange(20), random)
        passing["id"] = f"x{passing['id']}"
        if random.random() < 0.4:
            await opened.perform(Interaction("delete", "Patient", passing["id"]))
        else:
            passing["active"] = random.random() < 0.8
            await asking.put(opened, passing)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("count", [1, 4])
def test_a_steady_row_appears_exactly_once(sort: str, count: int) -> None:
    """Writes and deletes between the pages neither lose nor repeat a row that was not touched; nor does a restart."""
    random = Random(f"{sort}/{count}")
    url: str | None = f"Patient?active=true&_count={count}" + (f"&_sort={sort}" if sort else "")
    steady = [patient(number, random) for number in range(STEADY)]
    seen: list[str] = []

    async def prepare(opened: Opened) -> None:
        for each in steady:
            await asking.put(opened, each)
            if random.random() < 0.3:
                await disturb(opened, random)

    async def follow(opened: Opened, most: int) -> str | None:
        following = url
        for _ in range(most):
            if following is None:
                break
            bundle = await asking.page(opened, following)
            seen.extend(logical_id for _, logical_id in asking.keys_of(bundle))
            following = asking.next_of(bundle)
            await disturb(opened, random)
        return following

    with TemporaryDirectory() as folder:
        path = Path(folder) / "county.sqlite"
        asking.with_server(path, prepare)
        for _ in range(4):
            if url is not None:
                url = asking.with_server(path, lambda opened: follow(opened, STEADY // count // 4 + 1))
        if url is not None:
            asking.with_server(path, lambda opened: follow(opened, 200))
    assert sorted(each for each in seen if each.startswith("s")) == [each["id"] for each in steady]


def test_pages_keep_their_order_across_workers() -> None:
    """A cursor made by one server process goes on in another on the same store, in one order."""
    random = Random(5)
    url = "Patient?_sort=-name,birthdate&_count=4"

    async def story(first: Opened, second: Opened) -> None:
        await asking.put_all(first, [patient(number, random) for number in range(STEADY)])
        whole = asking.keys_of(await asking.page(first, f"{url}00"))
        found, following, servers = [], url, [first, second]
        while following:
            bundle = await asking.page(servers[0], following)
            servers.reverse()
            found += asking.keys_of(bundle)
            following = asking.next_of(bundle)
        assert found == whole
        assert len(whole) == STEADY

    with TemporaryDirectory() as folder:
        asking.with_servers(Path(folder) / "county.sqlite", story)
