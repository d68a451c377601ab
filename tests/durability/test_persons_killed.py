"""A process that is killed while it links persons leaves nothing lost and nothing twice: the next look finishes."""

from __future__ import annotations

import asyncio
import os
import signal
import warnings
from pathlib import Path
from typing import Any

import pytest

from countyfhir.app import open_world
from countyfhir.exchange import SYSTEM, Interaction
from countyfhir.interactions.persons import index, linking
from countyfhir.model import json
from countyfhir.settings import Settings

NUMBER = "110101199003077694"


def patient(logical_id: str) -> dict[str, Any]:
    """A record of the one person of this test."""
    return {
        "resourceType": "Patient",
        "id": logical_id,
        "identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": NUMBER}],
        "name": [{"text": "王小明"}],
        "birthDate": "1990-03-07",
        "gender": "male",
    }


async def put(world: Any, logical_id: str) -> None:
    await world.perform(Interaction("update", "Patient", logical_id, body=patient(logical_id), principal=SYSTEM))


def killed_at(path: Path, kill: Any) -> None:
    """A process of its own writes the second record, and is killed on the way."""

    async def work() -> None:
        async with open_world(Settings(store=f"sqlite:{path}")) as opened:
            kill()
            await put(opened, "b")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what forks here ends at once
        child = os.fork()
    if child == 0:
        asyncio.run(work())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


async def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def before_entering() -> None:
    index.take = die


def before_linking() -> None:
    linking.write = die


def before_remembering() -> None:
    linking._remember = die


@pytest.mark.parametrize("kill", [before_entering, before_linking, before_remembering])
def test_the_next_look_links_what_was_left(tmp_path: Path, kill: Any) -> None:
    """Killed after the Patient was committed; after the links were; the index finishes, and then has nothing to do."""
    path = tmp_path / "store.sqlite"

    async def first() -> None:
        async with open_world(Settings(store=f"sqlite:{path}")) as opened:
            await put(opened, "a")

    async def after() -> Any:
        async with open_world(Settings(store=f"sqlite:{path}")) as opened:
            world = opened.world
            await index.catch_up(world)
            versions = await versions_of(world)
            assert await index.catch_up(world) == 0
            await put(opened, "a")  # a write of the same content changes no link
            linked = await world.store.persons.linked(["a", "b"])
            return versions, await versions_of(world), linked, await bodies(world)

    asyncio.run(first())
    killed_at(path, kill)
    versions, later, linked, found = asyncio.run(after())
    (golden,) = [one for one in found if one.startswith("person-")]
    assert linked == {"a": (golden, "a", "b"), "b": (golden, "a", "b")}
    assert sorted(one["other"]["reference"] for one in found[golden]["link"]) == ["Patient/a", "Patient/b"]
    assert later["b"] == versions["b"]
    assert later[golden] == versions[golden] == 1


async def bodies(world: Any) -> dict[str, Any]:
    """Every Patient as it is now."""
    answer = await world.store.resources.search(everybody())
    return {one.logical_id: json.parse(one.body) for one in answer.matches}


async def versions_of(world: Any) -> dict[str, int]:
    answer = await world.store.resources.search(everybody())
    return {one.logical_id: one.version_id for one in answer.matches}


def everybody() -> Any:
    from countyfhir.search.query import Query

    return Query(("Patient",), (), (), count=50)
