"""Loading sends every resource once, traces refusals to their resource, keeps order where it matters, and resumes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from countyfhir.cli.loading.destination import Reply, Unreachable
from countyfhir.cli.loading.ledger import Ledger
from countyfhir.cli.loading.sending import Load, Tally, load


class Recorder:
    """A destination in memory: keeps the latest of each resource, refuses what it is told to, may stop answering."""

    name = "recorder"

    def __init__(self, refuse: Iterable[str] = (), stop_after: int | None = None) -> None:
        self.refuse, self.stop_after = set(refuse), stop_after
        self.kept: dict[str, Any] = {}
        self.sent = 0

    async def send(self, bundle: bytes) -> Reply:
        """As a transaction: all or nothing. The first to come are the last to be done."""
        await asyncio.sleep(0.002 if self.sent % 2 == 0 else 0)
        if self.stop_after is not None and self.sent >= self.stop_after:
            raise Unreachable("gone")
        self.sent += 1
        entries = json.loads(bundle)["entry"]
        urls = [entry["request"]["url"] for entry in entries]
        if self.refuse & set(urls):
            issue = {
                "severity": "error",
                "code": "value",
                "diagnostics": "no such code",
                "expression": ["Patient.gender"],
            }
            return Reply(422, {"resourceType": "OperationOutcome", "issue": [issue]})
        self.kept.update({url: entry["resource"] for url, entry in zip(urls, entries, strict=True)})
        return Reply(200, {"entry": [{"response": {"status": "200 OK"}} for _ in entries]})


def loaded(tmp_path: Path, destination: Recorder, files: list[Path], *, group: int = 4, concurrency: int = 3) -> Tally:
    """Load the files."""
    ledger = Ledger(tmp_path / "ledger", destination.name)
    try:
        return asyncio.run(load(files, Load(destination, ledger, group, concurrency, lambda *_: None)))
    finally:
        ledger.close()


def patients(path: Path, names: Iterable[str]) -> Path:
    """A file of patients, numbered in their order."""
    lines = (json.dumps({"resourceType": "Patient", "id": name, "n": n}) for n, name in enumerate(names))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_refusals_are_traced_to_their_resource(tmp_path: Path) -> None:
    """One bad resource does not keep its neighbours out, and the reason says where and why."""
    file = patients(tmp_path / "a.ndjson", (str(n) for n in range(50)))
    recorder = Recorder(refuse={"Patient/7", "Patient/30"})
    tally = loaded(tmp_path, recorder, [file], group=10)
    assert tally.loaded == len(recorder.kept) == 48
    assert sorted(place for _, place, _ in tally.refused) == ["line 31", "line 8"]
    assert {reason for *_, reason in tally.refused} == {"status 422: no such code (Patient.gender)"}


def test_the_later_writing_of_a_resource_wins(tmp_path: Path) -> None:
    """However many groups are under way at once."""
    file = patients(tmp_path / "a.ndjson", "abcdabcdabcdxyzabcd")
    recorder = Recorder()
    loaded(tmp_path, recorder, [file], group=4, concurrency=8)
    assert {url: patient["n"] for url, patient in recorder.kept.items()} == {
        "Patient/x": 12, "Patient/y": 13, "Patient/z": 14,
        "Patient/a": 15, "Patient/b": 16, "Patient/c": 17, "Patient/d": 18,
    }  # fmt: skip


def test_a_stopped_load_goes_on(tmp_path: Path) -> None:
    """After the destination comes back, the rest is loaded and nothing is missing; a third time nothing is sent."""
    files = [patients(tmp_path / f"{name}.ndjson", (f"{name}{n}" for n in range(40))) for name in "ab"]
    recorder = Recorder(stop_after=13)
    with pytest.raises(Unreachable):
        loaded(tmp_path, recorder, files)
    recorder.stop_after = None
    tally = loaded(tmp_path, recorder, files)
    assert len(recorder.kept) == 80
    assert tally.skipped_files == 1
    assert tally.resumed > 0
    sent = recorder.sent
    assert loaded(tmp_path, recorder, files).skipped_files == 2
    assert recorder.sent == sent


def test_entries_of_a_batch_that_are_refused_are_told(tmp_path: Path) -> None:
    """A batch succeeds as a whole and may fail in its entries."""

    class Partly(Recorder):
        async def send(self, bundle: bytes) -> Reply:
            outcome = {"issue": [{"severity": "error", "code": "not-found", "diagnostics": "nobody"}]}
            answers = [{"response": {"status": "201 Created"}}, {"response": {"status": "404", "outcome": outcome}}]
            return Reply(200, {"entry": answers})

    file = tmp_path / "b.json"
    file.write_text('{"resourceType":"Bundle","type":"batch","entry":[{},{}]}')
    tally = loaded(tmp_path, Partly(), [file])
    assert tally.loaded == 1
    assert tally.refused == [(file, "entry 2", "status 404: nobody")]
