"""Reindex jobs: no stale process's write is missed, a stopped job is gone on with, readiness follows the parameters."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from countyfhir.app import Opened, open_world
from countyfhir.exchange import Interaction
from countyfhir.interactions import reindex_jobs, reindexing
from countyfhir.model.definitions import Definitions, definitions
from countyfhir.outcome import FhirError
from countyfhir.search import custom
from countyfhir.settings import load
from countyfhir.store.ports import Job
from tests.stores import store_at

URL = "https://fhir.county-hc.example/SearchParameter/"


def definition(code: str = "nick", **other: Any) -> dict[str, Any]:
    """An active SearchParameter."""
    return {
        "resourceType": "SearchParameter",
        "id": code,
        "url": URL + code,
        "name": "Nick",
        "status": "active",
        "description": "A name in use",
        "code": code,
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.name.where(use='nickname').text",
    } | other


async def put(world: Opened, resource: dict[str, Any]) -> None:
    """Write under the resource's id."""
    kind, logical_id = resource["resourceType"], resource["id"]
    await world.perform(Interaction("update", kind, logical_id, body=resource, http_method="PUT"))


def patient(logical_id: str) -> dict[str, Any]:
    """A Patient with a nickname."""
    return {"resourceType": "Patient", "id": logical_id, "name": [{"use": "nickname", "text": "小王"}]}


async def found(world: Opened, code: str = "nick") -> int:
    """How many Patients have the nickname."""
    query = ((code, "小王"), ("_total", "accurate"), ("_count", "0"))
    answer = await world.perform(Interaction("search-type", "Patient", query=query))
    assert isinstance(answer.body, bytes)
    return int(answer.body.partition(b'"total":')[2].partition(b",")[0].rstrip(b"}"))


def test_a_stale_process_writes_with_the_present_parameters(tmp_path: Path) -> None:
    """Its commit fails once, it reloads, and what it then writes after the reindex is over is found."""

    async def run() -> None:
        settings = load({"store": store_at(tmp_path / "a.sqlite")})
        async with open_world(settings) as one, open_world(settings) as stale:
            await put(one, definition())
            assert await reindexing.work(one.world, "one") is True
            assert stale.store.resources.definitions == 0
            await put(stale, patient("late"))
            assert stale.store.resources.definitions == 1
            assert await found(one) == await found(stale) == 1

    asyncio.run(run())


def test_a_stale_process_hears_of_a_parameter_when_it_is_asked(tmp_path: Path) -> None:
    """A search that fails looks whether the store has moved on."""

    async def run() -> None:
        settings = load({"store": store_at(tmp_path / "a.sqlite")})
        async with open_world(settings) as one, open_world(settings) as stale:
            await put(one, patient("early"))
            with pytest.raises(FhirError):
                await found(stale)
            await put(one, definition())
            with pytest.raises(FhirError) as refused:
                await found(stale)
            assert refused.value.status == 409
            assert await reindexing.work(one.world, "one") is True
            assert await found(stale) == 1

    asyncio.run(run())


def test_two_processes_cannot_both_take_a_code(tmp_path: Path) -> None:
    """The second one is refused although it did not know of the first when it was asked."""

    async def run() -> None:
        settings = load({"store": store_at(tmp_path / "a.sqlite")})
        async with open_world(settings) as one, open_world(settings) as other:
            asked = (put(one, definition()), put(other, definition(id="again", url=URL + "again")))
            ended = await asyncio.gather(*asked, return_exceptions=True)
            refused = [each for each in ended if isinstance(each, FhirError)]
            assert len(refused) == 1
            assert "already" in str(refused[0])

    asyncio.run(run())


def test_a_stopped_job_goes_on_where_it_was(tmp_path: Path) -> None:
    """Its progress is kept and its lease let go; the next one begins behind the last batch."""

    async def run() -> None:
        async with open_world(load({"store": store_at(tmp_path / "a.sqlite")})) as world:
            entries = [
                {"resource": patient(f"p{number}"), "request": {"method": "PUT", "url": f"Patient/p{number}"}}
                for number in range(reindexing.AT_A_TIME + 50)
            ]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            await world.perform(Interaction("transaction", body=bundle, http_method="POST"))
            await put(world, definition())

            def stop(job: Job) -> None:
                if job.progress["checked"]:
                    raise RuntimeError("pulled the plug")

            with pytest.raises(RuntimeError):
                await reindexing.work(world.world, "first", stop)
            left = (await reindexing.unfinished(world.world))[0]
            assert left.progress["checked"] == reindexing.AT_A_TIME
            with pytest.raises(FhirError):
                await found(world)
            heard: list[Job] = []
            assert await reindexing.work(world.world, "second", heard.append) is True
            assert [job.progress["checked"] for job in heard] == [reindexing.AT_A_TIME + 50]
            assert (heard[0].state, heard[0].progress["total"]) == ("finished", reindexing.AT_A_TIME + 50)
            assert await found(world) == reindexing.AT_A_TIME + 50

    asyncio.run(run())


def test_a_newer_version_takes_over_what_was_left(tmp_path: Path) -> None:
    """The job of the version before ends as failed; the parameters of both are ready when the newer one is done."""

    async def run() -> None:
        async with open_world(load({"store": store_at(tmp_path / "a.sqlite")})) as world:
            await put(world, patient("p"))
            await put(world, definition())
            await put(world, definition("pet-name"))
            while await reindexing.work(world.world, "me"):
                pass
            jobs = {job.job_id: job.state for job in await world.store.jobs.of_kind(reindex_jobs.KIND)}
            assert jobs == {"reindex-definitions-1": "failed", "reindex-definitions-2": "finished"}
            assert await found(world) == await found(world, "pet-name") == 1

    asyncio.run(run())


def test_what_was_ready_stays_ready_and_only_its_types_are_walked(one: custom.Custom, other: custom.Custom) -> None:
    """A parameter that was there all the while is kept; one that was away in between is not."""
    first = reindex_jobs.planned(1, [one], None)
    assert (first["kept"], first["types"]) == ([], ["Patient"])
    second = reindex_jobs.planned(2, [one, other], job(1, "finished", first))
    assert (second["kept"], second["types"]) == ([one.url], ["Observation"])
    third = reindex_jobs.planned(3, [other], job(2, "running", second))
    assert (third["kept"], third["types"]) == ([], ["Observation", "Patient"])
    fourth = reindex_jobs.planned(4, [one, other], job(3, "finished", third))
    assert (fourth["kept"], fourth["types"]) == ([other.url], ["Patient"])
    assert reindex_jobs.planned(6, [one], None)["types"] is None


def job(version: int, state: str, progress: dict[str, Any]) -> Job:
    """The job of a version."""
    return Job(reindex_jobs.job_id(version), reindex_jobs.KIND, state, None, 0, 0, progress)


@pytest.fixture
def one() -> custom.Custom:
    """A parameter on Patient."""
    return custom.custom(definition(), _known())


@pytest.fixture
def other() -> custom.Custom:
    """A parameter on Observation."""
    return custom.custom(definition("note", base=["Observation"], expression="Observation.note.text"), _known())


def _known() -> Definitions:

    return definitions()
