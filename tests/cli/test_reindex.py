"""Index entries are made anew from what is stored."""

from __future__ import annotations

import asyncio
from pathlib import Path

from countyfhir.app import open_world
from countyfhir.settings import load
from countyfhir.store.ports import Job
from tests.cli.conftest import Run


def test_fresh_entries_are_those_of_the_write(run: Run, tmp_path: Path) -> None:
    """Nothing differs after a load; another time zone changes the entries of dates; a type can be chosen."""
    (tmp_path / "a.ndjson").write_text(
        '{"resourceType":"Patient","id":"a","birthDate":"1960-01-02","name":[{"text":"张三"}]}\n'
        '{"resourceType":"Organization","id":"o","name":"村卫生室","meta":{"tag":[{"code":"t"}]}}\n'
    )
    assert run("load", "a.ndjson").code == 0
    assert run("reindex").out == "2 resources looked at, 0 had other entries than before\n"
    assert run("reindex", "--time-zone", "UTC").out == "2 resources looked at, 1 had other entries than before\n"
    assert run("reindex", "--type", "Organization").out.startswith("1 resources looked at, 0")


def test_unknown_types_are_refused(run: Run) -> None:
    """With exit code 2."""
    assert run("reindex", "--type", "Patients").code == 2


def test_a_search_parameter_that_was_loaded_is_made_ready(run: Run, tmp_path: Path) -> None:
    """Without a server it is this command that does the job; again there is nothing left of it."""
    (tmp_path / "a.ndjson").write_text(
        '{"resourceType":"Patient","id":"a","name":[{"text":"张三"}]}\n'
        '{"resourceType":"SearchParameter","id":"called","url":"https://fhir.county-hc.example/called","name":"Called",'
        '"status":"active","description":"x","code":"called","base":["Patient"],"type":"string",'
        '"expression":"Patient.name.text"}\n'
    )
    assert run("load", "a.ndjson").code == 0
    assert run("reindex").out == "2 resources looked at, 0 had other entries than before\n"
    jobs = asyncio.run(jobs_of(tmp_path))
    assert {job.state for job in jobs} == {"finished"}
    assert jobs[0].progress["changed"] == 1


async def jobs_of(folder: Path) -> list[Job]:
    """The reindex jobs of the store that commands in the folder work on."""
    path = next(folder.rglob("*.sqlite"))
    async with open_world(load({"store": f"sqlite:{path}"})) as opened:
        return await opened.store.jobs.of_kind("reindex")
