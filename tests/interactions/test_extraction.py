"""A store with entries of another version of this program is indexed anew by itself, and says so until that is done."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from countyfhir.app import Opened, open_world
from countyfhir.exchange import Interaction
from countyfhir.interactions import extraction, reindex_jobs, reindexing
from countyfhir.settings import load
from tests.stores import store_at

PATIENT = {"resourceType": "Patient", "id": "a", "gender": "male"}


async def asked(opened: Opened, query: str) -> tuple[list[str], str]:
    """The ids that are found, and what the answer says."""
    name, _, value = query.partition("=")
    answer = await opened.perform(Interaction("search-type", "Patient", query=((name, value),)))
    assert isinstance(answer.body, bytes)
    text = answer.body.decode()
    return ["a"] if '"id":"a"' in text else [], text


async def jobs(opened: Opened) -> dict[str, str]:
    """The reindex jobs and their states."""
    return {job.job_id: job.state for job in await opened.store.jobs.of_kind(reindex_jobs.KIND)}


def test_an_older_store_is_indexed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is added once, whoever opens the store; searches and the CapabilityStatement say so while it goes on."""
    settings = load({"store": store_at(tmp_path / "a.sqlite"), "load_definitions": "off"})

    async def filled() -> None:
        async with open_world(settings) as opened:
            await opened.perform(Interaction("update", "Patient", "a", body=PATIENT))
            assert await jobs(opened) == {}

    async def upgraded() -> None:
        async with open_world(settings) as opened, open_world(settings) as other:
            assert await jobs(opened) == {"reindex-extraction-2": "waiting"}
            found, text = await asked(other, "gender=male")
            assert found == ["a"]
            assert "reindex-extraction-2" in text
            metadata = await opened.perform(Interaction("capabilities"))
            assert isinstance(metadata.body, bytes)
            assert b"reindex-extraction-2" in metadata.body
            assert await reindexing.work(opened.world, "one") is True
            assert await jobs(opened) == {"reindex-extraction-2": "finished"}
            assert "reindex" not in (await asked(opened, "gender=male"))[1]
            await extraction.look(other.world)
            assert other.world.searching.behind is None
        async with open_world(settings) as again:
            assert await jobs(again) == {"reindex-extraction-2": "finished"}

    asyncio.run(filled())
    monkeypatch.setattr(extraction, "EXTRACTION_VERSION", extraction.EXTRACTION_VERSION + 1)
    asyncio.run(upgraded())


def test_an_earlier_version_indexes_anew_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Going back is a change like any other."""
    settings = load({"store": store_at(tmp_path / "a.sqlite"), "load_definitions": "off"})

    async def opened_with(version: int) -> list[str]:
        monkeypatch.setattr(extraction, "EXTRACTION_VERSION", version)
        async with open_world(settings) as opened:
            await opened.perform(Interaction("update", "Patient", "a", body=PATIENT))
            return list(await jobs(opened))

    assert asyncio.run(opened_with(2)) == []
    assert asyncio.run(opened_with(3)) == ["reindex-extraction-2"]
    assert asyncio.run(opened_with(2)) == ["reindex-extraction-2", "reindex-extraction-3"]
