"""Records that other processes map and prepare are stored as if one process had done all."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from countyfhir.cli import preparing
from countyfhir.exchange import SYSTEM, Answer, Interaction
from countyfhir.intake.desk import Desk, Stream
from countyfhir.intake.lookups import Tables
from countyfhir.intake.reading import Record, Unreadable
from countyfhir.intake.report import FileReport
from countyfhir.mapping import Context, load

SOURCE = "title: 测试\ninstitution: 县医院\ninstitutions: [{name: 县医院, code: X1}]\n"
MAPPING = """title: 病人
version: 1
source: {format: csv, file: "patients*.csv", encoding: utf-8, columns: [ID, XM]}
record: {key: [ID], main: [name]}
values: {name: XM | name}
resources:
  - type: Patient
    key: "{ID}"
    content: {name: [{text: "{name}"}]}
"""


class Pickling(ThreadPoolExecutor):
    """Threads that are given and give back what crosses the border of a process."""

    def submit(self, work: Any, /, *given: Any, **named: Any) -> Any:
        def crossed() -> Any:
            return pickle.loads(pickle.dumps(work(*pickle.loads(pickle.dumps(given)))))

        return super().submit(crossed)


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    """A stream of a mapping of patients."""
    folder = tmp_path / "mappings" / "s"
    folder.mkdir(parents=True)
    (folder / "source.yaml").write_text(SOURCE, "utf-8")
    (folder / "patients.yaml").write_text(MAPPING, "utf-8")
    (mapping,) = load(tmp_path / "mappings")[0].mappings
    return Stream(mapping, "s/patients.csv", "0" * 64, Context(), FileReport("s/patients.csv", mapping.name), tmp_path)


def records(count: int, fault: bool = False) -> Any:
    """Rows of patients; then, perhaps, the rest cannot be read."""
    for number in range(1, count + 1):
        yield Record(number, {"ID": str(number), "XM": "王小明"})
    if fault:
        raise Unreadable("the file ends in the middle of a record")


def ahead_of(stream: Stream, given: Any, pool: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The batches, as far as they come; and why no more do."""
    bench = preparing.Bench(world, None, None, {stream.mapping.name: stream.mapping}, Tables())  # type: ignore[arg-type]
    monkeypatch.setattr(preparing, "_BENCH", [bench])

    async def work() -> Any:
        batches: list[Any] = []
        try:
            async for batch in preparing._ahead(pool, given, stream, 60):
                batches.append(batch)  # noqa: PERF401  what comes before a fault counts
        except Unreadable as error:
            return batches, error
        return batches, None

    return work()


def test_batches_come_in_order_with_what_is_ready(stream: Stream, tmp_path: Path, monkeypatch: Any) -> None:
    """In order, with prepared resources that the door takes as they are; a fault after 130 records is told after
    them."""
    from countyfhir.app import open_world
    from countyfhir.intake.records import take_records
    from countyfhir.settings import Settings

    async def work() -> Any:
        async with open_world(Settings(store=f"sqlite:{tmp_path / 'store.sqlite'}")) as opened:
            with Pickling(2) as pool:
                batches, error = await ahead_of(stream, records(130, fault=True), pool, opened, monkeypatch)
                taken: list[Interaction] = []

                async def write(interactions: Any) -> list[Answer]:
                    taken.extend(interactions)
                    return [await opened.perform(one) for one in interactions]

                def ahead(given: Any, stream: Stream, size: int) -> Any:
                    return preparing._ahead(pool, given, stream, size)

                await take_records(records(70), stream, Desk(opened.store.intake, write, batch=30, ahead=ahead), 70)
            return batches, error, taken

    batches, error, taken = asyncio.run(work())
    assert [record.number for batch in batches for record, _ in batch] == list(range(1, 131))
    assert isinstance(error, Unreadable)
    made = [made for batch in batches for _, made in batch]
    assert all(one.ready[f"Patient/{one.resources[0]['id']}"].resource is one.resources[0] for one in made)
    assert stream.report.counts == {"stored": 70}
    transactions = [(one.body["entry"], one.account) for one in taken if one.account is not None]
    written = [(entry["resource"], account.ready) for entries, account in transactions for entry in entries]
    kinds = Counter(resource["resourceType"] for resource, _ in written)
    assert kinds == {"Patient": 70, "Provenance": 70}
    assert all(ready[f"{one['resourceType']}/{one['id']}"].resource is one for one, ready in written)


def test_a_provenance_that_turns_out_otherwise_is_made_anew(stream: Stream, tmp_path: Path, monkeypatch: Any) -> None:
    """What was prepared holds for a record that is new: a changed one says UPDATE, as if one process had done all."""
    from countyfhir.app import open_world
    from countyfhir.intake.records import take_records
    from countyfhir.settings import Settings

    async def work() -> list[str]:
        async with open_world(Settings(store=f"sqlite:{tmp_path / 'store.sqlite'}")) as opened:
            with Pickling(1) as pool:
                bench = preparing.Bench(opened, None, None, {stream.mapping.name: stream.mapping}, Tables())  # type: ignore[arg-type]
                monkeypatch.setattr(preparing, "_BENCH", [bench])

                async def write(interactions: Any) -> list[Answer]:
                    return [await opened.perform(one) for one in interactions]

                def ahead(given: Any, stream: Stream, size: int) -> Any:
                    return preparing._ahead(pool, given, stream, size)

                desk = Desk(opened.store.intake, write, ahead=ahead)
                for name in ("王小明", "王大明"):
                    await take_records(iter([Record(1, {"ID": "1", "XM": name})]), stream, desk, 1)
            found = await opened.perform(Interaction("search-type", "Provenance", principal=SYSTEM))
            bundle = json.loads(found.body)  # type: ignore[arg-type]
            history = await opened.perform(
                Interaction("history-instance", "Provenance", bundle["entry"][0]["resource"]["id"], principal=SYSTEM)
            )
            versions = [entry["resource"] for entry in json.loads(history.body)["entry"]]  # type: ignore[arg-type]
            return [one["activity"]["coding"][0]["code"] for one in versions]

    assert asyncio.run(work()) == ["UPDATE", "CREATE"]


def test_when_the_processes_have_died_this_one_goes_on(stream: Stream, monkeypatch: Any) -> None:
    """A pool that breaks loses no record."""

    class Broken(ThreadPoolExecutor):
        def submit(self, work: Any, /, *given: Any, **named: Any) -> Any:
            def broken() -> None:
                raise preparing.BrokenProcessPool

            return super().submit(broken)

    with Broken(1) as pool:
        batches, _ = asyncio.run(ahead_of(stream, records(70), pool, None, monkeypatch))
    assert [made.key for batch in batches for _, made in batch] == [f"ID={number}" for number in range(1, 71)]
