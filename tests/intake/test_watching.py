"""A watched folder: files are taken in when they are complete, once, also after a new start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from countyfhir.intake.archives import discover_unpacked
from countyfhir.intake.inputs import Inputs, files
from countyfhir.intake.watching import Watch
from countyfhir.mapping import load
from countyfhir.outcome import FhirError

if TYPE_CHECKING:
    from .conftest import Bench

HEAD = "ID,XM,GM,DH,T\n"


def watch_of(bench: Bench, moved: Path | None = None) -> Watch:
    sources, folder, rounds = load(bench.folder / "mappings"), bench.folder / "s", iter(range(99))
    folder.mkdir(exist_ok=True)

    def inputs(only: frozenset[Path]) -> Inputs:
        into = bench.folder / f"out{next(rounds)}"
        return discover_unpacked([folder], sources, {}, into, only)

    return Watch(sources, lambda: files([folder]), inputs, lambda report: None, moved=moved)


async def totals(watch: Watch, desk: Any, rounds: int) -> list[int]:
    """How many records each look took in."""
    reports = [await watch.round(desk) for _ in range(rounds)]
    return [report.total()["read"] if report else 0 for report in reports]


def test_a_file_is_taken_in_when_it_no_longer_grows(bench: Bench) -> None:
    """Not at the first look, not while it changes, not under the name of an unfinished transfer; then once, and again
    when it has changed."""

    async def work(world: Any, desk: Any) -> None:
        watch = watch_of(bench)
        bench.file("patients-1.csv", HEAD + "1,张三,,,2025-01-01\n")
        bench.file("patients-2.csv.part", HEAD + "2,李四,,,2025-01-01\n")
        assert await totals(watch, desk, 1) == [0]
        bench.file("patients-1.csv", HEAD + "1,张三,,,2025-01-01\n3,王五,,,2025-01-01\n")
        assert await totals(watch, desk, 3) == [0, 2, 0]
        bench.file("patients-1.csv", HEAD + "1,张三丰,,,2025-01-02\n")
        assert await totals(watch, desk, 3) == [0, 1, 0]
        assert await totals(watch_of(bench), desk, 3) == [0, 0, 0]  # a new start: known by its content

    bench.perform(work)


def test_files_are_moved_when_they_are_accounted_for(bench: Bench) -> None:
    """Also one that comes again with the same content, under a name of its own."""
    gone = bench.folder / "done"

    async def work(world: Any, desk: Any) -> None:
        watch = watch_of(bench, gone)
        for _ in range(2):
            path = bench.file("patients-1.csv", HEAD + "1,张三,,,2025-01-01\n")
            await totals(watch, desk, 2)
            assert not path.exists()
        assert sorted(one.name for one in gone.rglob("*.csv")) == ["patients-1-2.csv", "patients-1.csv"]

    bench.perform(work)


def test_while_the_store_does_not_answer_files_wait(bench: Bench) -> None:
    """The next look takes them in."""
    fails = [FhirError("transient", "busy")]

    def refuse(interaction: Any) -> None:
        if fails:
            raise fails.pop()

    bench.refuse = refuse

    async def work(world: Any, desk: Any) -> None:
        watch = watch_of(bench)
        bench.file("patients-1.csv", HEAD + "1,张三,,,2025-01-01\n")
        assert await watch.round(desk) is None
        with pytest.raises(FhirError):
            await watch.round(desk)
        assert await totals(watch, desk, 2) == [1, 0]

    bench.perform(work)


def test_what_nothing_can_be_read_of_stays_and_is_told_once(bench: Bench) -> None:
    """A file no mapping is for; an archive that is damaged. Neither is moved nor remembered."""

    async def work(world: Any, desk: Any) -> None:
        watch = watch_of(bench, bench.folder / "done")
        bench.file("holiday.doc", "x")
        bench.file("broken.zip", "no archive")
        bench.file("patients-1.csv", HEAD + "1,张三,,,2025-01-01\n")
        assert await watch.round(desk) is None
        report = await watch.round(desk)
        assert report is not None
        assert [name.split(" ")[0] for name in sorted(report.unmatched)] == ["s/broken.zip", "s/holiday.doc"]
        assert await totals(watch, desk, 2) == [0, 0]
        assert sorted(one.name for one in (bench.folder / "s").iterdir()) == ["broken.zip", "holiday.doc"]

    bench.perform(work)
